"""Whether what Ollama serves is what was planned: by what a real one answered and wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.serving import Placement, Serving
from deploy.spec import GIB, MemoryEstimate, MemoryTerm, Workload
from tests.deploy.engines.recorded_ollama import RECORDED_MODEL, recorded_log, recording

if TYPE_CHECKING:
    from deploy.plan import Plan
    from deploy.spec import LaunchSpec

OLLAMA = engine("ollama")


@pytest.fixture
def plan(bundled_plan: Plan) -> Plan:
    """The recorded model as it was served: 4096 tokens on the CPU."""
    return replace(bundled_plan, engine="ollama", workload=Workload(4096, 1), weights_name=RECORDED_MODEL)


def launched(plan: Plan) -> LaunchSpec:
    """With the recorded model's own name, as if it had been derived from it."""
    return replace(OLLAMA.launch_spec(plan, LaunchOptions(port=1)), served_model=RECORDED_MODEL)


def found(plan: Plan, answer: str, *, log: str = "", **changes: Any) -> tuple[str, ...]:  # noqa: ANN401  any field's
    """The deviations where ``/api/ps`` answered with a recording, some of its fields changed."""
    text = answer
    if not answer.startswith(("{", "<")) and answer:
        body = recording(answer)["body"]
        for model in body["models"]:
            model.update(changes)
        text = json.dumps(body)
    spec = launched(plan)
    return OLLAMA.deviations(spec, plan, log, {spec.memory_urls[0]: text})


@pytest.mark.parametrize("name", ["ps_after_load", "ps_after_num_gpu_99"])
def test_a_model_that_is_served_as_planned_deviates_in_nothing(plan: Plan, name: str) -> None:
    assert found(plan, name) == ()


def test_a_shorter_context_is_told_with_both_figures(plan: Plan) -> None:
    assert found(plan, "ps_after_num_ctx_1024") == (
        "Ollama serves 1,024 tokens of context, and 4,096 were planned: longer prompts are cut",
    )


def test_a_context_beyond_what_the_model_was_trained_for_is_served_at_that(plan: Plan) -> None:
    longer = replace(plan, workload=Workload(65_536, 1))

    assert found(longer, "ps_after_num_ctx_65536") == (
        "Ollama serves 8,192 tokens of context, and 65,536 were planned: longer prompts are cut",
    )


def test_a_longer_context_is_told_too_because_it_takes_memory(plan: Plan) -> None:
    shorter = replace(plan, workload=Workload(2048, 1))

    assert found(shorter, "ps_after_load") == (
        "Ollama serves 4,096 tokens of context, and 2,048 were planned: it takes more memory",
    )


def test_the_context_of_one_of_several_sequences_is_the_planned_one(plan: Plan) -> None:
    two = replace(plan, workload=Workload(2048, 2), serving=Serving(kv_cache_type="q8_0"))

    assert found(two, "env_q8kv_par2_ps", log=recorded_log("serve-env")) == ()


def test_a_gpu_that_was_planned_and_is_not_used_is_told(plan: Plan) -> None:
    on_gpu = replace(plan, placement=Placement(gpus=(0,), gpu_layers=(31,)))

    # As recorded: num_gpu 99 on a machine without a GPU is answered with 200.
    assert found(on_gpu, "ps_after_num_gpu_99") == (
        "no GPU is used: all 0.2 GiB are in main memory, and gpu:0 was planned",
    )


def test_a_gpu_that_was_not_planned_and_is_used_is_told(plan: Plan) -> None:
    (sentence,) = found(plan, "ps_after_load", size_vram=209505483)

    assert sentence == "0.2 GiB of 0.2 GiB are on GPUs, and the CPU alone was planned"


def memory(on_gpu: float, on_cpu: float) -> MemoryEstimate:
    """Weights of so many GiB on each."""
    sizes = {"gpu:0": round(on_gpu * GIB), "cpu": round(on_cpu * GIB)}
    terms = [MemoryTerm("weights", size, size, size, "file", device=device) for device, size in sizes.items()]
    overhead = MemoryTerm("overhead", GIB, GIB, GIB, "CUDA's context", device="gpu:0")
    return MemoryEstimate((*terms, overhead))


@pytest.mark.parametrize(
    ("layers", "planned", "size_gib", "on_gpu_gib"),
    [
        (31, (9, 1), 9, 9),  # all layers: what stays in main memory is not counted
        (31, (8, 2), 8, 8),
        (16, (5, 5), 10, 5.5),
    ],
)
def test_a_split_as_planned_and_rounding_are_no_deviation(
    plan: Plan, layers: int, planned: tuple[int, int], size_gib: float, on_gpu_gib: float
) -> None:
    split = replace(plan, placement=Placement(gpus=(0,), gpu_layers=(layers,)), memory=memory(*planned))

    assert not found(split, "ps_after_load", size=round(size_gib * GIB), size_vram=round(on_gpu_gib * GIB))


@pytest.mark.parametrize(
    ("layers", "planned", "on_gpu_gib", "sentence"),
    [
        (31, (9, 1), 6, "60% of 10.0 GiB are on GPUs, and 90% were planned, on gpu:0"),
        (16, (5, 5), 3, "30% of 10.0 GiB are on GPUs, and 50% were planned, on gpu:0+cpu"),
        (16, (5, 5), 8, "80% of 10.0 GiB are on GPUs, and 50% were planned, on gpu:0+cpu"),
    ],
)
def test_a_split_other_than_planned_is_told_with_both_shares(
    plan: Plan, layers: int, planned: tuple[int, int], on_gpu_gib: int, sentence: str
) -> None:
    split = replace(plan, placement=Placement(gpus=(0,), gpu_layers=(layers,)), memory=memory(*planned))

    assert found(split, "ps_after_load", size=10 * GIB, size_vram=on_gpu_gib * GIB) == (sentence,)


def test_other_weights_than_planned_are_told(plan: Plan) -> None:
    planned = replace(plan, artefact=replace(plan.artefact, quantization="Q8_0"))

    assert found(planned, "ps_after_load") == ("the model's weights are Q4_1, and Q8_0 was planned",)
    assert found(plan, "ps_after_load", details={"quantization_level": "unknown"}) == ()
    assert found(plan, "ps_after_load", details={"format": "safetensors"}) == (
        "the model is stored as safetensors, and GGUF was planned",
    )


def test_a_model_that_is_not_loaded_is_told_with_those_that_are(plan: Plan) -> None:
    assert found(plan, "ps_after_unload") == (
        "smollm2:135m is not loaded (loaded: none): the next request loads it again",
    )
    assert "(loaded: other:1b)" in found(plan, "ps_after_load", name="other:1b")[0]


@pytest.mark.parametrize("answer", ["", "<html>", "{}", '{"models": [{"name": "x"}]}', '{"models": 1}'])
def test_an_answer_that_cannot_be_read_leaves_it_unknown(plan: Plan, answer: str) -> None:
    assert found(plan, answer) == (
        "Ollama's /api/ps cannot be read: whether the model is served as planned is not known",
    )


def test_an_ollama_that_does_not_tell_its_context_is_told(plan: Plan) -> None:
    assert found(plan, "ps_after_load", context_length=0) == (
        "Ollama does not tell the context that it serves, and 4,096 tokens were planned",
    )


def test_the_log_tells_cache_and_sequences_of_the_model_loaded_last(plan: Plan) -> None:
    two = replace(plan, workload=Workload(4096, 2), serving=Serving(kv_cache_type="q4_0"))

    first_load = recorded_log("serve-b").split('msg="disabling mmap')[1]

    assert found(two, "ps_after_load", log=first_load) == (
        "Ollama serves 1 requests at once, and 2 were planned",
        "Ollama stores keys and values as f16, and q4_0 was planned",
    )


def test_the_log_tells_the_layers_on_gpus_to_the_layer(plan: Plan) -> None:
    on_gpu = replace(plan, placement=Placement(gpus=(0,), gpu_layers=(31,)), memory=memory(10, 0))
    log = "load_tensors: offloaded 20/31 layers to GPU\n"

    assert found(on_gpu, "ps_after_load", log=log, size_vram=209505483) == (
        "20 layers are on GPUs, and 31 were planned",
    )


def test_prompts_that_were_cut_are_told_by_the_log(plan: Plan) -> None:
    # In the words of llm/llama_server.go; the figures are those of chat_prompt_longer_than_num_ctx.
    line = 'level=WARN msg="truncating input prompt" limit=258 prompt=4239 keep=4 new=258\n'
    two = line + line.replace("4239", "600")

    assert found(plan, "ps_after_load", log=line) == (
        "a prompt was longer than the context and cut without a word to who sent it: 4,239 tokens to 258",
    )
    assert found(plan, "ps_after_load", log=two)[0].startswith("2 prompts were longer than the context")
    assert recording("chat_prompt_longer_than_num_ctx")["body"]["prompt_eval_count"] == 258


@pytest.mark.parametrize(
    ("log", "requests", "prompt_tokens"),
    [("serve-main", 15, 225), ("serve-b", 6, 528), ("serve-env", 1, 10)],
)
def test_requests_and_their_prompts_are_counted_by_the_log(
    log: str, requests: int, prompt_tokens: int
) -> None:
    activity = OLLAMA.read_activity(recorded_log(log), "")

    assert (activity.requests, activity.prompt_tokens) == (requests, prompt_tokens)
    assert OLLAMA.read_activity("", "").requests is None


def test_the_steps_of_a_start_are_told_in_order() -> None:
    lines = recorded_log("serve-main").splitlines(keepends=True)

    steps = [OLLAMA.read_progress("".join(lines[:count])) for count in range(len(lines))]

    first_load = list(dict.fromkeys(steps))
    assert first_load == [
        "",
        "listens",
        "looks for GPUs",
        "starts llama.cpp",
        "loads the model",
        "reads the model's header",
        "loads weights",
        "makes room for the context",
        "reserves compute buffers",
        "opens its port",
        "has loaded the model",
    ]
