"""What Stillroom asks of Ollama before a model is served, and how it takes what real servers answered.

Progress of a pull was not recorded, where no model hub could be reached: its lines are made here in the form
that Ollama's server/download.go gives them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.engines.ollama_library import OllamaLibrary
from deploy.engines.ollama_refusals import refusal
from deploy.weights import BUNDLED_SHA256
from stillroom.errors import EngineError, EngineUnavailableError
from tests.deploy.engines.recorded_ollama import (
    CUTS,
    RECORDED_MODEL,
    RecordedOllama,
    derived,
    make,
    recording,
)

LAYER = "sha256:96c415656d377afbff962f6cdb2394ab092ccbcbaab4b82525bc4ca800fe8a49"
BUNDLED_DIGEST = f"sha256:{BUNDLED_SHA256}"
NOBODY = "http://127.0.0.1:9"


def pull_lines(*completed: int, total: int = 4_683_073_184, end: str = "success") -> dict[str, Any]:
    """The answer to a pull: its layer so far, line by line."""
    layer = [
        {"status": "pulling 96c415656d37", "digest": LAYER, "total": total}
        | ({"completed": done} if done else {})
        for done in completed
    ]
    lines = [{"status": "pulling manifest"}, *layer, {"status": "verifying sha256 digest"}, {"status": end}]
    return recording("pull_no_network") | {"body": [json.dumps(line) for line in lines]}


@pytest.mark.parametrize("tag", [RECORDED_MODEL, "SmolLM2:135m"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_model_that_is_there_is_taken_as_it_is(recorded_ollama: RecordedOllama, cut: str, tag: str) -> None:
    recorded_ollama.cut = cut
    recorded_ollama.models["smollm2:135m"] = recorded_ollama.models[tag] = "Q4_1"

    said = make(recorded_ollama, derived(tag))

    assert recorded_ollama.asked("/api/pull") == []
    assert recorded_ollama.asked("/api/create") == [
        {
            "model": "stillroom-tiny:ctx2048-01234567",
            "from": tag,
            "parameters": {"num_ctx": 2048, "num_gpu": 0},
            "stream": True,
        }
    ]
    name = "stillroom-tiny:ctx2048-01234567"
    assert said[0] == f"Ollama makes {name}: parsing GGUF"
    assert said[-1] == f"Ollama makes {name}: writing manifest"


def test_latest_is_the_tag_of_a_name_without_one(recorded_ollama: RecordedOllama) -> None:
    recorded_ollama.models = {"smol-api:latest": "Q4_1", "smol-api": "Q4_1"}

    make(recorded_ollama, derived("smol-api"))

    assert recorded_ollama.asked("/api/pull") == []


@pytest.mark.parametrize("cut", CUTS)
def test_a_missing_model_is_pulled_with_its_bytes_told_and_then_made(
    recorded_ollama: RecordedOllama, cut: str
) -> None:
    recorded_ollama.cut = cut
    gigabytes = (0, 1_200_000_000, 2_400_000_000, 4_683_073_184)
    recorded_ollama.instead["POST", "/api/pull"] = [pull_lines(*gigabytes)]
    recorded_ollama.answer_with("create_http_api")

    said = make(recorded_ollama, derived("deepseek-r1:7b"))

    assert [body["model"] for body in recorded_ollama.asked("/api/pull")] == ["deepseek-r1:7b"]
    assert said[:2] == [
        "Ollama pulls deepseek-r1:7b: pulling manifest",
        "Ollama pulls deepseek-r1:7b: 0.0 of 4.7 GB",
    ]
    assert any(sentence.startswith("Ollama pulls deepseek-r1:7b: 4.7 of 4.7 GB, ") for sentence in said)
    assert recorded_ollama.requests[-1].body["from"] == "deepseek-r1:7b"


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("name", "tag", "said", "hint"),
    [
        ("pull_no_network", "smollm2:1.7b", "no such host", "ollama pull smollm2:1.7b"),
        ("pull_no_network_nonstream", "smollm2:1.7b", "no such host", "ollama pull smollm2:1.7b"),
        ("pull_existing_local", "smollm2:9b", "it cannot reach where its models come from", "ollama pull"),
        ("pull_hf_no_network", "hf.co/unsloth/R1-GGUF:Q4_K_M", "lookup hf.co on", "ollama pull hf.co/uns"),
        ("pull_bad_name", "a b", "that is no name of a model", "stillroom models list"),
        ("pull_empty", "?", "invalid model name", "stillroom models list"),
    ],
)
def test_a_pull_that_is_refused_says_the_model_the_cause_and_the_next_command(  # noqa: PLR0917  one row a parameter
    recorded_ollama: RecordedOllama, name: str, tag: str, said: str, hint: str, cut: str
) -> None:
    recorded_ollama.cut = cut
    recorded_ollama.answer_with(name)

    with pytest.raises(EngineError) as caught:
        make(recorded_ollama, derived(tag))

    assert caught.value.message.startswith(f"Ollama could not pull {tag}: ")
    assert said in caught.value.message
    assert "status code" not in caught.value.message
    assert caught.value.hint.startswith(hint)
    assert recorded_ollama.asked("/api/create") == []


@pytest.mark.parametrize("cut", CUTS)
def test_words_beyond_ascii_come_through_whole(recorded_ollama: RecordedOllama, cut: str) -> None:
    recorded_ollama.cut = cut
    lines = ['{"status":"pulling manifest"}', '{"error":"磁盘已满：no space left on device 💾"}']
    recorded_ollama.instead["POST", "/api/pull"] = [recording("pull_no_network") | {"body": lines}]

    with pytest.raises(EngineError, match=r"is full \(磁盘已满：no space left on device 💾\)") as caught:
        make(recorded_ollama, derived("模型:7b"))

    assert "OLLAMA_MODELS on a larger disk" in caught.value.hint


# As server/images.go, server/download.go and registries' answers in public issues word them.
@pytest.mark.parametrize(
    ("said", "cause", "hint"),
    [
        ("pull model manifest: file does not exist", "no model of that name", "stillroom models list"),
        (
            "pull model manifest: 412: \n\nThe model requires a newer version of Ollama",
            "needs a newer Ollama",
            "update it",
        ),
        ("max retries exceeded: unexpected EOF", "connection broke, and what came is kept", "ollama pull m"),
        ("write /m/blobs/sha256-1-partial: no space left on device", "is full", "ollama rm"),
        ("pull model manifest: 401: unauthorized", "without signing in", "ollama signin"),
        ("a word never heard", "could not pull m: a word never heard", "stillroom logs"),
    ],
)
def test_what_ollama_says_becomes_a_cause_and_a_next_command(said: str, cause: str, hint: str) -> None:
    error = refusal(said, doing="pull m", name="m")

    assert cause in error.message
    assert "\n" not in error.message
    assert hint in error.hint


def test_a_page_of_a_proxy_does_not_fill_the_terminal() -> None:
    error = refusal("<html>" + "x" * 10_000, doing="pull m", name="m")

    assert len(error.message) < 500


@pytest.mark.parametrize("cut", CUTS)
def test_a_pull_that_breaks_off_in_the_middle_of_a_line_is_no_success(
    recorded_ollama: RecordedOllama, cut: str
) -> None:
    recorded_ollama.cut = cut
    recorded_ollama.instead["POST", "/api/pull"] = [pull_lines(0, 2_000_000_000)]
    recorded_ollama.breaks_off_after = 200

    with pytest.raises(EngineError, match=r"could not pull x:1b: the connection to .* broke") as caught:
        make(recorded_ollama, derived("x:1b"))

    assert caught.value.hint == "run the same command again"


def test_a_stream_that_ends_before_success_is_no_success(recorded_ollama: RecordedOllama) -> None:
    recorded_ollama.instead["POST", "/api/pull"] = [pull_lines(0, end="writing manifest")]

    with pytest.raises(EngineError, match="broke off the pull of x:1b"):
        make(recorded_ollama, derived("x:1b"))


def test_a_making_that_ends_before_success_is_no_success(recorded_ollama: RecordedOllama) -> None:
    begun = recording("create_http_api")
    recorded_ollama.instead["POST", "/api/create"] = [begun | {"body": begun["body"][:3]}]

    with pytest.raises(EngineError, match="broke off, and did not make stillroom-tiny"):
        make(recorded_ollama, derived(RECORDED_MODEL))


def test_ctrl_c_closes_the_stream_so_that_ollama_stops_and_says_that_a_pull_goes_on_from_there(
    recorded_ollama: RecordedOllama,
) -> None:
    # More lines than any socket keeps: the server is still writing when the reader goes away.
    recorded_ollama.instead["POST", "/api/pull"] = [pull_lines(*[1_200_000_000] * 120_000)]
    recorded_ollama.cut = "whole"
    said: list[str] = []

    def interrupt(sentence: str) -> None:
        said.append(sentence)
        if "GB" in sentence and "stopped" not in sentence:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OllamaLibrary(recorded_ollama.url, interrupt).make(derived("deepseek-r1:7b"))

    assert recorded_ollama.hung_up.wait(timeout=120)
    assert said[-1] == "the pull of deepseek-r1:7b stopped at 1.2 of 4.7 GB; the next one goes on from there"


def test_a_server_that_is_too_old_is_told_by_its_version(recorded_ollama: RecordedOllama) -> None:
    recorded_ollama.version = "0.11.4"

    with pytest.raises(EngineUnavailableError, match=r"it is Ollama 0\.11\.4, and 0\.12\.6 or newer"):
        make(recorded_ollama, derived(RECORDED_MODEL))


def test_where_nothing_answers_that_is_said() -> None:
    with pytest.raises(EngineUnavailableError, match=f"nothing answers at {NOBODY}"):
        OllamaLibrary(NOBODY, lambda _: None).make(derived(RECORDED_MODEL))


def test_what_answers_and_is_not_ollama_is_told(recorded_ollama: RecordedOllama) -> None:
    page = recording("version") | {"body": "<html>It works!</html>"}
    recorded_ollama.instead["GET", "/api/version"] = [page]

    with pytest.raises(EngineError, match="answered what Ollama does not") as caught:
        make(recorded_ollama, derived(RECORDED_MODEL))

    assert caught.value.hint == "check OLLAMA_HOST"


def test_a_line_that_is_no_json_is_told(recorded_ollama: RecordedOllama) -> None:
    recorded_ollama.instead["POST", "/api/pull"] = [
        recording("pull_no_network") | {"body": ['{"status":"pulling manifest"}', "<html>504</html>"]}
    ]

    with pytest.raises(EngineError, match=r"could not pull x:1b: .* answered what Ollama does not"):
        make(recorded_ollama, derived("x:1b"))


@pytest.mark.parametrize(("keep_alive", "sent"), [("-1", -1), ("300", 300), ("30m", "30m")])
def test_a_model_is_loaded_for_a_time_in_the_form_that_ollama_reads(
    recorded_ollama: RecordedOllama, keep_alive: str, sent: object
) -> None:
    OllamaLibrary(recorded_ollama.url, lambda _: None).load(RECORDED_MODEL, keep_alive=keep_alive)

    assert recorded_ollama.asked("/api/generate")[0]["keep_alive"] == sent
    assert recorded_ollama.loaded == [RECORDED_MODEL]


def test_a_model_is_let_go_of_and_nobody_minds_that_it_is_gone(recorded_ollama: RecordedOllama) -> None:
    library = OllamaLibrary(recorded_ollama.url, lambda _: None)
    library.load(RECORDED_MODEL, keep_alive="-1")

    library.unload(RECORDED_MODEL)

    assert recorded_ollama.loaded == []
    library.unload("never-made:1b")
    OllamaLibrary(NOBODY, lambda _: None).unload(RECORDED_MODEL)


def test_a_model_that_cannot_be_loaded_is_told(recorded_ollama: RecordedOllama) -> None:
    with pytest.raises(EngineError, match="could not load nope: model 'nope' not found"):
        OllamaLibrary(recorded_ollama.url, lambda _: None).load("nope", keep_alive="-1")
