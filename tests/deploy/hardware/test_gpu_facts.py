"""Finding a GPU by name, however it is written, and not finding one that is another card."""

from __future__ import annotations

import pytest

from deploy.hardware.gpu_facts import facts_for, find_gpu, known_gpus
from deploy.spec import GIB, MIB
from stillroom.errors import PlanError


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("RTX 4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("RTX-4070-Ti-SUPER", "RTX 4070 Ti Super"),
        ("H100", "H100 SXM"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA H200", "H200 SXM"),
        ("A100-SXM4-80GB", "A100 SXM 80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100 80GB PCIe", "A100 PCIe 80GB"),
        ("Tesla T4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100 16GB"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000 Blackwell"),
        ("NVIDIA GB10", "GB10 (DGX Spark)"),
        ("DGX Spark", "GB10 (DGX Spark)"),
        ("AMD Radeon RX 7900 XTX", "RX 7900 XTX"),
        ("AMD Instinct MI300X", "MI300X"),
        ("Apple M3 Max", "Apple M3 Max (40-core)"),
        ("m4 pro", "Apple M4 Pro"),
    ],
)
def test_a_gpu_is_found_however_it_is_written(written: str, name: str) -> None:
    assert find_gpu(written).name == name


def test_every_known_gpu_is_found_by_its_own_name() -> None:
    for facts in known_gpus():
        assert find_gpu(facts.name) is facts


@pytest.mark.parametrize(
    "written",
    [
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "RTX 4090 D",
        "RTX 6000",
        "RTX 3080 12GB",
        "A10G",
        "banana",
        "",
        "RTX",
    ],
)
def test_another_card_is_not_taken_for_a_known_one(written: str) -> None:
    assert facts_for(written) is None
    with pytest.raises(PlanError) as raised:
        find_gpu(written)
    assert repr(written) in raised.value.message


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(PlanError, match="RTX 4090"):
        find_gpu("RTX 4090 Laptop GPU")


def test_a_name_of_several_cards_lists_them() -> None:
    with pytest.raises(PlanError, match=r"A100 SXM 80GB, A100 40GB"):
        find_gpu("A100")


def test_the_memory_that_is_seen_settles_a_name_of_several_cards() -> None:
    assert find_gpu("NVIDIA GeForce RTX 4060 Ti", total_bytes=8188 * MIB).name == "RTX 4060 Ti 8GB"
    assert find_gpu("NVIDIA GeForce RTX 4060 Ti", total_bytes=16380 * MIB).name == "RTX 4060 Ti 16GB"


def test_a_card_of_the_same_name_with_other_memory_is_not_the_same() -> None:
    assert facts_for("NVIDIA GeForce RTX 3080", total_bytes=12288 * MIB) is None


def test_memory_is_what_the_driver_reports_and_less_is_free() -> None:
    facts = find_gpu("RTX 4090")
    assert (facts.total_bytes, facts.idle_free_bytes) == (24564 * MIB, 24077 * MIB)


def test_where_no_report_is_known_memory_is_a_cautious_share_of_what_is_marketed() -> None:
    for facts in known_gpus():
        assert 0.9 * facts.marketed_gb * GIB < facts.total_bytes <= facts.marketed_gb * GIB
        assert facts.total_bytes - 1024 * MIB < facts.idle_free_bytes <= facts.total_bytes


def test_operations_a_second_are_known_only_where_they_were_verified() -> None:
    assert find_gpu("RTX 4090").fp16_flops == 165.2e12
    assert find_gpu("RTX 3090").fp16_flops == 0


def test_every_bandwidth_is_known_and_every_figure_has_a_source() -> None:
    assert all(facts.bandwidth_bytes_per_s >= 60e9 and facts.source for facts in known_gpus())
