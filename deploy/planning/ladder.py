"""What to give up, one thing at a time, when an engine that was planned to fit runs out of memory.

Pure. From the cheapest loss to the dearest: a smaller KV cache type, less context, fewer sequences, smaller
batches, a less precise quantization, layers on the CPU or another GPU, a smaller model. What was given up
stays given up. A rung that would save next to nothing is passed over, because each costs a launch.
(A speculative draft would come first; Stillroom launches none.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.memory_model.kv_cache import kv_block
from deploy.memory_model.vllm import default_batch
from deploy.memory_model.vllm_support import tensor_parallel_problem
from deploy.planning.planner import as_plan
from deploy.planning.ranking import rank
from deploy.planning.reductions import CONTEXT_STEP, LEAST_CONTEXT_TOKENS, SMALLER_KV_CACHES
from deploy.serving import CPU, Placement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deploy.plan import Plan
    from deploy.planning.options import PlanOption, Weigher
    from deploy.planning.subject import Subject
    from deploy.serving import Serving
    from deploy.spec import MemoryEstimate, Workload

# A rung must take so much less than what failed to be worth another launch.
_WORTHWHILE = 0.97

# Smaller batches than these compute a prompt several times slower: llama.cpp's micro batch, vLLM's batch.
_LEAST_MICRO_BATCH_TOKENS = 128
_LEAST_BATCHED_TOKENS = 512

# Below this a smaller model at 4 bits is the better one.
_LEAST_BITS = 3

# Layers that leave the GPUs at once.
_OFFLOADED_SHARE = 1 / 3

# A model is smaller if it takes at most so much of the memory.
_SMALLER_MODEL = 0.8


@dataclass(frozen=True, slots=True)
class Rung:
    """The plan with one thing less.

    Attributes:
        kind: as in ``deploy.supervision.deployment.LadderStep``.
        description: what was changed to what.
    """

    kind: str
    description: str
    plan: Plan


@dataclass(frozen=True)
class Ladder:
    """Finds the next rung below a plan that failed.

    Attributes:
        weigher: for the machine as it is now and what was asked for first.
        subject: the model that was planned.
        others: models that may take its place, if all else fails.
    """

    weigher: Weigher
    subject: Subject
    others: Sequence[Subject] = ()

    def below(
        self, plan: Plan, *, fitting_context_tokens: int | None = None, without: frozenset[str] = frozenset()
    ) -> Rung | None:
        """The next thing to give up; None where there is nothing more.

        Args:
            plan: that ran out of memory.
            fitting_context_tokens: the longest context that the engine said would fit.
            without: kinds of rungs that were tried and did not start.
        """
        finders: dict[str, Callable[[], Rung | None]] = {
            "kv_cache": lambda: self._smaller_cache_type(plan, fitting_context_tokens),
            "context": lambda: self._less_context(plan, fitting_context_tokens),
            "users": lambda: self._fewer_sequences(plan),
            "batch": lambda: self._smaller_batch(plan),
            "quantization": lambda: self._less_precise(plan),
            "offload": lambda: self._more_on_the_cpu(plan),
            "tensor_parallel": lambda: self._more_gpus(plan),
            "model": lambda: self._smaller_model(plan),
        }
        for kind, find in finders.items():
            rung = None if kind in without else find()
            if rung is not None:
                return rung
        return None

    def _smaller_cache_type(self, plan: Plan, fitting_context_tokens: int | None) -> Rung | None:
        old, context = plan.serving.kv_cache_type, plan.workload.context_tokens
        for kind in SMALLER_KV_CACHES[plan.engine]:
            gain = _element_bytes(old) / _element_bytes(kind)
            if gain <= 1:
                continue
            if fitting_context_tokens is not None and fitting_context_tokens * gain < context:
                continue  # the engine's own figure says that this alone will not do
            rung = self._rung(
                "kv_cache",
                f"a KV cache in {kind} instead of {old}",
                plan,
                serving=replace(plan.serving, kv_cache_type=kind),
            )
            if rung is not None:
                return rung
        return None

    def _less_context(self, plan: Plan, fitting_context_tokens: int | None) -> Rung | None:
        old = plan.workload.context_tokens
        wanted = old // 2 if fitting_context_tokens is None else min(fitting_context_tokens, old - 1)
        tokens = max(wanted // CONTEXT_STEP * CONTEXT_STEP, LEAST_CONTEXT_TOKENS)
        if tokens >= old or (fitting_context_tokens is not None and tokens > fitting_context_tokens):
            return None
        shorter = replace(plan.workload, context_tokens=tokens)
        words = f"a context of {tokens:,} tokens instead of {old:,}"
        # The engine's own figure counts, however little memory it saves.
        return self._rung("context", words, plan, workload=shorter, always=fitting_context_tokens is not None)

    def _fewer_sequences(self, plan: Plan) -> Rung | None:
        old = plan.workload.concurrent_sequences
        if old == 1:
            return None
        fewer = replace(plan.workload, concurrent_sequences=old // 2)
        words = f"{old // 2} sequence{'s' if old // 2 > 1 else ''} at once instead of {old}"
        return self._rung("users", words, plan, workload=fewer)

    def _smaller_batch(self, plan: Plan) -> Rung | None:
        if plan.engine == "vllm":
            old = default_batch(plan.workload, plan.serving, plan.placement, self.weigher.machine)
            tokens, least = old // 2, max(_LEAST_BATCHED_TOKENS, plan.workload.concurrent_sequences)
            serving = replace(plan.serving, batched_tokens=tokens)
        else:
            old = plan.serving.micro_batch_tokens
            tokens, least = old // 2, _LEAST_MICRO_BATCH_TOKENS
            serving = replace(plan.serving, micro_batch_tokens=tokens)
        if tokens < least:
            return None
        words = f"batches of {tokens:,} tokens instead of {old:,}"
        return self._rung("batch", words, plan, serving=serving)

    def _less_precise(self, plan: Plan) -> Rung | None:
        """The most precise of the quantizations that take less."""
        old = plan.artefact.quantization
        found: list[tuple[int, str, PlanOption]] = []
        for name in self._subject(plan).formats.get(plan.engine, ()):
            option = self._option(plan, quantization=name)
            precise_enough = name != old and option.quality.nominal_bits >= _LEAST_BITS
            if precise_enough and _worthwhile(plan, option.memory):
                found.append((option.memory.expected_bytes, name, option))
        if not found:
            return None
        _, name, option = max(found, key=lambda one: one[0])
        return self._as_rung("quantization", f"{name} instead of {old}", plan, option)

    def _more_on_the_cpu(self, plan: Plan) -> Rung | None:
        layers = plan.placement.gpu_layers
        if not layers:
            return None
        leaving = max(1, round(sum(layers) * _OFFLOADED_SHARE))
        # The first layers leave, as llama.cpp keeps the last ones on its GPUs.
        left = list(layers)
        for place, count in enumerate(left):
            gone = min(count, leaving)
            left[place], leaving = count - gone, leaving - gone
        kept = [(gpu, count) for gpu, count in zip(plan.placement.gpus, left, strict=True) if count]
        placement = Placement(tuple(gpu for gpu, _ in kept), tuple(count for _, count in kept))
        option = self._option(plan, placement=placement)
        if option.memory.on(CPU).expected_bytes > self.weigher.budgets[CPU]:
            return None
        words = f"{placement.layers_on_gpus()} layers on GPUs instead of {sum(layers)}"
        return self._as_rung("offload", words, plan, option)

    def _more_gpus(self, plan: Plan) -> Rung | None:
        size = plan.placement.tensor_parallel * 2
        gpus = sorted(
            (gpu.free_bytes, gpu.index) for gpu in self.weigher.machine.gpus if gpu.vendor == "nvidia"
        )
        architecture = self._option(plan).loaded.architecture
        if plan.engine != "vllm" or len(gpus) < size or tensor_parallel_problem(architecture, size):
            return None
        chosen = tuple(sorted(index for _, index in gpus[-size:]))
        option = self._option(plan, placement=Placement(chosen, tensor_parallel=size))
        words = f"{size} GPUs by tensor parallelism instead of {len(plan.placement.gpus)}"
        return self._as_rung("tensor_parallel", words, plan, option)

    def _smaller_model(self, plan: Plan) -> Rung | None:
        """The best model that is clearly smaller and fits what was asked for first."""
        request = replace(self.weigher.request, quantization=None, engines=(plan.engine,))
        weigher = replace(self.weigher, request=request, named=False)
        options = sorted(
            (
                option
                for subject in self.others
                if subject.id != plan.model_id and not subject.bundled
                for option in weigher.options(subject)
                if option.fits and _total(option.memory) < _SMALLER_MODEL * _total(plan.memory)
            ),
            key=lambda option: rank(option, request),
        )
        if not options:
            return None
        best = options[0]
        smaller = as_plan(best, request, named=False)
        words = f"{best.title} instead of {plan.model_tag}"
        return Rung("model", words, replace(smaller, reason=_why(words)))

    def _subject(self, plan: Plan) -> Subject:
        """The model of the plan, which may have taken the first one's place."""
        return next((other for other in self.others if other.id == plan.model_id), self.subject)

    def _rung(
        self,
        kind: str,
        words: str,
        plan: Plan,
        *,
        serving: Serving | None = None,
        workload: Workload | None = None,
        always: bool = False,
    ) -> Rung | None:
        option = self._option(plan, serving=serving, workload=workload)
        if not always and not _worthwhile(plan, option.memory):
            return None
        return self._as_rung(kind, words, plan, option, workload=workload)

    def _as_rung(
        self, kind: str, words: str, plan: Plan, option: PlanOption, *, workload: Workload | None = None
    ) -> Rung:
        request = replace(self.weigher.request, workload=workload or plan.workload)
        changed = as_plan(option, request, named=True)
        return Rung(kind, words, replace(changed, reason=_why(words)))

    def _option(
        self,
        plan: Plan,
        *,
        quantization: str | None = None,
        serving: Serving | None = None,
        workload: Workload | None = None,
        placement: Placement | None = None,
    ) -> PlanOption:
        request = replace(self.weigher.request, workload=workload or plan.workload)
        return replace(self.weigher, request=request, named=True).at(
            self._subject(plan),
            quantization or plan.artefact.quantization,
            plan.engine,
            serving=serving or plan.serving,
            placement=plan.placement if placement is None else placement,
        )


def _why(words: str) -> str:
    return f"{words}, because what was planned ran out of memory"


def _worthwhile(plan: Plan, memory: MemoryEstimate) -> bool:
    return _total(memory) <= _WORTHWHILE * _total(plan.memory)


def _total(memory: MemoryEstimate) -> int:
    """What is taken of the GPUs, or of the main memory where no GPU is used."""
    devices = {term.device for term in memory.terms}
    return sum(memory.on(device).expected_bytes for device in devices - {CPU} or {CPU})


def _element_bytes(kv_cache_type: str) -> float:
    block = kv_block(kv_cache_type)
    return block.bytes / block.weights
