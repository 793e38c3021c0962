"""The floor for decode speed on a CPU."""

from __future__ import annotations

from deploy.catalog import load_catalog
from deploy.quantization import compute_artefact
from deploy.speed import cpu_decode_tokens_per_s


def _tokens_per_s(tag: str, quantization: str, cores: int) -> float:
    architecture = load_catalog().find(tag).architecture
    return cpu_decode_tokens_per_s(architecture, compute_artefact(architecture, quantization), cores=cores)


def test_the_floor_is_below_what_was_measured_on_two_slow_cores() -> None:
    measured_tokens_per_s = 14.4
    assert (
        0.5 * measured_tokens_per_s < _tokens_per_s("deepseek-r1:1.5b", "Q4_K_M", 2) < measured_tokens_per_s
    )


def test_more_cores_help_until_memory_is_saturated() -> None:
    rates = [_tokens_per_s("deepseek-r1:7b", "Q4_K_M", cores) for cores in (1, 4, 8, 64, 128)]
    assert rates == sorted(rates)
    assert rates[-1] == rates[-2]


def test_fewer_bits_decode_faster() -> None:
    assert _tokens_per_s("deepseek-r1:7b", "Q4_K_M", 8) > _tokens_per_s("deepseek-r1:7b", "Q8_0", 8)
