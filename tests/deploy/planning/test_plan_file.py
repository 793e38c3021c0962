"""A plan comes back from its file as it was, and what is no plan is refused with its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from deploy.plan import Plan, PlanRequest
from deploy.planning.plan_file import load_plan, save_plan
from deploy.planning.planner import plan_bundled, require_pick
from stillroom.errors import PlanError
from tests.deploy.planning.test_document import CATALOG, REPORTS, machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLANS: dict[str, Plan] = {
    name: require_pick(report) for name, report in REPORTS.items() if report.pick is not None
} | {"bundled": plan_bundled(machine(), PlanRequest(), CATALOG)}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "plan.json"

    save_plan(PLANS[name], path)

    assert load_plan(path) == PLANS[name]


def test_a_plan_is_written_over_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLANS["two GPUs"], path)

    save_plan(PLANS["the CPU"], path)

    assert load_plan(path) == PLANS["the CPU"]


def changed(**fields: Any) -> Callable[[dict[str, Any]], None]:  # noqa: ANN401 -- any JSON
    return lambda document: document.update(fields)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (changed(kind="shopping-list"), "kind"),
        (changed(version=2), "version"),
        (changed(version="1"), "version"),
        (changed(more=1), "more"),
        (lambda document: document.pop("plan"), "plan"),
        (lambda document: document["plan"].pop("engine"), r"plan\.engine"),
        (lambda document: document["plan"].update(engine="llamafile"), r"plan\.engine"),
        (
            lambda document: document["plan"]["workload"].update(context_tokens="many"),
            r"plan\.workload\.context_tokens",
        ),
        (
            lambda document: document["plan"]["memory"]["terms"][0].pop("name"),
            r"plan\.memory\.terms\.0\.name",
        ),
        (lambda document: document["plan"]["budgets"].update(cpu="all"), r"plan\.budgets\.cpu"),
    ],
)
def test_what_is_no_plan_is_refused_with_file_and_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], place: str
) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLANS["a GPU"], path)
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(PlanError, match=rf"plan\.json holds no plan: at {place}") as raised:
        load_plan(path)
    assert raised.value.hint == "stillroom plan --save PATH"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b"3", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)

    with pytest.raises(PlanError, match=r"plan\.json holds no plan: at its first character"):
        load_plan(path)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff\xfe{")
    for name in ("nothing", ".", "latin"):
        with pytest.raises(PlanError, match="cannot be read"):
            load_plan(tmp_path / name)


def test_a_plan_cannot_be_written_where_a_folder_is(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be written"):
        save_plan(PLANS["a GPU"], tmp_path)
    with pytest.raises(PlanError, match="cannot be written"):
        save_plan(PLANS["a GPU"], tmp_path / "no-such-folder" / "plan.json")
