"""Shared by the tests of hardware: a machine with a GPU."""

from __future__ import annotations

from deploy.spec import GIB, MIB, Gpu, GpuProcess, Machine

GPU = Gpu(
    0,
    "NVIDIA L4",
    23034 * MIB,
    22000 * MIB,
    bandwidth_bytes_per_s=300e9,
    processes=(GpuProcess(4, "python", MIB),),
)
HERE = Machine("A CPU", 4, 8 * GIB, 6 * GIB, "cgroup", 50 * GIB, gpus=(GPU,))
