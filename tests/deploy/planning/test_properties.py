"""What must hold for every input: more work never needs less, more room never holds less, nothing breaks."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.architectures.hugging_face import read_config
from deploy.architectures.shape import Attention
from deploy.catalog import load_catalog
from deploy.memory_model.llama_cpp import llama_cpp_memory
from deploy.memory_model.vllm import vllm_memory
from deploy.memory_model.vllm_weights import rank_weights
from deploy.plan import PlanRequest
from deploy.planning.planner import plan
from deploy.planning.subject import Subject, from_catalog
from deploy.serving import Placement, Serving
from deploy.spec import GIB, Gpu, Machine, Workload
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.spec import EngineName, MemoryEstimate

CATALOG = load_catalog()
TAGS = [model.tag for model in CATALOG.models]
DISTILLS = [model.tag for model in CATALOG.models if model.teacher == "deepseek-ai/DeepSeek-R1"]
LADDER = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16")

tags = st.sampled_from(TAGS)
contexts = st.integers(1, 131_072)
users = st.integers(1, 64)
gpu_counts = st.integers(0, 3)


@cache
def subject(tag: str) -> Subject:
    return from_catalog(CATALOG.find(tag))


def machine(gpus_gib: Sequence[float], ram_gib: float = 64.0) -> Machine:
    return Machine(
        cpu_name="a processor",
        cpu_cores=8,
        memory_total_bytes=int(ram_gib * GIB),
        memory_available_bytes=int(ram_gib * GIB),
        memory_limited_by="physical",
        disk_free_bytes=2000 * GIB,
        gpus=tuple(
            Gpu(index, "a GPU", int(size * GIB), int(size * GIB), bandwidth_bytes_per_s=1e12)
            for index, size in enumerate(gpus_gib)
        ),
    )


def spread(layer_count: int, gpus: int) -> Placement:
    """All layers over so many GPUs, evenly; the first take one more."""
    everything = layer_count + 1
    share, more = divmod(everything, gpus) if gpus else (0, 0)
    return Placement(
        gpus=tuple(range(gpus)), gpu_layers=tuple(share + (place < more) for place in range(gpus))
    )


def memory(
    tag: str, quantization: str, workload: Workload, *, engine: EngineName, gpus: int, kv: str = "f16"
) -> MemoryEstimate:
    found = subject(tag)
    shape = found.architecture
    # Ollama's own builds of some models differ from the mix, at one quantization only.
    checkpoint = found.checkpoint(quantization, "embedded" if engine == "ollama" else engine)
    serving = Serving(kv_cache_type=kv)
    if engine == "vllm":
        ranks = Placement(gpus=tuple(range(max(1, gpus))), tensor_parallel=max(1, gpus))
        return vllm_memory(
            shape, checkpoint, workload, serving, ranks, machine=machine([80.0] * max(1, gpus))
        )
    return llama_cpp_memory(
        shape, checkpoint, workload, serving, spread(shape.layer_count, gpus), engine=engine
    )


def attention(found: Subject) -> Attention:
    (kind,) = {layer.attention for layer in found.architecture.distinct_layers}
    assert isinstance(kind, Attention)
    return kind


def bounds(estimate: MemoryEstimate) -> tuple[int, int, int]:
    return estimate.low_bytes, estimate.expected_bytes, estimate.high_bytes


def never_less(less: MemoryEstimate, more: MemoryEstimate) -> bool:
    return all(a <= b for a, b in zip(bounds(less), bounds(more), strict=True))


@given(
    tag=tags,
    engine=st.sampled_from(["ollama", "embedded", "vllm"]),
    tokens=st.tuples(contexts, contexts),
    people=st.tuples(users, users),
    gpus=gpu_counts,
    kv=st.sampled_from(["f16", "q8_0"]),
)
@settings(max_examples=150, deadline=None)
def test_more_context_and_more_users_never_need_less(
    *,
    tag: str,
    engine: EngineName,
    tokens: tuple[int, int],
    people: tuple[int, int],
    gpus: int,
    kv: str,
) -> None:
    quantization = "BF16" if engine == "vllm" else "Q4_K_M"
    ranks = {0: 0, 1: 1, 2: 2, 3: 2}[gpus]
    count = 0 if engine == "embedded" else ranks
    cache_type = "f16" if engine == "vllm" else kv
    small = Workload(min(tokens), min(people))
    large = Workload(max(tokens), max(people))

    less = memory(tag, quantization, small, engine=engine, gpus=count, kv=cache_type)
    more = memory(tag, quantization, large, engine=engine, gpus=count, kv=cache_type)

    assert never_less(less, more)


@given(tags, contexts, gpu_counts, st.integers(0, len(LADDER) - 2))
@settings(max_examples=100, deadline=None)
def test_more_bits_never_need_less(tag: str, tokens: int, gpus: int, rung: int) -> None:
    workload = Workload(tokens, 1)
    fewer, more = (
        memory(tag, LADDER[place], workload, engine="ollama", gpus=gpus) for place in (rung, rung + 1)
    )
    assert fewer.component("weights").expected_bytes <= more.component("weights").expected_bytes
    # Of Q4_K llama.cpp makes a second copy on a CPU, of Q5_K it does not: that term knows no such order.
    alike = ("weights", "kv_cache", "recurrent_state", "compute", "overhead")
    assert never_less(fewer.component(*alike), more.component(*alike))


@given(tags, contexts, users, st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_layers_over_several_gpus_hold_the_same_weights_and_cache(
    tag: str, tokens: int, people: int, gpus: int
) -> None:
    workload = Workload(tokens, people)
    one = memory(tag, "Q4_K_M", workload, engine="ollama", gpus=1)
    several = memory(tag, "Q4_K_M", workload, engine="ollama", gpus=gpus)
    for name in ("weights", "kv_cache", "recurrent_state"):
        assert one.component(name).expected_bytes == several.component(name).expected_bytes


@given(st.sampled_from(DISTILLS), st.sampled_from([1, 2, 4, 8]), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_tensor_parallel_ranks_and_stages_hold_the_checkpoint_and_the_copies_that_they_must(
    tag: str, ranks: int, stages: int
) -> None:
    found = subject(tag)
    checkpoint = found.checkpoint("BF16", "vllm")
    gpus = tuple(range(ranks * stages))
    placement = Placement(gpus=gpus, tensor_parallel=ranks, pipeline_parallel=stages)

    held = sum(
        stage.stored_bytes * ranks for stage in rank_weights(found.architecture, checkpoint, placement)
    )

    kv_heads = attention(found).kv_heads
    expected = 0.0
    for tensor in checkpoint.tensors:
        copies = 1.0
        if tensor.role == "norm" or (tensor.role == "bias" and "attn" not in tensor.name):
            copies = ranks
        elif tensor.role in {"attention_k", "attention_v"} or re.search("attn_[kv].bias", tensor.name):
            copies = ranks / min(ranks, kv_heads)
        expected += tensor.stored_bytes * copies
    # Each part is rounded up to whole bytes on each rank.
    assert expected <= held + 1
    assert held <= expected + 64 * len(gpus)


@given(
    tag=tags,
    gpus_gib=st.lists(st.floats(2, 96), min_size=1, max_size=3),
    grown=st.integers(0, 2),
    more_gib=st.floats(0, 64),
    tokens=st.integers(256, 65_536),
    people=st.integers(1, 8),
)
@settings(max_examples=60, deadline=None)
def test_what_fits_still_fits_when_a_gpu_grows(
    *, tag: str, gpus_gib: list[float], grown: int, more_gib: float, tokens: int, people: int
) -> None:
    found, request = subject(tag), PlanRequest(Workload(tokens, people), minimum_tokens_per_s=0.0)
    larger_gib = list(gpus_gib)
    larger_gib[grown % len(larger_gib)] += more_gib

    def fitting(sizes: list[float]) -> set[tuple[str, str]]:
        options = plan(machine(sizes), request, (found,), named=True).options
        return {(option.quantization, option.engine) for option in options if option.fits}

    assert fitting(gpus_gib) <= fitting(larger_gib)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CONFIG_FIELDS = [
    "model_type",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "sliding_window",
    "layer_types",
    "num_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "kv_lora_rank",
    "qk_rope_head_dim",
    "quantization_config",
    "rope_scaling",
    "text_config",
    "tie_word_embeddings",
]
LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 256,
    "max_position_embeddings": 512,
}


@given(
    st.dictionaries(st.sampled_from(CONFIG_FIELDS), json_values, max_size=4),
    st.sampled_from(
        ["llama", "qwen2", "qwen3_moe", "deepseek_v3", "gemma3", "gpt_oss", "qwen3_next", "unknown"]
    ),
)
@settings(max_examples=400, deadline=None)
def test_no_configuration_raises_anything_but_our_errors(broken: dict[str, object], model_type: str) -> None:
    try:
        shape = read_config({**LLAMA, "model_type": model_type, **broken}, source="config.json")
    except StillroomError:
        return
    assert shape.architecture.layer_count > 0


@given(
    tag=st.sampled_from([*TAGS, "no-such-model"]),
    quantization=st.sampled_from([*LADDER, "AWQ", "BF16", "Q9_Z", "f16"]),
    tokens=st.integers(-5, 2_000_000),
    people=st.integers(-5, 5000),
    gpus_gib=st.lists(st.floats(0, 200), max_size=3),
    ram_gib=st.floats(0, 2048),
    kv=st.sampled_from(["f16", "q8_0", "fp8", "q3_x"]),
    prefer=st.sampled_from(["quality", "speed", "context"]),
)
@settings(max_examples=150, deadline=None)
def test_no_request_raises_anything_but_our_errors(
    *,
    tag: str,
    quantization: str,
    tokens: int,
    people: int,
    gpus_gib: list[float],
    ram_gib: float,
    kv: str,
    prefer: str,
) -> None:
    request = PlanRequest(
        Workload(tokens, people),
        quantization=quantization,
        kv_cache_type=kv,
        prefer=prefer,  # type: ignore[arg-type]
    )
    try:
        found = from_catalog(CATALOG.find(tag))
        report = plan(machine(gpus_gib, ram_gib), request, (found,), named=True)
    except StillroomError:
        return
    outcomes = [option.fits for option in report.options]
    assert outcomes == sorted(outcomes, reverse=True)
    assert (report.pick is not None) == outcomes[0]
    assert report.pick is not None or report.changes


@given(st.lists(st.floats(1, 200), max_size=2), st.integers(256, 32_768))
@settings(max_examples=25, deadline=None)
def test_every_change_that_is_named_makes_something_fit(gpus_gib: list[float], tokens: int) -> None:
    found = subject("deepseek-r1:32b")
    request = PlanRequest(Workload(tokens, 2), quantization="Q8_0", engines=("ollama",))
    here = machine(gpus_gib, ram_gib=8)
    report = plan(here, request, (found,), named=True)
    for rejection in report.rejections:
        change = rejection.change
        assert change is not None
        if change.kind == "context":
            asked = replace(
                request,
                workload=replace(request.workload, context_tokens=_typed(change.options, "--context")),
            )
            assert plan(here, asked, (found,), named=True).pick is not None
        if change.kind == "users":
            asked = replace(
                request,
                workload=replace(request.workload, concurrent_sequences=_typed(change.options, "--users")),
            )
            assert plan(here, asked, (found,), named=True).pick is not None


def _typed(options: str, flag: str) -> int:
    words = options.split()
    return int(words[words.index(flag) + 1])
