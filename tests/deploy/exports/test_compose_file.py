"""A plan as a Compose file: valid, private, and with what each engine's container needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.exports import container_images
from deploy.exports.compose_file import compose_file
from deploy.plan import PlannedAdapter
from deploy.serving import Placement
from deploy.spec import ENGINE_NAMES, NodeCommands
from stillroom.errors import EngineError
from tests.deploy.exports.conftest import WEIGHTS, launch_spec
from tests.docker.conftest import (
    dangling_names,
    one_shots,
    published_addresses,
    require_schema,
    without_health_check,
)

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import EngineName, LaunchSpec, Machine


@dataclass(frozen=True)
class Case:
    """A plan, the machine it is for, and a folder to write in."""

    plan: Plan
    machine: Machine
    folder: Path


@pytest.fixture
def case(plan: Plan, machine: Machine, tmp_path: Path) -> Case:
    """The usual ones."""
    return Case(plan, machine, tmp_path)


def exported(
    spec: LaunchSpec, plan: Plan, machine: Machine, *, weights: Path | None = None
) -> dict[str, Any]:
    """The file, read back."""
    document: dict[str, Any] = yaml.safe_load(
        compose_file(spec, plan, machine, title="a title\nof two lines", weights=weights)
    )
    return document


@pytest.mark.parametrize(
    "placed", [Placement(gpus=(1, 2), gpu_layers=(15, 14)), Placement()], ids=["gpus", "cpu"]
)
@pytest.mark.parametrize("weights", [WEIGHTS, None], ids=["file", "by-name"])
@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engines_file_is_valid_watched_and_on_loopback(
    name: EngineName, weights: Path | None, placed: Placement, case: Case
) -> None:
    plan, machine = replace(case.plan, placement=placed), case.machine
    if name == "embedded":
        weights = WEIGHTS  # it fetches nothing
    spec = launch_spec(plan, name, weights=weights, contained=True)

    text = compose_file(spec, plan, machine, title="a title", weights=weights)
    document = yaml.safe_load(text)
    file = case.folder / "compose.yaml"
    file.write_text(text, encoding="utf-8")

    require_schema(file)
    assert list(dangling_names(document)) == []
    assert without_health_check(document) == one_shots(document)
    assert published_addresses(document) == {"${PUBLISH_ADDRESS:-127.0.0.1}"}
    assert "private" not in text


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_the_planned_gpus_are_reserved_by_number_and_counted_anew_inside(
    name: EngineName, plan: Plan, machine: Machine
) -> None:
    spec = launch_spec(plan, name, weights=WEIGHTS, contained=True)
    service = exported(spec, plan, machine, weights=WEIGHTS)["services"][name]

    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["1", "2"], "capabilities": ["gpu"]}
    assert "CUDA_VISIBLE_DEVICES" not in service["environment"]


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_plan_for_the_cpu_reserves_no_gpu(name: EngineName, plan: Plan, machine: Machine) -> None:
    plan = replace(plan, placement=Placement())
    spec = launch_spec(plan, name, weights=WEIGHTS, contained=True)

    assert "deploy" not in exported(spec, plan, machine, weights=WEIGHTS)["services"][name]


def test_vllm_runs_the_planned_command_with_room_to_share_memory(plan: Plan, machine: Machine) -> None:
    spec = launch_spec(plan, "vllm", contained=True)
    document = exported(spec, plan, machine)
    service = document["services"]["vllm"]

    assert service["image"] == container_images.VLLM
    assert (*service["entrypoint"], *service["command"]) == spec.argv
    assert service["shm_size"] == "8gb"
    assert "huggingface:/root/.cache/huggingface" in service["volumes"]
    assert service["stop_grace_period"] == "20s"
    assert service["healthcheck"]["start_period"] == f"{round(spec.start_deadline_seconds)}s"
    assert "http://127.0.0.1:8123/health" in service["healthcheck"]["test"][-1]


def test_vllm_on_a_cpu_runs_its_own_image(plan: Plan, machine: Machine) -> None:
    plan = replace(plan, placement=Placement())
    spec = launch_spec(plan, "vllm", contained=True)
    service = exported(spec, plan, machine)["services"]["vllm"]

    assert service["image"] == container_images.VLLM_CPU
    assert int(service["environment"]["VLLM_CPU_KVCACHE_SPACE"]) >= 1


def test_secrets_are_passed_by_name_and_only_the_needed_ones_demanded(plan: Plan, machine: Machine) -> None:
    spec = launch_spec(plan, "vllm", contained=True)
    environment = exported(spec, plan, machine)["services"]["vllm"]["environment"]

    assert environment["HF_TOKEN"] is None
    assert environment["VLLM_API_KEY"].startswith("${STILLROOM_ENGINE_API_KEY:?")


def test_ollama_gets_a_model_that_carries_the_context_once_its_server_is_healthy(
    plan: Plan, machine: Machine
) -> None:
    spec = launch_spec(plan, "ollama", contained=True)
    assert spec.derived_model is not None
    document = exported(spec, plan, machine)
    maker = document["services"]["ollama-model"]

    assert document["services"]["ollama"]["environment"]["OLLAMA_HOST"] == "0.0.0.0:8123"
    assert maker["environment"]["OLLAMA_HOST"] == "ollama:8123"
    assert maker["depends_on"] == {"ollama": {"condition": "service_healthy"}}
    assert maker["command"] == ["create", spec.served_model, "-f", "/Modelfile"]
    assert maker["configs"] == [{"source": "modelfile", "target": "/Modelfile"}]
    assert document["configs"]["modelfile"]["content"] == spec.derived_model.modelfile() + "\n"


def test_a_quantization_on_import_is_asked_of_the_command(plan: Plan, machine: Machine) -> None:
    spec = launch_spec(plan, "ollama", contained=True)
    assert spec.derived_model is not None
    spec = replace(spec, derived_model=replace(spec.derived_model, quantize="q4_K_M"))

    command = exported(spec, plan, machine)["services"]["ollama-model"]["command"]

    assert command[2:4] == ["--quantize", "q4_K_M"]


def test_weights_of_this_machine_are_mounted_where_the_image_lets_its_user_read(
    plan: Plan, machine: Machine
) -> None:
    plan = replace(plan, placement=Placement())
    spec = launch_spec(plan, "embedded", weights=WEIGHTS, contained=True)
    service = exported(spec, plan, machine, weights=WEIGHTS)["services"]["embedded"]

    (mount,) = service["volumes"]
    # A dollar sign doubled, as Compose reads it.
    assert (mount["source"], mount["target"]) == ("/root/my models/m$$1.gguf", "/weights/m$$1.gguf")
    assert mount["read_only"]
    assert mount["bind"] == {"create_host_path": False}
    assert service["command"][:2] == ["--model", "/weights/m$$1.gguf"]
    assert service["entrypoint"] == ["python", "-P", "-m", "deploy.engines.embedded_server"]
    # A container has no parent at its standard input.
    assert "--stop-on-stdin-eof" in spec.argv
    assert "--stop-on-stdin-eof" not in service["command"]
    assert (service["image"], service["pull_policy"]) == (container_images.STILLROOM, "never")


def test_ollama_reads_a_file_where_it_is_mounted(plan: Plan, machine: Machine) -> None:
    spec = launch_spec(plan, "ollama", weights=WEIGHTS, contained=True)
    document = exported(spec, plan, machine, weights=WEIGHTS)

    (mount,) = document["services"]["ollama-model"]["volumes"]
    assert f"FROM {mount['target']}\n" in document["configs"]["modelfile"]["content"]


def test_every_part_of_a_split_file_is_mounted_beside_the_first(plan: Plan, machine: Machine) -> None:
    plan = replace(plan, placement=Placement())
    weights = WEIGHTS.with_name("big-00001-of-00003.gguf")
    spec = launch_spec(plan, "embedded", weights=weights, contained=True)
    service = exported(spec, plan, machine, weights=weights)["services"]["embedded"]

    assert [mount["target"] for mount in service["volumes"]] == [
        f"/weights/big-0000{part}-of-00003.gguf" for part in (1, 2, 3)
    ]


def test_adapters_are_mounted_and_named_where_they_are_inside(plan: Plan, machine: Machine) -> None:
    plan = replace(plan, adapters=(PlannedAdapter("law", "/home/you/law", 16),))
    spec = launch_spec(plan, "vllm", contained=True)
    service = exported(spec, plan, machine)["services"]["vllm"]

    assert "law=/adapters/law" in service["command"]
    assert [mount["target"] for mount in service["volumes"] if isinstance(mount, dict)] == ["/adapters/law"]


def test_gpus_of_another_maker_are_refused_by_name(plan: Plan, machine: Machine) -> None:
    foreign = tuple(replace(gpu, vendor="amd", name="RX 7900 XTX") for gpu in machine.gpus)
    spec = launch_spec(plan, "ollama", contained=True)

    with pytest.raises(EngineError, match="gpu:1 is RX 7900 XTX") as refused:
        compose_file(spec, plan, replace(machine, gpus=foreign), title="", weights=None)

    assert refused.value.hint == "stillroom export argv"


def test_several_machines_are_refused(plan: Plan, machine: Machine) -> None:
    spec = launch_spec(plan, "vllm", contained=True)
    spread = replace(spec, argv=(), nodes=(NodeCommands(0, (spec.argv,)), NodeCommands(1, (spec.argv,))))

    with pytest.raises(EngineError, match="one machine, and the plan takes 2"):
        compose_file(spread, plan, machine, title="", weights=None)


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_the_head_gives_the_settings_and_ends_each_comment_with_its_line(
    name: EngineName, plan: Plan, machine: Machine
) -> None:
    spec = launch_spec(plan, name, weights=WEIGHTS, contained=True)
    text = compose_file(spec, plan, machine, title="a title\nname: other", weights=WEIGHTS)

    assert f"#   STILLROOM_ENDPOINT_MODEL={spec.served_model}\n" in text
    assert "#   STILLROOM_ENDPOINT_URL=http://127.0.0.1:8123/v1\n" in text
    assert yaml.safe_load(text)["name"] == f"stillroom-{name}"
