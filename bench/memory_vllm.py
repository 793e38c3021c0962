"""Predicted memory beside what vLLM takes on a CPU, for real shapes with made-up weights.

``vllm serve --load-format dummy`` needs a ``config.json`` and no download: weights are random, sizes are
real. For each model the capacity of the cache (``kv_cache_size_tokens`` on ``/metrics``; it must be predicted
exactly), and the memory of all its processes (Pss, so that shared pages count once) before and after a long
prompt are set beside the prediction. Speed of such a run says nothing.

Usage: python bench/memory_vllm.py --vllm path/to/vllm [--only NAME] [--results FILE]
or, once the memory model has changed: python bench/memory_vllm.py --measured FILE [--results FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from bench.results_file import results_file
from bench.vllm_configs import CONFIGS
from deploy.architectures.hugging_face import read_config
from deploy.memory_model.vllm import default_batch, vllm_memory
from deploy.memory_model.vllm_budget import kv_cache_tokens
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.serving import Placement, Serving
from deploy.spec import GIB, MIB, Machine, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.spec import MemoryEstimate

START_DEADLINE_SECONDS = 900.0
STOP_GRACE_SECONDS = 30.0
PROMPT_TOKENS = 2048
CACHE_GIB = 1


class StartError(Exception):
    """vLLM did not start."""


@dataclass(frozen=True)
class Case:
    """One start of vLLM."""

    model: str
    context_tokens: int
    sequences: int
    kv_cache_type: str = "f16"

    @property
    def title(self) -> str:
        """For the table."""
        return f"{self.model}, {self.context_tokens} tokens · {self.sequences}, {self.kv_cache_type}"


CASES = (
    Case("DeepSeek-R1-Distill-Qwen-1.5B", 8192, 4),
    Case("Qwen3-0.6B", 4096, 2),
    Case("Qwen3-0.6B", 8000, 2, "fp8"),
    Case("Qwen3-1.7B", 2048, 4),
    Case("Llama-3.2-1B", 16_384, 1),
    Case("gemma-3-1b", 8192, 2),
    Case("gemma-3-1b", 32_768, 1),
    Case("DeepSeek-V2-Lite, 3 of 27 layers", 4096, 4),
)


@dataclass(frozen=True)
class Measured:
    """What one start showed, in bytes.

    Attributes:
        loaded_bytes: all processes, before the first request.
        prompted_bytes: after a prompt of a full batch.
    """

    kv_cache_tokens: int
    cache_bytes: int
    loaded_bytes: int
    prompted_bytes: int


@dataclass(frozen=True)
class Row:
    """One case, predicted beside measured."""

    case: Case
    predicted_kv_cache_tokens: int
    predicted_loaded_bytes: int
    predicted_prompted_bytes: tuple[int, int, int]
    measured: Measured

    @property
    def error(self) -> float:
        """Of the memory after a prompt, as a share."""
        return self.predicted_prompted_bytes[1] / self.measured.prompted_bytes - 1


def predict(case: Case) -> tuple[int, MemoryEstimate]:
    """Tokens in the cache of one GiB, and the memory model's terms with exactly that cache."""
    architecture = read_config(CONFIGS[case.model], source=case.model).architecture
    workload = Workload(case.context_tokens, case.sequences)
    serving, placement, machine = Serving(kv_cache_type=case.kv_cache_type), Placement(), here()
    batched = default_batch(workload, serving, placement, machine)
    tokens = kv_cache_tokens(
        CACHE_GIB * GIB,
        architecture,
        serving,
        placement,
        context_tokens=case.context_tokens,
        batched_tokens=batched,
    )
    checkpoint = compute_checkpoint(architecture, "BF16", file_format="safetensors")
    return tokens, vllm_memory(architecture, checkpoint, workload, serving, placement, machine=machine)


def here() -> Machine:
    """This machine's memory; nothing else of it matters to the memory model."""
    memory = psutil.virtual_memory()
    return Machine(platform.processor(), os.cpu_count() or 1, memory.total, memory.available, "physical", 0)


def measure(case: Case, vllm: Path) -> Measured:
    """Start vLLM, read its figures, send a prompt, stop it."""
    with tempfile.TemporaryDirectory(prefix="vllm-memory-") as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(CONFIGS[case.model]), encoding="utf-8")
        with served(case, vllm, folder) as (url, pid):
            metrics = httpx.get(f"{url}/metrics", timeout=60).text
            loaded = group_bytes(pid)
            body = {
                "model": name,
                "prompt": [
                    5 + number % 1000 for number in range(min(PROMPT_TOKENS, case.context_tokens - 8))
                ],
                "max_tokens": 2,
                "ignore_eos": True,
            }
            httpx.post(f"{url}/v1/completions", json=body, timeout=600).raise_for_status()
            return Measured(
                int(_label(metrics, "kv_cache_size_tokens")),
                int(_label(metrics, "kv_cache_memory_bytes")),
                loaded,
                group_bytes(pid),
            )


@contextlib.contextmanager
def served(case: Case, vllm: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """A running server's address and process, ended with everything that it started."""
    port = free_port()
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": str(CACHE_GIB),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PATH": f"{vllm.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    options = {
        "--load-format": "dummy",
        "--max-model-len": str(case.context_tokens),
        "--max-num-seqs": str(case.sequences),
        "--kv-cache-dtype": {"f16": "auto"}.get(case.kv_cache_type, case.kv_cache_type),
        "--host": "127.0.0.1",
        "--port": str(port),
    }
    flags = [part for pair in options.items() for part in pair]
    argv = [str(vllm), "serve", str(folder), "--skip-tokenizer-init", "--enforce-eager", *flags]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        stop(process)


def wait_for_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server answers.

    Raises:
        StartError: it died or is late; with the end of its log.
    """
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        time.sleep(1)
    raise StartError(f"vLLM did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group: politely, then not."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def group_bytes(pid: int) -> int:
    """Memory of a process and all that it started, pages they share counted once."""
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _label(metrics: str, name: str) -> str:
    """A label of vLLM's ``cache_config_info``."""
    found = re.search(rf'cache_config_info\{{.*?\b{name}="([^"]*)"', metrics)
    if found is None:
        raise SystemExit(f"vLLM's metrics have no {name}")
    return found[1]


def compare(case: Case, measured: Measured) -> Row:
    """One case, predicted beside measured."""
    tokens, estimate = predict(case)
    # The cache is what the run was given, not what the workload needs.
    rest = [term for term in estimate.terms if term.name not in {"kv_cache", "recurrent_state"}]
    loaded = sum(term.expected_bytes for term in rest if term.name != "compute")
    return Row(
        case,
        tokens,
        loaded + measured.cache_bytes,
        (
            sum(term.low_bytes for term in rest) + measured.cache_bytes,
            sum(term.expected_bytes for term in rest) + measured.cache_bytes,
            sum(term.high_bytes for term in rest) + measured.cache_bytes,
        ),
        measured,
    )


def show(row: Row) -> str:
    """One line of the table."""
    exact = "exact" if row.predicted_kv_cache_tokens == row.measured.kv_cache_tokens else "WRONG"
    loaded = row.predicted_loaded_bytes / row.measured.loaded_bytes - 1
    parts = (
        f"{row.case.title:66}",
        f"cache {row.predicted_kv_cache_tokens:>9,} {row.measured.kv_cache_tokens:>9,} {exact}",
        f"loaded {row.predicted_loaded_bytes / MIB:6,.0f}",
        f"{row.measured.loaded_bytes / MIB:6,.0f} MiB {loaded:+6.1%}",
        f"prompted {row.predicted_prompted_bytes[1] / MIB:6,.0f}",
        f"{row.measured.prompted_bytes / MIB:6,.0f} MiB {row.error:+6.1%}",
    )
    return "  ".join(parts)


def write(rows: list[Row], path: Path, origin: dict[str, object]) -> None:
    """The figures as data, with date and versions."""
    document = origin | {"rows": [asdict(row) | {"error": round(row.error, 4)} for row in rows]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def origin_of(vllm: Path) -> dict[str, object]:
    """When, where and with which version is measured."""
    program = [str(vllm), "--version"]
    said = subprocess.run(program, capture_output=True, text=True, check=False, timeout=300).stdout.split()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "vllm": said[-1] if said else "",
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_cores": os.cpu_count(),
    }


def rows_again(document: dict[str, Any]) -> list[Row]:
    """Earlier measurements beside what is predicted now."""
    return [
        compare(Case(**row["case"]), Measured(**row["measured"]))
        for row in document["rows"]
        if row["case"]["model"] in CONFIGS
    ]


def main() -> int:
    """Measure, print, write; fail where a capacity was not predicted exactly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--vllm", type=Path, help="the vllm program of its own environment")
    source.add_argument("--measured", type=Path, help="results of an earlier run, instead of a new one")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--results", type=results_file, help="write the figures to this file")
    asked = parser.parse_args()
    rows, failed = [], 0
    if asked.measured:
        document = json.loads(asked.measured.read_text(encoding="utf-8"))
        origin = {key: value for key, value in document.items() if key != "rows"}
        rows = rows_again(document)
        print("\n".join(show(row) for row in rows))
    else:
        vllm = asked.vllm.absolute()
        origin = origin_of(vllm)
        for case in CASES:
            if asked.only not in case.model:
                continue
            try:
                rows.append(compare(case, measure(case, vllm)))
                print(show(rows[-1]), flush=True)
            except StartError as error:
                failed += 1
                print(f"{case.title}: {error}", file=sys.stderr, flush=True)
    if rows:
        errors = [abs(row.error) for row in rows]
        print(f"memory: median error {statistics.median(errors):.1%}, largest {max(errors):.1%}")
    if asked.results:
        write(rows, asked.results, origin)
    wrong = [row for row in rows if row.predicted_kv_cache_tokens != row.measured.kv_cache_tokens]
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
