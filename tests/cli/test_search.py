"""``stillroom search``: what a person sees, what a script reads, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.conftest import Home


def test_a_search_is_explained_step_by_step(furnished: Home) -> None:
    shown = furnished.run("search", "knowledge distillation temperature", "--explain", "--limit", "2").stdout
    assert "meaning  rank 1, cosine 0." in shown
    assert "words    rank 1, BM25 " in shown
    assert "of the question's: " in shown
    assert "words were trusted to " in shown
    assert all(f" {step} " in shown for step in ("embed", "dense", "lexical", "fuse", "read"))


def test_scripts_read_the_same_as_one_object(furnished: Home) -> None:
    found = furnished.json("search", "什么是知识蒸馏", "--explain", "--limit", "3")
    assert [stage["name"] for stage in found["stages"]] == ["embed", "dense", "lexical", "fuse", "read"]
    best = found["hits"][0]
    assert (best["language"], best["lexical_rank"]) == ("zh", 1)
    assert best["matched_terms"] == ["知识", "识蒸", "蒸馏"]
    assert best["score"] == best["fused_score"]
    plain = furnished.json("search", "什么是知识蒸馏", "--limit", "3")
    assert [hit["passage"]["id"] for hit in plain] == [hit["passage"]["id"] for hit in found["hits"]]


def test_a_search_is_narrowed_to_documents(furnished: Home) -> None:
    def paths(*options: str) -> set[str]:
        return {hit["passage"]["path"] for hit in furnished.json("search", "KV cache 键值缓存", *options)}

    assert all("/zh/" in path for path in paths("--language", "zh"))
    assert all(path.endswith(".pdf") for path in paths("--path", "*.pdf", "--limit", "20"))
    assert paths("--after", "2999-01-01") == set()
    assert "no document of the library passes" in furnished.run("search", "KV", "--where", "tag=tax").stderr


def test_one_stage_may_be_asked_alone(furnished: Home) -> None:
    by_words = furnished.json("search", "KV cache", "--stage", "lexical")
    assert all(hit["dense_rank"] is None and hit["lexical_score"] > 0 for hit in by_words)
    assert all(
        hit["lexical_rank"] is None for hit in furnished.json("search", "KV cache", "--stage", "dense")
    )


def test_without_a_model_a_search_is_made_as_it_was_asked(furnished: Home) -> None:
    done = furnished.run("search", "KV cache", "--expand", "fusion", "--limit", "1")
    assert done.returncode == 0
    assert "the question was not widened: no model is running" in done.stderr
    assert done.stdout.startswith("1. ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--stage", "both"), "--stage"),
        (("--expand", "guess"), "--expand"),
        (("--after", "spring"), "2026-01-31"),
        (("--where", "tag"), "KEY=VALUE"),
        (("--language", "fr"), "'en' or 'zh'"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(
    furnished: Home, options: tuple[str, ...], said: str
) -> None:
    refused(furnished.run("search", "tea", *options), said)


def test_a_reranker_that_is_not_installed_names_its_command(furnished: Home) -> None:
    furnished.environment["STILLROOM_RERANKER"] = "some/cross-encoder"
    try:
        refused(furnished.run("search", "tea"), "pip install 'stillroom[sentence-transformers]'")
    finally:
        del furnished.environment["STILLROOM_RERANKER"]


@pytest.mark.parametrize("command", ["search", "ask"])
def test_a_library_that_is_not_there_is_refused_and_not_made(furnished: Home, command: str) -> None:
    done = furnished.run(command, "tea", "--library", "nosuch")
    refused(done, "there is no library 'nosuch' in", "stillroom ingest PATH --library nosuch")
    assert not (furnished.data_dir / "libraries" / "nosuch").exists()


def test_citations_are_whole_lines_in_a_pipe(furnished: Home) -> None:
    shown = furnished.run("ask", "What is the temperature of knowledge distillation?").stdout
    cited = [line for line in shown.splitlines() if line.startswith("  [")]
    assert cited
    assert all(line.endswith("”") for line in cited)
    assert max(map(len, cited)) > 80
