"""The picture: well-formed SVG, with each figure where it belongs."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from deploy.benchmark.figures import levels
from deploy.benchmark.plot import axis_step, plot
from deploy.benchmark.timing import Answered, Failed
from tests.deploy.benchmark.conftest import a_round

SVG = "{http://www.w3.org/2000/svg}"


def measured_levels() -> str:
    rounds = [
        a_round(client, Answered(0.1 * level, 1.0, 50 * level, None), concurrency=level)
        for level in (1, 2, 4)
        for client in ("raw", "toolkit")
    ]
    return plot(levels(rounds), title="smollm2:135m <on> embedded & more")


def test_the_picture_is_svg_with_a_title_and_axes_with_units() -> None:
    root = ET.fromstring(measured_levels())  # noqa: S314  our own text

    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    assert "smollm2:135m <on> embedded & more" in texts
    assert {"throughput, output tokens/s", "time to the first token, ms", "requests at once"} <= set(texts)
    assert {"1", "2", "4", "raw HTTP API", "toolkit"} <= set(texts)


def test_each_client_has_a_line_and_a_dot_a_level_in_each_panel() -> None:
    root = ET.fromstring(measured_levels())  # noqa: S314  our own text

    lines = [line.attrib["class"] for line in root.iter(f"{SVG}polyline")]
    assert lines == ["line raw", "line toolkit"] * 2
    assert len(list(root.iter(f"{SVG}circle"))) == 12


def test_a_larger_figure_stands_higher() -> None:
    root = ET.fromstring(measured_levels())  # noqa: S314  our own text

    throughput = next(root.iter(f"{SVG}polyline")).attrib["points"]
    heights = [float(point.split(",")[1]) for point in throughput.split()]
    assert heights == sorted(heights, reverse=True)
    # 200 tokens/s are the top of the axis, 50 a quarter of it: the panel reaches from 270 up to 80.
    assert heights == pytest.approx([222.5, 175.0, 80.0])


def test_both_colour_schemes_are_served() -> None:
    assert "prefers-color-scheme: dark" in measured_levels()


def test_nothing_measured_is_an_empty_picture_and_a_gap_is_left_out() -> None:
    empty = plot([], title="nothing")
    gap = plot(levels([a_round("raw", Failed("gone"))]), title="gap")

    for text in (empty, gap):
        assert not list(ET.fromstring(text).iter(f"{SVG}circle"))  # noqa: S314  our own text


@pytest.mark.parametrize(
    ("most", "step"), [(87.0, 25.0), (100.0, 25.0), (101.0, 50.0), (2100.0, 1000.0), (0.3, 0.1)]
)
def test_axes_have_round_steps(most: float, step: float) -> None:
    assert axis_step(most) == pytest.approx(step)
