"""The embedded engine's child process, started for a measurement: its log and its memory.

It reads ``/proc``, so that it measures on Linux alone.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx

from deploy.ports import free_port

if TYPE_CHECKING:
    from types import TracebackType

    from deploy.serving import Placement, Serving
    from deploy.spec import Workload

_START_SECONDS: Final = 600.0
_PROMPT_SECONDS: Final = 1800.0
_LOOK_SECONDS: Final = 0.2
_HTTP_OK: Final = 200


@dataclass(frozen=True)
class Resident:
    """Memory of the process.

    Attributes:
        file_bytes: pages of files that it maps: the weights and libraries.
        peak_bytes: the most that was ever resident.
        gpu_bytes: what NVML attributes to it; 0 without a GPU.
    """

    anonymous_bytes: int
    file_bytes: int
    peak_bytes: int
    gpu_bytes: int

    @property
    def total_bytes(self) -> int:
        """Resident now."""
        return self.anonymous_bytes + self.file_bytes


class EmbeddedProcess:
    """A running ``deploy.engines.embedded_server``; leaving the context ends it."""

    def __init__(self, weights: Path, workload: Workload, serving: Serving, placement: Placement) -> None:
        self._port = free_port()
        self._log = tempfile.NamedTemporaryFile(mode="w+", suffix=".log")  # noqa: SIM115  closed in __exit__
        arguments = {
            "--model": weights,
            "--alias": "shape",
            "--port": self._port,
            "--context": workload.context_tokens,
            "--parallel": workload.concurrent_sequences,
            "--threads": os.cpu_count() or 1,
            "--gpu-layers": placement.layers_on_gpus(),
            "--cache-type-k": serving.kv_cache_type,
            "--cache-type-v": serving.kv_cache_type,
            "--ubatch": serving.micro_batch_tokens,
        }
        flags = [str(part) for pair in arguments.items() for part in pair]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "deploy.engines.embedded_server", *flags, "--stop-on-stdin-eof"],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1"},
        )

    def __enter__(self) -> Self:
        """Wait until the weights are loaded."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the embedded engine ended while it loaded:\n{self.log()[-2000:]}")
            try:
                if httpx.get(f"http://127.0.0.1:{self._port}/health").status_code == _HTTP_OK:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"the embedded engine was not ready within {_START_SECONDS:.0f} s")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, and wait until its memory is free again."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def read_prompt(self, tokens: int) -> None:
        """Let it read a prompt of that many tokens and write one."""
        prompt = [100 + number % 1000 for number in range(tokens)]
        answer = httpx.post(
            f"http://127.0.0.1:{self._port}/completion",
            json={"prompt": prompt, "n_predict": 1},
            timeout=_PROMPT_SECONDS,
        )
        answer.raise_for_status()

    def resident(self) -> Resident:
        """What the process holds now."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
        return Resident(
            anonymous_bytes=kib["RssAnon"] * 1024,
            file_bytes=(kib["RssFile"] + kib["RssShmem"]) * 1024,
            peak_bytes=kib["VmHWM"] * 1024,
            gpu_bytes=_gpu_bytes(self._process.pid),
        )

    def log(self) -> str:
        """What it printed until now."""
        return Path(self._log.name).read_text(encoding="utf-8", errors="replace")


def _gpu_bytes(pid: int) -> int:
    """What NVML says that the process uses on the first GPU."""
    pynvml = importlib.import_module("pynvml")  # no types
    try:
        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
        used = pynvml.nvmlDeviceGetComputeRunningProcesses(device)
    except pynvml.NVMLError:
        return 0
    return sum(int(process.usedGpuMemory or 0) for process in used if process.pid == pid)
