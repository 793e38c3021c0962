"""AMD, Intel and Apple GPUs, from files and answers as their drivers give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.hardware.amd import read_amd
from deploy.hardware.apple import read_apple, working_set_bytes
from deploy.hardware.drm import list_cards
from deploy.hardware.intel import parse_window, read_intel
from deploy.spec import GIB, MIB

if TYPE_CHECKING:
    from pathlib import Path


def add_card(
    root: Path, number: int, *, vendor: str, device: str, revision: str = "00", **files: str
) -> Path:
    """A card in sysfs; a file's name has two underscores for each slash."""
    card = root / f"sys/class/drm/card{number}"
    known = {
        "device__vendor": f"0x{vendor}",
        "device__device": f"0x{device}",
        "device__revision": f"0x{revision}",
    }
    for name, text in (known | files).items():
        path = card.joinpath(*name.split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return card


def add_7900_xtx(root: Path, number: int = 0) -> None:
    memory = {"device__mem_info_vram_total": "25753026560", "device__mem_info_vram_used": "1043333120"}
    add_card(root, number, vendor="1002", device="744c", revision="c8", **memory)


def test_no_sysfs_means_no_card(tmp_path: Path) -> None:
    assert list_cards(tmp_path) == []
    assert read_amd(tmp_path).gpus == read_intel(tmp_path).gpus == ()


def test_cards_come_in_the_order_of_their_numbers_and_connectors_are_none(tmp_path: Path) -> None:
    for number in (10, 2):
        add_7900_xtx(tmp_path, number)
    (tmp_path / "sys/class/drm/card2-HDMI-A-1").mkdir()
    assert [card.directory.name for card in list_cards(tmp_path)] == ["card2", "card10"]


def test_an_amd_card_is_read_with_its_name_and_free_memory(tmp_path: Path) -> None:
    add_7900_xtx(tmp_path)
    (gpu,) = read_amd(tmp_path).gpus
    assert (gpu.name, gpu.vendor, gpu.source) == ("AMD Radeon RX 7900 XTX", "amd", "sysfs")
    assert (gpu.total_bytes, gpu.free_bytes) == (25753026560, 25753026560 - 1043333120)
    assert gpu.bandwidth_bytes_per_s == 960e9


def test_an_amd_card_that_no_table_names_says_its_own_name(tmp_path: Path) -> None:
    memory = {"device__mem_info_vram_total": str(16 * GIB), "device__mem_info_vram_used": "0"}
    add_card(tmp_path, 0, vendor="1002", device="ffff", **memory, device__product_name="Radeon Future")
    (gpu,) = read_amd(tmp_path).gpus
    assert (gpu.name, gpu.bandwidth_bytes_per_s) == ("Radeon Future", 0)


def test_an_integrated_amd_gpu_is_left_out_and_said(tmp_path: Path) -> None:
    add_card(tmp_path, 0, vendor="1002", device="1638", device__mem_info_vram_total="536870912")
    found = read_amd(tmp_path)
    assert found.gpus == ()
    assert "shares the system's memory" in found.notes[0]


def test_strix_halo_has_its_carve_out_and_what_it_may_borrow(tmp_path: Path) -> None:
    memory = {
        "device__mem_info_vram_total": "536870912",
        "device__mem_info_vram_used": "0",
        "device__mem_info_gtt_total": str(62 * GIB),
        "device__mem_info_gtt_used": str(GIB),
    }
    add_card(tmp_path, 1, vendor="1002", device="1586", revision="c1", **memory)
    (gpu,) = read_amd(tmp_path).gpus
    assert gpu.unified
    assert (gpu.total_bytes, gpu.free_bytes) == (62 * GIB + 512 * MIB, 61 * GIB + 512 * MIB)
    assert gpu.bandwidth_bytes_per_s == 256e9


def test_another_vendors_card_is_nobodys_business(tmp_path: Path) -> None:
    add_card(tmp_path, 0, vendor="10de", device="2684")
    assert read_amd(tmp_path).gpus == read_intel(tmp_path).gpus == ()


def test_an_intel_cards_memory_is_the_sum_of_its_tiles(tmp_path: Path) -> None:
    tile = {"device__tile0__physical_vram_size_bytes": str(12 * GIB)}
    add_card(tmp_path, 0, vendor="8086", device="e20b", **tile)
    (gpu,) = read_intel(tmp_path).gpus
    assert (gpu.name, gpu.total_bytes) == ("Intel Arc B580", 12 * GIB)
    assert gpu.free_bytes < gpu.total_bytes
    assert gpu.bandwidth_bytes_per_s == 456e9


def test_an_intel_cards_memory_is_told_for_the_card_by_other_drivers(tmp_path: Path) -> None:
    memory = {"lmem_total_bytes": "17179869184", "lmem_avail_bytes": "16106127360"}
    add_card(tmp_path, 0, vendor="8086", device="56a0", **memory)
    (gpu,) = read_intel(tmp_path).gpus
    assert (gpu.total_bytes, gpu.free_bytes) == (16 * GIB, 15 * GIB)


WINDOWS = """\
0x0000006400000000 0x0000006400ffffff 0x0000000000140204
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000006000000000 0x00000063ffffffff 0x000000000014220c
"""


def test_an_intel_cards_memory_is_its_window_on_the_bus_where_nothing_else_tells(tmp_path: Path) -> None:
    add_card(tmp_path, 0, vendor="8086", device="56a0", device__resource=WINDOWS)
    assert read_intel(tmp_path).gpus[0].total_bytes == 16 * GIB


def test_a_window_that_was_not_resized_says_nothing(tmp_path: Path) -> None:
    small = WINDOWS.replace("00000063ffffffff", "000000600fffffff")
    add_card(tmp_path, 0, vendor="8086", device="56a0", device__resource=small)
    found = read_intel(tmp_path)
    assert found.gpus == ()
    assert "Intel Arc A770" in found.notes[0]
    assert "--vram" in found.notes[0]


def test_an_integrated_intel_gpu_is_not_reported(tmp_path: Path) -> None:
    add_card(tmp_path, 0, vendor="8086", device="46a6", device__resource=WINDOWS)
    assert (read_intel(tmp_path).gpus, read_intel(tmp_path).notes) == ((), ())


@pytest.mark.parametrize("text", ["", "one line", "0x1 0x2\n" * 3, "0x0 0x0 0x0\n" * 3])
def test_a_window_that_cannot_be_read_has_no_size(text: str) -> None:
    assert parse_window(text, 2) == 0


def test_an_apple_chips_gpu_has_its_share_of_the_memory() -> None:
    known = {"machdep.cpu.brand_string": "Apple M3 Max", "iogpu.wired_limit_mb": "0"}
    (gpu,) = read_apple(64 * GIB, 50 * GIB, lambda name: known.get(name, "")).gpus
    assert (gpu.name, gpu.vendor, gpu.unified) == ("Apple M3 Max", "apple", True)
    assert (gpu.total_bytes, gpu.free_bytes) == (48 * GIB, 48 * GIB)
    assert gpu.bandwidth_bytes_per_s == 400e9


def test_an_apple_gpu_cannot_have_more_than_is_free() -> None:
    (gpu,) = read_apple(64 * GIB, 20 * GIB, lambda _: "").gpus
    assert gpu.free_bytes == 20 * GIB


def test_an_intel_mac_has_no_gpu_for_models() -> None:
    assert read_apple(16 * GIB, 8 * GIB, lambda _: "", architecture="x86_64").gpus == ()


@pytest.mark.parametrize(
    ("total_gib", "limit_mib", "share_bytes"),
    [
        (16, "", int(16 * GIB * 2 / 3)),
        (32, "0", int(32 * GIB * 2 / 3)),
        (32, "26000", 26000 * MIB),
        (128, "", 96 * GIB),
        (16, "99999", 16 * GIB),
    ],
)
def test_the_share_is_the_limit_that_was_set_or_a_cautious_guess(
    total_gib: int, limit_mib: str, share_bytes: int
) -> None:
    assert working_set_bytes(total_gib * GIB, limit_mib) == share_bytes
