"""Predicted beside measured memory: shape-exact models of zeros in the embedded engine.

Usage: ``python bench/memory.py [--device cpu|cuda] [--only TEXT] [--limit-gib 16] [--json OUT]``.

Each case writes a sparse GGUF file, starts the embedded engine's own child process on it, reads llama.cpp's
buffer lines and the process's resident memory, sends a prompt and reads the memory again. Cases that are
predicted to take more than ``--limit-gib`` are left out and named. ``bench/memory_peers.py`` sets other
tools' estimates beside the same figures.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.embedded_process import EmbeddedProcess
from bench.model_shapes import SHAPES
from bench.results_file import results_file
from bench.shape_gguf import Tokenizer, read_tokenizer, write_shape_gguf
from deploy.architectures.tensors import parameter_count
from deploy.engines.llama_log import read_llama_cpp_memory
from deploy.memory_model.llama_cpp import llama_cpp_memory
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.rule_of_thumb import rule_of_thumb_gb
from deploy.serving import Placement, Serving
from deploy.spec import GIB, MIB, MemoryEstimate, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.architectures.shape import Architecture

QUANTIZATIONS: Final = {"Q4_K_M": 4, "Q8_0": 8}
CONTEXTS: Final = (2048, 8192, 32_768)
CACHE_TYPES: Final = ("f16", "q8_0")
SEQUENCES: Final = (1, 4)

# A prompt longer than a micro-batch touches the whole compute buffer. On two cores it takes a large model
# minutes, and there the buffer is a hundredth of the whole.
_LONG_PROMPT: Final = 520
_SHORT_PROMPT: Final = 32
_USUAL: Final = 8192
_SMALL_PARAMETERS: Final = 3_000_000_000

_ATTEMPTS: Final = 3
# Less than this of the weights in memory means that the system took pages back.
_UNDISTURBED: Final = 0.995

COMPONENTS: Final = ("weights", "weights_repacked", "kv_cache", "compute")


@dataclass(frozen=True)
class Case:
    """One way to load one model."""

    model: str
    architecture: Architecture
    quantization: str
    workload: Workload
    serving: Serving
    placement: Placement

    @property
    def name(self) -> str:
        """For people and ``--only``."""
        return (
            f"{self.model} {self.quantization} {self.workload.context_tokens} "
            f"{self.serving.kv_cache_type} x{self.workload.concurrent_sequences}"
        )

    @property
    def plain(self) -> bool:
        """One sequence and 16 bits."""
        return self.workload.concurrent_sequences == 1 and self.serving.kv_cache_type == "f16"

    @property
    def prompt_tokens(self) -> int:
        """How long a prompt is read."""
        small = parameter_count(self.architecture) < _SMALL_PARAMETERS
        return _LONG_PROMPT if small else _SHORT_PROMPT

    def predicted(self) -> MemoryEstimate:
        """What the memory model says."""
        checkpoint = compute_checkpoint(self.architecture, self.quantization)
        return llama_cpp_memory(
            self.architecture, checkpoint, self.workload, self.serving, self.placement, engine="embedded"
        )


def cases(device: str) -> list[Case]:
    """Every combination, the plainest first, so that a run that is cut short has seen every model."""
    return sorted(
        _combinations(device), key=lambda case: (not case.plain, case.workload.context_tokens != _USUAL)
    )


def _combinations(device: str) -> Iterator[Case]:
    for model, architecture in SHAPES.items():
        everything = architecture.layer_count + 1
        placement = Placement(gpus=(0,), gpu_layers=(everything,)) if device == "cuda" else Placement()
        for quantization, context, cache, sequences in itertools.product(
            QUANTIZATIONS, CONTEXTS, CACHE_TYPES, SEQUENCES
        ):
            yield Case(
                model,
                architecture,
                quantization,
                Workload(context, sequences),
                Serving(kv_cache_type=cache),
                placement,
            )


def measure(case: Case, weights: Path) -> dict[str, Any]:
    """Load it, let it read a prompt, and say what it took."""
    with EmbeddedProcess(weights, case.workload, case.serving, case.placement) as process:
        loaded = process.resident()
        process.read_prompt(case.prompt_tokens)
        answered = process.resident()
        log = process.log()
    return {
        "case": case.name,
        "model": case.model,
        "parameters": parameter_count(case.architecture),
        "quantization": case.quantization,
        "context_tokens": case.workload.context_tokens,
        "concurrent_sequences": case.workload.concurrent_sequences,
        "kv_cache_type": case.serving.kv_cache_type,
        "device": "cuda" if case.placement.gpus else "cpu",
        "prompt_tokens": case.prompt_tokens,
        "printed_bytes": printed_bytes(log),
        "loaded_bytes": loaded.total_bytes,
        "measured_bytes": answered.total_bytes,
        "anonymous_bytes": answered.anonymous_bytes,
        "file_bytes": answered.file_bytes,
        "peak_bytes": answered.peak_bytes,
        "gpu_bytes": answered.gpu_bytes,
    }


def printed_bytes(log: str) -> dict[str, int]:
    """What llama.cpp printed of each component, on all devices together."""
    sums: dict[str, int] = {}
    for term in read_llama_cpp_memory(log):
        sums[term.name] = sums.get(term.name, 0) + term.measured_bytes
    return sums


def compare(case: Case, row: dict[str, Any]) -> dict[str, Any]:
    """The same with what was predicted, and the errors in percent."""
    predicted = case.predicted()
    device = case.placement.devices[0]
    printed = row["printed_bytes"]
    errors = {
        name: error_percent(predicted.component(name).expected_bytes, printed.get(name, 0))
        for name in COMPONENTS
    }
    total = predicted.on(device)
    measured = row["gpu_bytes"] if case.placement.gpus else row["measured_bytes"]
    rule = rule_of_thumb_gb(row["parameters"] / 10**9, QUANTIZATIONS[case.quantization]) * 10**9
    return row | {
        "predicted_bytes": {name: predicted.component(name).expected_bytes for name in COMPONENTS},
        "predicted_total_bytes": [total.low_bytes, total.expected_bytes, total.high_bytes],
        "rule_of_thumb_bytes": round(rule),
        "error_percent": errors
        | {
            "total": error_percent(total.expected_bytes, measured),
            "rule_of_thumb": error_percent(rule, measured),
        },
    }


def is_disturbed(row: dict[str, Any]) -> bool:
    """Whether the system took back pages of the weights, so that the process held less than it needs."""
    short: bool = row["file_bytes"] < row["printed_bytes"]["weights"] * _UNDISTURBED
    return short and row["device"] == "cpu"


def error_percent(predicted: float, measured: int) -> float:
    """Predicted over measured; 0 where both are nothing."""
    if not measured:
        return 0.0 if not predicted else float("inf")
    return round(100 * (predicted / measured - 1), 3)


def main() -> int:
    """Measure, print and write."""
    options = _options()
    known = {row["case"]: row for row in _earlier_rows(options.json)}
    rows: list[dict[str, Any]] = []
    left_out: list[str] = []
    tokenizer = _borrowed_tokenizer(options.cache)
    with tempfile.TemporaryDirectory(prefix="stillroom-bench-") as folder:
        for case in cases(options.device):
            needed = case.predicted().expected_bytes
            if case.name not in known:
                if options.only not in case.name:
                    continue
                if needed > options.limit_gib * GIB:
                    left_out.append(f"{case.name}: {needed / GIB:.1f} GiB predicted")
                    continue
                known[case.name] = _measure_undisturbed(case, _shape_file(Path(folder), case, tokenizer))
            rows.append(compare(case, known[case.name]))
            _print_row(rows[-1])
            if options.json:
                options.json.write_text(_report(rows, left_out), encoding="utf-8")
    print_summary(rows)
    print(*(f"left out: {line}" for line in left_out), sep="\n")
    return 0


def print_summary(rows: list[dict[str, Any]]) -> None:
    """Median and worst error of each component, and of the rule of thumb."""
    print(f"\n{len(rows)} cases; error in %, median and worst:")
    for name in (*COMPONENTS, "total", "rule_of_thumb"):
        errors = [
            abs(row["error_percent"][name]) for row in rows if name in COMPONENTS or not is_disturbed(row)
        ]
        print(f"  {name:18} {statistics.median(errors):8.3f} {max(errors):8.3f}  ({len(errors)} cases)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--limit-gib", type=float, default=16.0)
    parser.add_argument("--json", type=results_file, help="write the figures here after each case")
    parser.add_argument("--cache", type=Path, help="where the bundled model is kept")
    return parser.parse_args()


def _borrowed_tokenizer(cache: Path | None) -> Tokenizer:
    from platformdirs import user_cache_path

    from deploy.weights import pull_bundled

    folder = cache or user_cache_path("stillroom")
    return read_tokenizer(pull_bundled(cache_dir=folder, on_progress=lambda _: None).path)


def _shape_file(folder: Path, case: Case, tokenizer: Tokenizer) -> Path:
    number = list(SHAPES).index(case.model)
    path = folder / f"{number}-{case.quantization}.gguf"
    if not path.exists():
        checkpoint = compute_checkpoint(case.architecture, case.quantization)
        write_shape_gguf(path, case.architecture, checkpoint, tokenizer=tokenizer)
    return path


def _measure_undisturbed(case: Case, weights: Path) -> dict[str, Any]:
    """Measure again where the system took back pages of the weights, as it may when memory is short."""
    for _ in range(_ATTEMPTS):
        row = measure(case, weights)
        _forget(weights)
        if not is_disturbed(row):
            break
        print(f"{case.name}: pages of the weights were taken back", file=sys.stderr, flush=True)
    return row


def _forget(path: Path) -> None:
    """Let the system drop the file's pages, or it may drop some of the next case while that is measured."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _earlier_rows(path: Path | None) -> list[dict[str, Any]]:
    """Cases that an earlier run measured: they are predicted anew and not measured again."""
    if path is None or not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def _report(rows: list[dict[str, Any]], left_out: list[str]) -> str:
    report = {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "xllamacpp": importlib.metadata.version("xllamacpp"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "left_out": left_out,
        "rows": rows,
    }
    return json.dumps(report, indent=1) + "\n"


def _print_row(row: dict[str, Any]) -> None:
    errors = row["error_percent"]
    parts = " ".join(f"{errors[name]:+7.2f}" for name in (*COMPONENTS, "total"))
    predicted, measured = row["predicted_total_bytes"][1] / MIB, row["measured_bytes"] / MIB
    note = "  (pages of the weights were taken back)" if is_disturbed(row) else ""
    print(f"{row['case']:64} {parts} % | {predicted:8.0f} {measured:8.0f} MiB{note}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
