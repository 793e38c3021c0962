"""Where a model is, by what a person types: a path, a web address, or a name on a model hub.

It looks at the local file system to tell a path from a name, and at nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

HUB_URL: Final = "https://huggingface.co"
# Its own names; a mirror's is the host of the hub's URL that is in use.
_HUB_HOSTS: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_QUANTIZATION: Final = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_NOT_MODELS: Final = frozenset({"datasets", "spaces", "docs", "api", "collections", "papers"})
_FILE_ACTIONS: Final = frozenset({"blob", "resolve", "raw"})
WEIGHT_ENDINGS: Final = (".gguf", ".safetensors", ".safetensors.index.json")
_HINT: Final = (
    "give a .gguf file, a folder with config.json, OWNER/REPO or OWNER/REPO:Q4_K_M of Hugging Face, "
    "or a URL that ends in .gguf or .safetensors"
)


@dataclass(frozen=True, slots=True)
class LocalLocation:
    """A file or folder on this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class HubLocation:
    """A repository of a model hub.

    Attributes:
        repository: ``OWNER/REPO``.
        revision: branch, tag or commit.
        file: its path in the repository; empty where none was named.
        folder: the folder that was named in place of a file; empty for the whole repository.
        quantization: what stood after the name's colon; empty where nothing did.
    """

    repository: str
    revision: str = "main"
    file: str = ""
    folder: str = ""
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class WebLocation:
    """A file on any web server, by its URL."""

    url: str


Location: TypeAlias = LocalLocation | HubLocation | WebLocation


def locate(reference: str, *, hub_url: str = HUB_URL) -> Location:
    """Tell what a reference means.

    Args:
        reference: for example ``./model.gguf``, ``hf.co/OWNER/REPO:Q4_K_M`` or
            ``https://huggingface.co/OWNER/REPO/blob/main/FILE``.
        hub_url: the hub in use; addresses at its host are taken for the hub's, as Hugging Face's own are.

    Example:
        >>> locate("hf.co/unsloth/Qwen3-8B-GGUF:Q5_K_M").quantization
        'Q5_K_M'

    Raises:
        WeightsError: it means nothing here.
    """
    text = reference.strip()
    if "://" in text:
        return _web(text, urlsplit_checked(text), hub_url)
    if not text or "\0" in text:
        raise WeightsError(f"{reference!r} names no model", hint=_HINT)
    path = Path(text).expanduser()
    if path.exists():
        return LocalLocation(path)
    host, _, rest = text.partition("/")
    if host.lower() in _HUB_HOSTS:
        return _hub(text, rest)
    if text.startswith((".", "/", "~")) or text.endswith(WEIGHT_ENDINGS) or "\\" in text:
        raise WeightsError(f"there is no file or folder {text}", hint=_HINT)
    if "/" in text:
        return _hub(text, text)
    raise WeightsError(f"{text} is neither a file, a folder, a URL nor OWNER/REPO", hint=_HINT)


def urlsplit_checked(text: str) -> SplitResult:
    """A URL's parts.

    Raises:
        WeightsError: it is none that can be fetched.
    """
    try:
        parts = urlsplit(text)
        is_usable = (
            parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        )
    except ValueError as error:  # a port that is no number, half a bracket
        raise WeightsError(f"{text!r} is no web address: {error}", hint=_HINT) from error
    if not is_usable:
        raise WeightsError(f"{text!r} is no http or https address", hint=_HINT)
    return parts


def _web(text: str, parts: SplitResult, hub_url: str) -> Location:
    hub = urlsplit_checked(hub_url)
    at_hub = (parts.hostname, parts.port) == (hub.hostname, hub.port)
    if at_hub or (parts.hostname or "").lower() in _HUB_HOSTS:
        prefix = hub.path.rstrip("/") if at_hub else ""
        return _hub(text, parts.path.removeprefix(prefix).strip("/"))
    if not parts.path.endswith(WEIGHT_ENDINGS):
        raise WeightsError(f"{text} does not end in .gguf or .safetensors", hint=_HINT)
    return WebLocation(text)


def _hub(reference: str, path: str) -> HubLocation:
    """A hub's path: OWNER/REPO[:QUANT], and after it /tree/REV/FOLDER or /blob/REV/FILE and the like."""
    segments = [unquote(segment) for segment in path.split("/") if segment]
    name, _, quantization = "/".join(segments[:2]).partition(":")
    is_name = _REPOSITORY.fullmatch(name) and segments[0] not in _NOT_MODELS
    if not is_name or (quantization and not _QUANTIZATION.fullmatch(quantization)):
        raise WeightsError(f"{reference} names no model repository", hint=_HINT)
    if any(segment in {".", ".."} for segment in segments):
        raise WeightsError(f"{reference} climbs out of its repository", hint=_HINT)
    action, revision = (*segments[2:4], "", "")[:2]
    inside = "/".join(segments[4:])
    if not action:
        return HubLocation(name, quantization=quantization)
    if action == "tree" and revision:
        return HubLocation(name, revision, folder=inside)
    if action in _FILE_ACTIONS and revision and inside.endswith(WEIGHT_ENDINGS):
        return HubLocation(name, revision, file=inside)
    if action in _FILE_ACTIONS and revision and inside.endswith("config.json"):
        return HubLocation(name, revision, folder=inside.rpartition("/")[0])
    raise WeightsError(f"{reference} is no file of weights and no repository", hint=_HINT)
