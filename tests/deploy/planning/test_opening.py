"""Which model a name means: a catalog's, a file's, a running server's or a library's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.checkpoints.ollama_registry import MODEL_MEDIA_TYPE
from deploy.plan import PlanRequest
from deploy.planning.planner import plan, require_pick
from deploy.spec import GIB, Gpu, Machine, Workload
from stillroom.errors import EngineUnavailableError, PlanError, StillroomError, WeightsError
from tests.deploy.planning.conftest import Q4_K, TINY_PARAMETERS, tiny_gguf, tiny_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.planning.opening import Opener
    from deploy.planning.planner import PlanReport
    from deploy.planning.subject import Subject
    from deploy.weights import WeightsFile
    from tests.deploy.checkpoints.conftest import FileServer
    from tests.deploy.conftest import Replay

MACHINE = Machine("a processor", 8, 32 * GIB, 32 * GIB, "physical", 100 * GIB)
WITH_GPU = Machine(
    "a processor",
    8,
    32 * GIB,
    32 * GIB,
    "physical",
    100 * GIB,
    gpus=(Gpu(0, "a GPU", 24 * GIB, 24 * GIB, bandwidth_bytes_per_s=1e12),),
)


def planned(subject: Subject, machine: Machine = MACHINE, **asked: Any) -> PlanReport:  # noqa: ANN401
    return plan(machine, PlanRequest(Workload(2048), **asked), (subject,), named=True)


def test_a_name_of_the_catalog_needs_no_file_and_no_network(make_opener: Callable[..., Opener]) -> None:
    subject, quantization = make_opener().open("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", None)

    assert (subject.tag, quantization) == ("deepseek-r1:14b", None)
    assert subject.parameters == 14_770_033_664


@pytest.mark.parametrize(
    ("name", "tag", "quantization"),
    [
        ("deepseek-r1:14b-qwen-distill-q4_K_M", "deepseek-r1:14b", "Q4_K_M"),
        ("deepseek-r1:7b-qwen-distill-fp16", "deepseek-r1:7b", "F16"),
        ("bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF:Q6_K", "deepseek-r1:7b", "Q6_K"),
    ],
)
def test_a_name_may_tell_the_quantization(
    make_opener: Callable[..., Opener], name: str, tag: str, quantization: str
) -> None:
    subject, told = make_opener().open(name, None)

    assert (subject.tag, told) == (tag, quantization)


def test_an_unknown_name_is_told_its_near_ones(make_opener: Callable[..., Opener]) -> None:
    with pytest.raises(PlanError, match=r"no model 'deepseek-r1:9b'; near it: .*deepseek-r1:8b"):
        make_opener().open("deepseek-r1:9b", None)


def test_a_gguf_file_is_known_to_the_byte(
    make_opener: Callable[..., Opener], bundled_weights: WeightsFile
) -> None:
    subject, quantization = make_opener().open(str(bundled_weights.path), None)
    picked = require_pick(planned(subject, quantization=quantization))

    assert quantization == picked.artefact.quantization == "Q4_1"
    assert picked.artefact.exact
    assert picked.artefact.file_bytes == bundled_weights.path.stat().st_size
    assert picked.weights_path == str(bundled_weights.path)
    assert subject.parameters == 134_515_008
    # 30 layers, keys and values of 3 heads of 64 in 16 bits.
    assert picked.memory.component("kv_cache").expected_bytes == 30 * 2 * 3 * 64 * 2 * 2048


def test_a_file_is_planned_only_for_engines_that_load_it(
    make_opener: Callable[..., Opener], tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf(**{"general.file_type": 1}))

    subject, quantization = make_opener().open(str(path), None)
    report = planned(subject, WITH_GPU, quantization=quantization)

    assert {option.engine for option in report.options} == {"ollama", "embedded"}
    assert subject.parameters == TINY_PARAMETERS
    with pytest.raises(PlanError, match="no weights are known of tiny at F16 for vllm"):
        planned(subject, WITH_GPU, quantization=quantization, engines=("vllm",))


@pytest.mark.parametrize("metadata", [{}, {"general.file_type": 1024}, {"general.file_type": 9999}])
def test_a_mix_without_a_known_name_is_planned_all_the_same(
    make_opener: Callable[..., Opener], tmp_path: Path, metadata: dict[str, object]
) -> None:
    path = tmp_path / "tiny-UD-Q4_K_XL.gguf"
    path.write_bytes(tiny_gguf(matrices=Q4_K, **metadata))

    subject, quantization = make_opener().open(str(path), None)
    picked = require_pick(planned(subject, quantization=quantization))

    assert picked.artefact.quantization == quantization
    assert picked.artefact.file_bytes == path.stat().st_size
    assert picked.rule_of_thumb_gb > 0


def test_a_folder_of_safetensors_is_for_vllm_and_known_to_the_byte(
    make_opener: Callable[..., Opener], tiny_folder: Path
) -> None:
    subject, quantization = make_opener().open(str(tiny_folder), None)
    picked = require_pick(planned(subject, WITH_GPU, quantization=quantization))

    assert (picked.model_tag, picked.engine, picked.artefact.quantization) == ("tiny", "vllm", "BF16")
    assert picked.weights_path == str(tiny_folder)
    weights = picked.memory.component("weights")
    assert weights.low_bytes <= 2 * TINY_PARAMETERS <= weights.high_bytes


def test_a_configuration_is_sized_in_the_usual_formats(
    make_opener: Callable[..., Opener], tiny_folder: Path
) -> None:
    opener = make_opener()
    subject, _ = opener.open(str(tiny_folder / "config.json"), None)

    assert subject.parameters == TINY_PARAMETERS
    assert {"Q4_K_M", "Q8_0"} <= set(subject.formats["ollama"])
    assert "BF16" in subject.formats["vllm"]
    only, _ = opener.open(str(tiny_folder / "config.json"), "Q5_K_M")
    assert only.formats == {"ollama": ("Q5_K_M",), "embedded": ("Q5_K_M",), "vllm": ()}
    assert not require_pick(planned(only, quantization="Q5_K_M")).artefact.exact


def test_the_exact_header_replaces_what_was_computed(
    make_opener: Callable[..., Opener], server: FileServer
) -> None:
    weights = tiny_gguf(**{"general.file_type": 1})
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    layers = [{"mediaType": MODEL_MEDIA_TYPE, "digest": digest, "size": len(weights)}]
    server.put(
        "/v2/library/deepseek-r1/manifests/7b-qwen-distill-q4_K_M",
        json.dumps({"schemaVersion": 2, "layers": layers}).encode(),
    )
    server.put(f"/v2/library/deepseek-r1/blobs/{digest}", weights)
    opener = make_opener(registry_url=server.url)
    subject, _ = opener.open("deepseek-r1:7b", None)

    known = opener.exact(subject, "ollama", "Q4_K_M")

    assert known.checkpoint("Q4_K_M", "ollama").exact
    assert known.checkpoint("Q4_K_M", "ollama").file_bytes == len(weights)
    assert not known.checkpoint("Q8_0", "ollama").exact
    with pytest.raises(PlanError, match=r"not known where smollm2:135m at Q4_1 can be downloaded"):
        opener.exact(opener.open("smollm2:135m", None)[0], "embedded", "Q4_1")


def test_a_running_ollama_is_asked_for_its_model(
    make_opener: Callable[..., Opener], replay: Callable[..., Replay]
) -> None:
    ollama = replay("ollama/show")

    subject, _ = make_opener(ollama_url=ollama.url).open("ollama:smollm2:135m", None)
    picked = require_pick(planned(subject))

    assert ollama.requests == [("POST", "/api/show", {"model": "smollm2:135m"})]
    assert (picked.engine, picked.model_tag, picked.artefact.quantization) == (
        "ollama",
        "smollm2:135m",
        "Q4_1",
    )
    assert picked.weights_name == "smollm2:135m"
    assert subject.parameters == 134_515_008
    assert picked.memory.component("kv_cache").expected_bytes == 30 * 2 * 3 * 64 * 2 * 2048


def test_a_model_that_ollama_lacks_is_said_in_its_own_words(
    make_opener: Callable[..., Opener], replay: Callable[..., Replay]
) -> None:
    ollama = replay("ollama/show_missing")

    with pytest.raises(PlanError, match="says of 'nope:latest': model 'nope:latest' not found") as raised:
        make_opener(ollama_url=ollama.url).open("ollama:nope:latest", None)
    assert raised.value.hint == "ollama list"


def test_no_ollama_at_all_is_said_with_its_address(make_opener: Callable[..., Opener]) -> None:
    with pytest.raises(EngineUnavailableError, match=r"no Ollama answers at http://127\.0\.0\.1:9") as raised:
        make_opener().open("ollama:smollm2:135m", None)
    assert raised.value.hint == "ollama serve"


@pytest.mark.parametrize(
    "name",
    [
        "ollama.com/library/tiny:2l",
        "https://ollama.com/library/tiny:2l",
        "registry.ollama.ai/library/tiny:2l",
    ],
)
def test_a_model_of_ollamas_library_is_read_from_its_manifest(
    make_opener: Callable[..., Opener], server: FileServer, name: str
) -> None:
    weights = tiny_gguf(**{"general.file_type": 1})
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    layers = [
        {"mediaType": MODEL_MEDIA_TYPE, "digest": digest, "size": len(weights)},
        {"mediaType": "application/vnd.ollama.image.params", "digest": "sha256:" + "0" * 64, "size": 100},
    ]
    server.put("/v2/library/tiny/manifests/2l", json.dumps({"schemaVersion": 2, "layers": layers}).encode())
    server.put(f"/v2/library/tiny/blobs/{digest}", weights)

    subject, quantization = make_opener(registry_url=server.url).open(name, None)
    picked = require_pick(planned(subject, quantization=quantization, engines=("ollama",)))

    assert quantization == "F16"
    assert picked.artefact.file_bytes == len(weights) + 100
    assert (picked.model_tag, picked.weights_name) == ("tiny:2l", "tiny:2l")


def test_a_lora_adapter_is_a_term_of_its_own(
    make_opener: Callable[..., Opener], tiny_folder: Path, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"]}
    (adapter / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    opener = make_opener()
    bare = opener.from_config(str(tiny_folder / "config.json"), "Q8_0")

    adapted = opener.with_adapters(bare, [adapter])
    option = planned(adapted, quantization="Q8_0").options[0]

    (term,) = option.memory.component("lora").terms
    assert term.expected_bytes == 2 * 2 * 8 * (256 + 256)  # 16 bits, two layers, two matrices of rank 8
    without = planned(bare, quantization="Q8_0").options[0]
    assert option.memory.expected_bytes == without.memory.expected_bytes + term.expected_bytes
    assert opener.with_adapters(bare, []) == bare


def test_a_folder_without_an_adapter_is_refused(
    make_opener: Callable[..., Opener], tmp_path: Path, tiny_folder: Path
) -> None:
    opener = make_opener()
    subject = opener.from_config(str(tiny_folder / "config.json"), None)

    with pytest.raises(PlanError, match=r"adapter_config\.json cannot be read"):
        opener.with_adapters(subject, [tmp_path])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.gguf", b""),
        ("x.gguf", b"hello"),
        ("x.gguf", b"GGUF" + bytes(8)),
        ("x.gguf", tiny_gguf()[:200]),
        ("x.safetensors", b"\xff" * 64),
        ("x.safetensors", tiny_safetensors()),
        ("config.json", b"[1"),
        ("config.json", b"[]"),
        ("config.json", b"{}"),
        ("config.json", b"\xff\xfe"),
        ("config.json", b'{"model_type": "llama", "hidden_size": -1}'),
        ("config.json", b"[" * 100_000),
        ("x.json", b"{}"),
    ],
)
def test_an_absurd_file_is_one_of_our_errors_and_names_it(
    make_opener: Callable[..., Opener], tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises((PlanError, WeightsError)) as raised:
        make_opener().open(str(path), None)

    assert name in raised.value.message or str(tmp_path) in raised.value.message
    assert raised.value.hint


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_configuration_is_not_read_from_a_device(make_opener: Callable[..., Opener]) -> None:
    with pytest.raises(PlanError, match="the configuration /dev/zero cannot be read: it is a device"):
        make_opener().from_config("/dev/zero", None)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "/",
        "./nothing.gguf",
        "ftp://host/x.gguf",
        "http://",
        "http://[",
        "hf.co/",
        "a/b/c/d.gguf",
        "\0",
        "../..",
        "ollama.com/library/",
    ],
)
def test_an_absurd_name_is_one_of_our_errors(make_opener: Callable[..., Opener], name: str) -> None:
    with pytest.raises(StillroomError) as raised:
        make_opener().open(name, None)
    assert raised.value.hint


def test_what_a_change_tells_to_type_names_the_file_and_not_its_short_name(
    make_opener: Callable[..., Opener], tmp_path: Path
) -> None:
    path = tmp_path / "my model.gguf"
    path.write_bytes(tiny_gguf(**{"general.file_type": 1}))

    subject, quantization = make_opener().open(str(path), None)
    report = plan(
        MACHINE, PlanRequest(Workload(4096, 100_000), quantization=quantization), (subject,), named=True
    )

    assert report.pick is None
    assert f"'{path}' --quant F16" in report.changes[0].options
