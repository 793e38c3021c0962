"""Give files to Ollama: each is sent once, by its checksum, and not at all where Ollama has it.

The checksum of a file that Stillroom fetched is known; any other is read once to learn it.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Final

from deploy.engines.ollama_progress import Transfer
from deploy.engines.ollama_refusals import refusal, translated
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx

_CHUNK_BYTES: Final = 1024 * 1024
_OK: Final = 200
_NOT_FOUND: Final = 404


def give_files(
    http: httpx.Client, root: str, files: Mapping[str, Path], *, on_progress: Callable[[str], None]
) -> dict[str, str]:
    """Make sure that Ollama has the files; their digests by name, as ``POST /api/create`` takes them.

    Raises:
        WeightsError: a file cannot be read.
        EngineError: Ollama refused it.
        EngineUnavailableError: nothing answers.
    """
    return {name: _give(http, root, path, on_progress) for name, path in files.items()}


def _give(http: httpx.Client, root: str, path: Path, on_progress: Callable[[str], None]) -> str:
    doing = f"take {path}"
    try:
        digest = f"sha256:{_sha256(path, on_progress)}"
        url = f"{root}/api/blobs/{digest}"
        with translated(root, doing=doing, name=str(path)):
            answer = http.head(url)
            if answer.status_code == _OK:
                return digest
            if answer.status_code == _NOT_FOUND:
                size = path.stat().st_size
                chunks = _read(path, Transfer(f"gives {path.name} to Ollama"), on_progress)
                # With its length told, it is not sent in chunks of HTTP's own.
                answer = http.post(url, content=chunks, headers={"Content-Length": str(size)})
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}", hint="check the path") from error
    if not answer.is_success:
        said = answer.text or f"it answered with status {answer.status_code}"
        raise refusal(said, doing=doing, name=str(path))
    return digest


def _sha256(path: Path, on_progress: Callable[[str], None]) -> str:
    from deploy.weights import cached_weights

    if known := cached_weights(path):
        return known.sha256
    digest = hashlib.sha256()
    for chunk in _read(path, Transfer(f"reads {path.name} for its checksum"), on_progress):
        digest.update(chunk)
    return digest.hexdigest()


def _read(path: Path, transfer: Transfer, on_progress: Callable[[str], None]) -> Iterator[bytes]:
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
            done += len(chunk)
            if sentence := transfer.at(done, total, now=time.monotonic()):
                on_progress(sentence)
