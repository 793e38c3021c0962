"""Machines that are told by flags."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.hardware.described import describe_machine
from deploy.hardware.machine_flags import MachineFlags
from deploy.hardware.nvidia import select_visible
from deploy.hardware.sizes import parse_bandwidth, parse_size
from deploy.spec import GIB, MIB, Machine
from stillroom.errors import PlanError
from tests.deploy.hardware.conftest import GPU, HERE

BARE = Machine("A CPU", 4, 8 * GIB, 6 * GIB, "physical", 50 * GIB)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("24GiB", 24 * GIB),
        ("24G", 24 * GIB),
        ("24", 24 * GIB),
        (" 24 gib ", 24 * GIB),
        ("24GB", 24 * 10**9),
        ("512MiB", 512 * MIB),
        ("1.5TiB", 1536 * GIB),
        ("800000000b", 800_000_000),
    ],
)
def test_a_size_is_read_with_or_without_its_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-4GiB", "24 parsecs", "0", "nan", "1e9", "24GiB/s", "9" * 40])
def test_what_is_no_size_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(PlanError) as raised:
        parse_size(text, name="--vram")
    assert "--vram" in raised.value.message
    assert repr(text) in raised.value.message


def test_a_bandwidth_is_read_in_gigabytes_a_second() -> None:
    assert parse_bandwidth("1008GB/s") == parse_bandwidth("1008") == parse_bandwidth("1.008 TB/s") == 1008e9
    with pytest.raises(PlanError, match="fast"):
        parse_bandwidth("fast")


def test_nothing_said_leaves_the_machine_as_it_is() -> None:
    assert describe_machine(HERE, MachineFlags()) is HERE


def test_a_named_gpu_comes_with_what_is_known_of_it() -> None:
    machine = describe_machine(HERE, MachineFlags(gpus=["RTX 4090"]))
    (gpu,) = machine.gpus
    assert (gpu.name, gpu.total_bytes, gpu.free_bytes) == ("RTX 4090", 24564 * MIB, 24077 * MIB)
    assert (gpu.bandwidth_bytes_per_s, gpu.compute_capability, gpu.source) == (1008e9, 8.9, "described")
    assert machine.described


def test_a_machine_with_a_named_gpu_is_the_same_wherever_one_sits() -> None:
    flags = MachineFlags(gpus=["RTX 4090"])
    assert describe_machine(HERE, flags) == describe_machine(BARE, flags)


def test_memory_that_was_not_said_is_assumed_and_said_so() -> None:
    machine = describe_machine(HERE, MachineFlags(gpus=["2x RTX 4090"]))
    assert machine.memory_total_bytes == 48 * GIB
    assert any("48 GiB assumed" in note for note in machine.notes)


@pytest.mark.parametrize(
    "names", [["2x RTX 4090"], ["2 × RTX 4090"], ["RTX 4090", "RTX 4090"], ["2xRTX 4090"]]
)
def test_two_gpus_can_be_written_in_several_ways(names: list[str]) -> None:
    machine = describe_machine(BARE, MachineFlags(gpus=names, memory="64GiB", cores=16))
    assert [(gpu.index, gpu.name) for gpu in machine.gpus] == [(0, "RTX 4090"), (1, "RTX 4090")]
    assert (machine.memory_total_bytes, machine.cpu_cores, machine.notes) == (64 * GIB, 16, ())


def test_a_count_beside_the_name_multiplies_it() -> None:
    assert len(describe_machine(BARE, MachineFlags(gpus=["H100"], gpu_count=8)).gpus) == 8


def test_different_gpus_stand_side_by_side() -> None:
    machine = describe_machine(BARE, MachineFlags(gpus=["RTX 4090", "RTX 3060"]))
    assert [gpu.name for gpu in machine.gpus] == ["RTX 4090", "RTX 3060 12GB"]


def test_memory_that_is_said_of_a_gpu_is_free_whole() -> None:
    (gpu,) = describe_machine(BARE, MachineFlags(gpus=["RTX 4090"], gpu_memory="20GiB")).gpus
    assert gpu.total_bytes == gpu.free_bytes == 20 * GIB


def test_memory_that_is_said_settles_a_name_of_several_cards() -> None:
    (gpu,) = describe_machine(BARE, MachineFlags(gpus=["A100"], gpu_memory="40GiB")).gpus
    assert gpu.name == "A100 40GB"


def test_an_apple_chip_needs_its_memory_said() -> None:
    with pytest.raises(PlanError, match="none was said") as raised:
        describe_machine(BARE, MachineFlags(gpus=["Apple M3 Max"]))
    assert "--ram" in raised.value.hint
    machine = describe_machine(BARE, MachineFlags(gpus=["Apple M3 Max"], memory="64GiB"))
    assert machine.gpus[0].total_bytes == 48 * GIB
    assert machine.memory_bandwidth_bytes_per_s == 400e9


def test_a_spark_comes_in_one_size() -> None:
    machine = describe_machine(BARE, MachineFlags(gpus=["DGX Spark"]))
    assert machine.gpus[0].unified
    assert machine.memory_total_bytes == machine.gpus[0].total_bytes > 120 * GIB


def test_no_gpu_can_be_said() -> None:
    machine = describe_machine(HERE, MachineFlags(gpus=["none"], memory="32GiB", bandwidth="80GB/s"))
    assert (machine.gpus, machine.memory_bandwidth_bytes_per_s) == ((), 80e9)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (MachineFlags(gpus=["none"], gpu_memory="24GiB"), ("--gpu none", "--vram '24GiB'")),
        (MachineFlags(gpus=["none", "4090"]), ("--gpu none", "--gpu '4090'")),
        (MachineFlags(gpus=["4090", "None"]), ("--gpu none", "--gpu '4090'")),
        (MachineFlags(gpus=["none"], gpu_count=2), ("--gpu none", "--gpus '2'")),
    ],
)
def test_no_gpu_and_something_of_one_contradict_each_other(
    flags: MachineFlags, said: tuple[str, ...]
) -> None:
    with pytest.raises(PlanError, match="contradict each other") as raised:
        describe_machine(HERE, flags)
    for words in said:
        assert words in raised.value.message


def test_a_shared_gpu_has_no_more_memory_than_its_machine() -> None:
    flags = MachineFlags(gpus=["M3 Max"], memory="64GiB", gpu_memory="100GiB")
    with pytest.raises(PlanError, match=r"--vram 100GiB is more than --ram 64GiB.*M3 Max.* none of its own"):
        describe_machine(BARE, flags)

    (gpu,) = describe_machine(BARE, replace(flags, gpu_memory="60GiB")).gpus
    assert gpu.total_bytes == 60 * GIB


@pytest.mark.parametrize(
    "flags",
    [
        MachineFlags(gpus=["2x M3 Max"]),
        MachineFlags(gpus=["2x M3 Max"], memory="64GiB"),
        MachineFlags(gpus=["M3 Max", "M2 Ultra"], memory="64GiB"),
        MachineFlags(gpus=["DGX Spark"], gpu_count=2),
    ],
)
def test_one_machine_has_one_gpu_that_shares_its_memory(flags: MachineFlags) -> None:
    with pytest.raises(PlanError, match="is the only one in it, and 2 were named"):
        describe_machine(BARE, flags)


def test_what_is_said_of_a_mac_stays_within_its_memory() -> None:
    mac = describe_machine(BARE, MachineFlags(gpus=["M3 Max"], memory="64GiB"))

    smaller = describe_machine(mac, MachineFlags(memory="32GiB"))
    assert smaller.gpus == describe_machine(BARE, MachineFlags(gpus=["M3 Max"], memory="32GiB")).gpus
    with pytest.raises(PlanError, match=r"--vram 100GiB is more than the machine's memory"):
        describe_machine(mac, MachineFlags(gpu_memory="100GiB"))
    with pytest.raises(PlanError, match="the only one"):
        describe_machine(mac, MachineFlags(gpu_count=2))


def test_a_gpu_that_is_not_known_is_planned_for_where_its_memory_is_said() -> None:
    flags = MachineFlags(gpus=["2x RTX 4090 Laptop"], gpu_memory="16GiB", memory="32GiB", cores=8)

    machine = describe_machine(BARE, flags)

    assert [(gpu.name, gpu.total_bytes, gpu.free_bytes) for gpu in machine.gpus] == [
        ("RTX 4090 Laptop", 16 * GIB, 16 * GIB)
    ] * 2
    assert {gpu.bandwidth_bytes_per_s for gpu in machine.gpus} == {0}
    (note,) = machine.notes
    assert "'RTX 4090 Laptop'" in note
    assert "--bandwidth" in note

    faster = describe_machine(BARE, replace(flags, bandwidth="576GB/s"))
    assert {gpu.bandwidth_bytes_per_s for gpu in faster.gpus} == {576e9}
    assert faster.notes == ()


@pytest.mark.parametrize(
    ("name", "vendor"),
    [("Radeon RX 9990", "amd"), ("Intel Arc B990", "intel"), ("M9 Ultra", "apple"), ("RTX 9090", "nvidia")],
)
def test_the_maker_of_a_gpu_that_is_not_known_is_told_by_its_name(name: str, vendor: str) -> None:
    (gpu,) = describe_machine(BARE, MachineFlags(gpus=[name], gpu_memory="16GiB")).gpus
    assert gpu.vendor == vendor


def test_a_gpu_that_is_not_known_needs_its_memory_said() -> None:
    with pytest.raises(PlanError, match="RTX 4090 Laptop") as raised:
        describe_machine(BARE, MachineFlags(gpus=["RTX 4090 Laptop"]))
    assert "--vram SIZE" in raised.value.hint


@pytest.mark.parametrize("name", ["", " ", "?", "a\nb", "x" * 100])
def test_what_is_no_name_is_refused_even_with_its_memory(name: str) -> None:
    with pytest.raises(PlanError):
        describe_machine(BARE, MachineFlags(gpus=[name], gpu_memory="16GiB"))


def test_without_a_name_this_machine_is_changed_where_something_is_said() -> None:
    machine = describe_machine(HERE, MachineFlags(memory="64GiB"))
    assert (machine.memory_total_bytes, machine.memory_limited_by, machine.gpus) == (
        64 * GIB,
        "physical",
        (GPU,),
    )
    assert machine.described


def test_memory_and_number_of_this_machines_gpus_can_be_said() -> None:
    machine = describe_machine(HERE, MachineFlags(gpu_count=2, gpu_memory="24GiB"))
    assert [(gpu.index, gpu.name, gpu.free_bytes) for gpu in machine.gpus] == [
        (0, "NVIDIA L4", 24 * GIB),
        (1, "NVIDIA L4", 24 * GIB),
    ]


def test_memory_alone_makes_a_gpu_of_unknown_speed_where_there_is_none() -> None:
    (gpu,) = describe_machine(BARE, MachineFlags(gpu_memory="24GiB")).gpus
    assert (gpu.total_bytes, gpu.bandwidth_bytes_per_s) == (24 * GIB, 0)


@pytest.mark.parametrize(
    "flags",
    [
        MachineFlags(gpus=["banana"]),
        MachineFlags(gpus=["RTX 4090", "H100"], gpu_count=2),
        MachineFlags(gpus=["99x RTX 4090"]),
        MachineFlags(gpus=["RTX 4090"], gpu_count=-1),
        MachineFlags(gpu_count=2),
        MachineFlags(gpus=["RTX 4090"], memory="much"),
        MachineFlags(cores=-3),
        MachineFlags(gpus=["0x RTX 4090"], gpu_count=3),
        MachineFlags(gpus=["0x RTX 4090"]),
    ],
)
def test_what_cannot_be_understood_is_an_error_with_a_hint(flags: MachineFlags) -> None:
    with pytest.raises(PlanError) as raised:
        describe_machine(BARE, flags)
    assert raised.value.hint


@given(text=st.text(max_size=40) | st.from_regex(r"\d+[xX ]*\w*", fullmatch=True))
def test_whatever_is_typed_is_understood_or_refused_in_our_words(text: str) -> None:
    for ask in (
        lambda: parse_size(text),
        lambda: parse_bandwidth(text),
        lambda: describe_machine(BARE, MachineFlags(gpus=[text])),
        lambda: describe_machine(BARE, MachineFlags(gpu_memory=text, bandwidth=text)),
    ):
        with suppress(PlanError):
            ask()
    assert set(select_visible(["GPU-a", "GPU-b"], text)) <= {0, 1}
