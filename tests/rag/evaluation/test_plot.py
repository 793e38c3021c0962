"""The picture of an evaluation: well-formed SVG, with each figure where it belongs."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from rag.evaluation.measurement import StageFigures
from rag.evaluation.plot import plot

SVG = "{http://www.w3.org/2000/svg}"


def drawn() -> ET.Element:
    stages = {
        "lexical": StageFigures({"recall@1": 0.71, "mrr@10": 0.8}, 1.0, 2.0),
        "hybrid": StageFigures({"recall@1": 1.0, "mrr@10": 1.0}, 30.0, 41.0),
    }
    return ET.fromstring(plot(stages, title="en <small> & more"))  # noqa: S314  our own text


def x_of(root: ET.Element, tip: str) -> float:
    """Where the dot with that tip stands, from the left."""
    for dot in root.iter(f"{SVG}path"):
        if dot.findtext(f"{SVG}title") == tip:
            return float(dot.attrib["transform"].removeprefix("translate(").split()[0])
    raise AssertionError(f"no dot says {tip!r}")


def test_the_picture_is_svg_with_a_title_a_legend_and_units() -> None:
    root = drawn()

    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert root.tag == f"{SVG}svg"
    assert {"en <small> & more", "lexical", "hybrid", "recall@1", "milliseconds a question"} <= set(texts)


def test_each_stage_has_a_dot_for_each_figure() -> None:
    tips = [title.text for title in drawn().iter(f"{SVG}title")]

    assert len(tips) == 1 + 2 * (2 + 2)
    assert "hybrid, 95 %: 41" in tips


def test_a_better_stage_stands_further_right_and_a_perfect_one_at_the_end() -> None:
    root = drawn()

    assert x_of(root, "lexical, recall@1: 0.71") < x_of(root, "hybrid, recall@1: 1") == 340.0
    assert x_of(root, "lexical, half: 1") < x_of(root, "hybrid, half: 30")
