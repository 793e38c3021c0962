"""What a person types, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.checkpoints.location import HubLocation, LocalLocation, Location, WebLocation, locate
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

REPO = "unsloth/Qwen3-8B-GGUF"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (REPO, HubLocation(REPO)),
        (f"{REPO}:Q5_K_M", HubLocation(REPO, quantization="Q5_K_M")),
        (f"hf.co/{REPO}", HubLocation(REPO)),
        (f"hf.co/{REPO}:UD-Q4_K_XL", HubLocation(REPO, quantization="UD-Q4_K_XL")),
        (f"huggingface.co/{REPO}:q8_0", HubLocation(REPO, quantization="q8_0")),
        (f"https://huggingface.co/{REPO}", HubLocation(REPO)),
        (f"https://huggingface.co/{REPO}/", HubLocation(REPO)),
        (f"https://huggingface.co/{REPO}/tree/main", HubLocation(REPO)),
        (f"https://huggingface.co/{REPO}/tree/v2/sub", HubLocation(REPO, "v2", folder="sub")),
        (f"https://huggingface.co/{REPO}/blob/main/a.gguf", HubLocation(REPO, file="a.gguf")),
        (
            f"https://hf.co/{REPO}/resolve/abc/d/a%20b.gguf?download=true",
            HubLocation(REPO, "abc", file="d/a b.gguf"),
        ),
        (
            f"https://huggingface.co/{REPO}/blob/refs%2Fpr%2F1/a.gguf",
            HubLocation(REPO, "refs/pr/1", file="a.gguf"),
        ),
        (f"https://huggingface.co/{REPO}/blob/main/config.json", HubLocation(REPO)),
        (f"https://mirror.example:8443/hf/{REPO}/blob/main/a.gguf", HubLocation(REPO, file="a.gguf")),
        ("https://example.com/a.gguf", WebLocation("https://example.com/a.gguf")),
        ("https://example.com/a.gguf?sig=1", WebLocation("https://example.com/a.gguf?sig=1")),
        ("http://example.com/d/model.safetensors", WebLocation("http://example.com/d/model.safetensors")),
    ],
)
def test_a_reference_means(reference: str, expected: Location) -> None:
    assert locate(reference, hub_url="https://mirror.example:8443/hf") == expected


def test_what_lies_on_this_machine_goes_before_a_repository_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "model").mkdir(parents=True)

    location = locate("owner/model")

    assert isinstance(location, LocalLocation)
    assert location.path.samefile(tmp_path / "owner" / "model")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "   ",
        "\0",
        "deepseek-r1:7b",
        "./none.gguf",
        "/none/at/all",
        "none/model.gguf",
        "C:\\models\\x",
        "ftp://example.com/a.gguf",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "https://example.com:port/a.gguf",
        "https://example.com/model.bin",
        "https://huggingface.co",
        "https://huggingface.co/datasets/owner/name",
        f"https://huggingface.co/{REPO}/blob/main/README.md",
        f"https://huggingface.co/{REPO}/blob/main/../../a.gguf",
        f"https://huggingface.co/{REPO}/blob/main/%2E%2E/a.gguf",
        "hf.co/owner/re po",
        "hf.co/owner/repo:Q4 K",
    ],
)
def test_a_reference_that_means_nothing_says_what_would(reference: str) -> None:
    with pytest.raises(WeightsError) as caught:
        locate(reference)
    assert caught.value.hint.startswith("give a .gguf file")
