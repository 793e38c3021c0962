"""Which model an address on the web or a name of the hub means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stillroom.errors import StillroomError, WeightsError
from tests.deploy.planning.conftest import TINY_CONFIG, TINY_PARAMETERS, tiny_gguf, tiny_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.planning.opening import Opener
    from tests.deploy.checkpoints.conftest import FileServer


def serve_repository(server: FileServer, files: dict[str, bytes]) -> None:
    """A repository as the hub lists and gives it."""
    listed = [{"type": "file", "path": path, "size": len(data), "oid": "0"} for path, data in files.items()]
    server.put("/api/models/someone/tiny/tree/main", json.dumps(listed).encode())
    for path, data in files.items():
        server.put(f"/someone/tiny/resolve/main/{path}", data)


def test_a_url_is_read_before_any_download(make_opener: Callable[..., Opener], server: FileServer) -> None:
    whole = tiny_gguf(**{"general.file_type": 1})
    url = server.put("/models/tiny.gguf", whole, size=500_000_000)

    subject, quantization = make_opener().open(url, None)

    assert quantization == "F16"
    assert subject.parameters == TINY_PARAMETERS
    assert subject.checkpoints["F16"].file_bytes == 500_000_000
    assert subject.weights_path == ""
    assert server.sent_bytes < 2 * len(whole) + 1_000_000


def test_a_repository_of_the_hub_is_read_by_its_name(
    make_opener: Callable[..., Opener], server: FileServer
) -> None:
    serve_repository(
        server, {"config.json": json.dumps(TINY_CONFIG).encode(), "model.safetensors": tiny_safetensors()}
    )

    subject, quantization = make_opener(hub_url=server.url).open("someone/tiny", None)

    assert quantization == "BF16"
    assert subject.parameters == TINY_PARAMETERS
    assert subject.formats == {"vllm": ("BF16",)}
    assert subject.tag == "tiny"
    # By this name vLLM fetches it.
    assert subject.weights_names["vllm", "BF16"] == "someone/tiny"


def test_a_configuration_on_the_web_is_read_where_the_hub_shows_it(
    make_opener: Callable[..., Opener], server: FileServer
) -> None:
    server.put("/someone/tiny/resolve/main/config.json", json.dumps(TINY_CONFIG).encode())
    opener = make_opener(hub_url=server.url)

    subject, _ = opener.open(f"{server.url}/someone/tiny/blob/main/config.json", None)

    assert subject.parameters == TINY_PARAMETERS
    server.put("/someone/tiny/resolve/main/config.json", b"<html>log in</html>")
    with pytest.raises(StillroomError, match=r"config.json is not JSON"):
        opener.open(f"{server.url}/someone/tiny/blob/main/config.json", None)


@pytest.mark.parametrize(
    ("name", "tag", "quantization"),
    [
        ("hf.co/bartowski/phi-4-GGUF:Q6_K", "phi4:14b", "Q6_K"),
        ("hf.co/microsoft/phi-4", "phi4:14b", None),
        ("HF.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "deepseek-r1:14b", None),
    ],
)
def test_what_the_catalog_knows_is_not_looked_up_on_the_hub(
    make_opener: Callable[..., Opener], name: str, tag: str, quantization: str | None
) -> None:
    subject, within = make_opener().open(name, None)  # no hub answers

    assert (subject.tag, within) == (tag, quantization)


def test_a_whole_address_is_read_where_it_is_whatever_the_catalog_knows(
    make_opener: Callable[..., Opener], server: FileServer
) -> None:
    with pytest.raises(WeightsError, match="phi-4"):
        make_opener(hub_url=server.url).open(f"{server.url}/microsoft/phi-4", None)
    assert server.seen


def test_what_the_catalog_does_not_know_is_looked_for_on_the_hub(
    make_opener: Callable[..., Opener], server: FileServer
) -> None:
    with pytest.raises(WeightsError, match="nobody/nothing-at-all"):
        make_opener(hub_url=server.url).open("hf.co/nobody/nothing-at-all", None)
    assert server.seen
