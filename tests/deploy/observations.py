"""Made-up observations, for the tests of calibration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deploy.calibration.observation import Observation

CPU_NAME = "a processor"


def observed(component: str, predicted: int, measured: int, **changed: Any) -> Observation:  # noqa: ANN401  its own fields
    """One component of one launch in the setup above."""
    one = Observation(
        engine="embedded",
        engine_version="1.0",
        device=CPU_NAME,
        layout="cpu",
        architecture="qwen2",
        component=component,
        covers=(component,),
        predicted_bytes=predicted,
        measured_bytes=measured,
        rounding_bytes=0,
        model="a-model:1b",
        quantization="Q4_K_M",
        weights_bytes=1_000_000,
        context_tokens=4096,
        concurrent_sequences=1,
        kv_cache_type="f16",
        observed_at="2026-11-26T10:00:00+00:00",
    )
    return replace(one, **changed)
