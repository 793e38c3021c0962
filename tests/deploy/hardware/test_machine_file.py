"""A machine in a file: a few lines of it or a whole report, and what is refused."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.hardware.detect import detect_machine
from deploy.hardware.machine_file import load_machine
from deploy.spec import GIB, MIB
from stillroom.errors import PlanError
from tests.deploy.hardware.conftest import GPU, HERE


def test_a_few_lines_describe_a_machine(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text('memory = "256GiB"\ncores = 32\ngpus = ["4x L40S"]\n')
    machine = load_machine(path)
    assert (len(machine.gpus), machine.cpu_cores, machine.memory_total_bytes) == (4, 32, 256 * GIB)
    assert machine.described


def test_a_machines_own_report_can_be_planned_for_elsewhere(tmp_path: Path) -> None:
    seen = detect_machine(disk_path=tmp_path)
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"ok": True, "machine": asdict(seen) | {"later": "field"}}))
    loaded = load_machine(path)
    assert loaded.described
    assert asdict(loaded) | {"described": False} == asdict(seen)


def test_the_gpus_of_a_report_come_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(asdict(HERE)))
    assert load_machine(path).gpus == (GPU,)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cores = 4\n", "memory"),
        ('memory = "64GiB"\ngpu = ["RTX 4090"]\n', "gpu"),
        ('memory = "64GiB"\ngpus = ["banana"]\n', "banana"),
        ('memory = "lots"\n', "memory 'lots'"),
        ('memory = "-4GiB"\n', r"server\.toml: memory '-4GiB'"),
        ('memory = "4GiB"\ngpus = ["4090"]\ngpu_memory = "-1"\n', "gpu_memory '-1'"),
        ('memory = "4GiB"\nbandwidth = "fast"\n', r"server\.toml: bandwidth 'fast'"),
        ('memory = "4GiB"\ngpu_memory = "8GiB"\n', "gpu_memory is '8GiB', and gpus names no GPU"),
        ('memory = "4GiB"\ngpus = ["none"]\ngpu_memory = "8GiB"\n', "gpus none and gpu_memory '8GiB'"),
        ('memory = "4GiB"\ncores = 0\n', r"cores: .* greater than or equal to 1, and it is 0"),
        ('memory = "4GiB"\ncores = 5000\n', r"cores: .* 4096, and it is 5000"),
        (
            '{"cpu_cores": 2, "memory_total_bytes": 5, "memory_available_bytes": 1000000000000000}',
            r"memory_available_bytes: .* more than memory_total_bytes, which is 5, and it is 10{15}$",
        ),
        ("{", "neither TOML nor JSON"),
        ("a b c", "neither TOML nor JSON"),
        ('{"memory_total_bytes": 1, "memory_available_bytes": 1}', "cpu_cores"),
        ('{"cpu_cores": 2, "memory_total_bytes": -5, "memory_available_bytes": 1}', "memory_total_bytes"),
        (
            (
                '{"cpu_cores": 2, "memory_total_bytes": 5, "memory_available_bytes": 1,'
                ' "gpus": [{"name": "x", "total_bytes": 1, "free_bytes": 2}]}'
            ),
            r"gpus\.0\.free_bytes: it cannot be more than total_bytes, which is 1, and it is 2",
        ),
    ],
)
def test_a_file_that_lacks_something_is_an_error_that_names_it(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "server.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=named) as raised:
        load_machine(path)
    assert str(path) in raised.value.message
    assert "--" not in raised.value.message + raised.value.hint


def test_a_file_may_name_a_gpu_that_is_not_known_with_its_memory(tmp_path: Path) -> None:
    path = tmp_path / "laptop.toml"
    path.write_text('memory = "32GiB"\ncores = 8\ngpus = ["RTX 4090 Laptop"]\ngpu_memory = "16GiB"\n')

    machine = load_machine(path)

    assert [(gpu.name, gpu.total_bytes) for gpu in machine.gpus] == [("RTX 4090 Laptop", 16 * GIB)]
    (note,) = machine.notes
    assert note.endswith("bandwidth says its bandwidth")


def report_of(path: Path, **gpu: object) -> Path:
    """A report as doctor prints it, written by hand, with one GPU."""
    machine = {"cpu_cores": 8, "memory_total_bytes": 64 * GIB, "memory_available_bytes": 60 * GIB}
    path.write_text(json.dumps({**machine, "gpus": [gpu]}))
    return path


def test_a_known_gpu_of_a_report_gets_the_figures_that_the_report_leaves_out(tmp_path: Path) -> None:
    path = report_of(
        tmp_path / "report.json", name="RTX 4090", total_bytes=24564 * MIB, free_bytes=20000 * MIB
    )

    (gpu,) = load_machine(path).gpus

    assert (gpu.total_bytes, gpu.free_bytes) == (24564 * MIB, 20000 * MIB)
    assert (gpu.bandwidth_bytes_per_s, gpu.compute_capability, gpu.vendor) == (1008e9, 8.9, "nvidia")
    assert gpu.fp16_flops > 1e14


def test_what_a_report_says_of_a_gpu_stands(tmp_path: Path) -> None:
    path = report_of(
        tmp_path / "report.json",
        name="AMD Radeon RX 7900 XTX",
        total_bytes=24 * GIB,
        free_bytes=20 * GIB,
        bandwidth_bytes_per_s=1e9,
    )

    (gpu,) = load_machine(path).gpus

    assert (gpu.bandwidth_bytes_per_s, gpu.vendor) == (1e9, "amd")


def test_a_card_of_another_size_is_not_taken_for_the_known_one(tmp_path: Path) -> None:
    path = report_of(tmp_path / "report.json", name="RTX 4090", total_bytes=16 * GIB, free_bytes=16 * GIB)

    assert load_machine(path).gpus[0].bandwidth_bytes_per_s == 0


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_machine_is_not_read_from_a_device_a_folder_or_a_huge_file(tmp_path: Path) -> None:
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as file:
        file.truncate(1024 * 1024 + 1)
    for path, reason in ((Path("/dev/zero"), "a device"), (tmp_path, "a folder"), (huge, "1,048,576 bytes")):
        with pytest.raises(PlanError, match=rf"{path.name} cannot be read: it .*{reason}"):
            load_machine(path)


def test_a_missing_machine_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nowhere\.toml cannot be read"):
        load_machine(tmp_path / "nowhere.toml")


@given(data=st.binary(max_size=80))
def test_whatever_a_machine_file_holds_is_understood_or_refused_in_our_words(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "machine"
        path.write_bytes(data)
        with suppress(PlanError):
            load_machine(path)
