"""Commands as a person types them, on the example library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes import runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Home

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "library"
DISTILLS = {
    "deepseek-r1:1.5b",
    "deepseek-r1:7b",
    "deepseek-r1:8b-llama-distill",
    "deepseek-r1:14b",
    "deepseek-r1:32b",
    "deepseek-r1:70b",
}


def test_the_rule_of_thumb_is_printed_as_numbers_were_typed(home: Home) -> None:
    done = home.run("plan", "--rule-of-thumb", "--params", "7", "--bits", "4", "--json")

    assert done.stdout == '{"params_billion": 7, "bits": 4, "memory_gb": 4.2}\n'


def test_the_rule_of_thumb_without_its_numbers_is_a_usage_error(home: Home) -> None:
    done = home.run("plan", "--rule-of-thumb", "--params", "7")

    assert done.returncode == 2
    assert "--bits" in done.stderr


def test_a_plan_weighs_every_distill_and_says_why_one_does_not_fit(home: Home) -> None:
    report = home.json("plan")

    rows = [*report["options"], *report["rejections"]]
    assert {row["model"] for row in rows} >= DISTILLS
    assert all(option["rule_of_thumb_gb"] > 0 for option in report["options"])
    assert all(rejection["reason"] and rejection["suggestion"] for rejection in report["rejections"])
    assert report["fits"]
    assert report["reason"]


def test_a_plan_is_a_table_on_a_narrow_terminal(home: Home) -> None:
    home.environment["COLUMNS"] = "80"

    shown = home.run("plan").stdout

    assert max(len(line) for line in shown.splitlines()) <= 80
    assert all(tag in shown for tag in DISTILLS)
    assert "→ pick" in shown


@pytest.mark.parametrize("engine", ["ollama", "embedded"])
def test_a_dry_run_prints_what_would_be_started_and_starts_nothing(home: Home, engine: str) -> None:
    spec = home.json("up", "deepseek-r1:7b", "--engine", engine, "--context", "4096", "--dry-run")

    assert spec["engine"] == engine
    assert spec["argv"]
    assert spec["host"] == "127.0.0.1"
    assert not home.state_dir.exists()


def test_models_are_listed_with_published_scores(home: Home) -> None:
    models = {model["tag"]: model for model in home.json("models", "list")}

    assert models["deepseek-r1:32b"]["scores"]["aime2024_pass1"] == 72.6
    assert models["smollm2:135m"]["bundled"] is True


def test_a_second_ingest_skips_what_is_there_and_follows_what_changed(home: Home) -> None:
    folder = home.folder / "notes"
    folder.mkdir()
    for name in ("tea", "coffee", "water"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nA cup of {name} holds 200 millilitres.\n")
    assert home.json("ingest", str(folder))["report"]["added"] == 3

    (folder / "tea.md").write_text("# tea\n\nA pot of tea holds one litre.\n")
    (folder / "coffee.md").unlink()
    report = home.json("ingest", str(folder))["report"]

    assert (report["added"], report["replaced"], report["unchanged"], report["removed"]) == (0, 1, 1, 1)
    assert "one litre" in home.json("search", "tea")[0]["passage"]["text"]


def test_a_rebuild_keeps_what_can_be_found(home: Home) -> None:
    (home.folder / "tea.md").write_text("# tea\n\nA cup of tea holds 200 millilitres.\n")
    before = home.json("ingest", "tea.md")["counts"]

    after = home.json("ingest", "--rebuild")["counts"]

    assert after == before
    assert home.json("search", "tea")


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("教师模型 温度", "knowledge-distillation.md"),
        ("paged attention waste", "vllm-for-throughput.docx"),
        ("显存估算 经验公式", "vram-sizing.pdf"),
    ],
)
def test_a_search_finds_the_document_in_either_language(furnished: Home, query: str, document: str) -> None:
    found = [Path(hit["passage"]["path"]).name for hit in furnished.json("search", query)]

    assert document in found


def test_an_answer_without_a_model_is_the_documents_own_sentence_with_its_place(furnished: Home) -> None:
    answer = furnished.json("ask", "一个 100→500→10 的全连接网络一共有多少个参数？")

    assert answer["kind"] == "extractive"
    assert "55,510" in answer["text"]
    (citation,) = answer["citations"]
    assert Path(citation["path"]).name == "pruning-and-compression.md"
    assert citation["locator"].startswith("line ")
    assert citation["quote"] in (EXAMPLES / "zh" / "pruning-and-compression.md").read_text(encoding="utf-8")


def test_a_citation_of_a_pdf_names_its_page(furnished: Home) -> None:
    answer = furnished.json("ask", "How much memory is saved by going from FP32 to INT8?")

    assert answer["citations"][0]["locator"].startswith("p. ")


@pytest.mark.parametrize("question", ["Who won the football World Cup in 2018?", "红烧肉要炖多长时间？"])
def test_what_the_library_does_not_answer_is_refused(furnished: Home, question: str) -> None:
    answer = furnished.json("ask", question)

    assert answer["kind"] == "refused"
    assert answer["citations"] == []


def test_doctor_names_what_is_missing_and_the_command_that_mends_it(home: Home) -> None:
    findings = {finding["subject"]: finding for finding in home.json("doctor")["findings"]}

    assert findings["library"] == {
        "subject": "library",
        "ok": False,
        "detail": "nothing was ingested yet",
        "mend": "stillroom ingest PATH",
    }
    assert findings["engine embedded"]["ok"] is True


@pytest.fixture
def serving(home: Home) -> Iterator[Home]:
    """A house in which the bundled model runs in the background."""
    done = home.run("up", "--bundled", "--context", "4096")
    assert done.returncode == 0, done.stderr
    yield home
    home.run("down")


def test_an_engine_is_started_shown_and_stopped_with_nothing_left(serving: Home) -> None:
    shown = serving.json("status")
    pids = [shown["deployment"][name]["pid"] for name in ("supervisor", "engine_process")]
    measured = {term["name"]: term["measured_bytes"] for term in shown["measured"]["terms"]}

    assert shown["deployment"]["state"] == "running"
    # The KV cache is exact to the byte: 2 · 30 layers · 3 KV heads · 64 elements · 2 bytes · 4096 tokens.
    assert measured["kv_cache"] == shown["deployment"]["predicted_bytes"]["kv_cache"] == 23_040 * 4096
    assert serving.run("logs", "-n", "5").stdout.count("\n") == 5

    assert json.loads(serving.run("down", "--json").stdout) == {"stopped": True}
    assert not any(runs(pid) for pid in pids)
    assert serving.run("status").stdout.startswith("Nothing is running")


def test_a_second_engine_is_refused(serving: Home) -> None:
    done = serving.run("up", "--bundled")

    assert done.returncode == 1
    assert "try:   stillroom down" in done.stderr
