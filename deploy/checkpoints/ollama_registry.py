"""A model in Ollama's registry, known to the byte before a pull: its manifest, and its weights' header.

Ollama's registry answers like one for container images: ``/v2/NAMESPACE/MODEL/manifests/TAG`` lists the
layers, and ``/v2/NAMESPACE/MODEL/blobs/DIGEST`` leads to each. Hugging Face answers the same way at hf.co.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from deploy.checkpoints.checkpoint_reader import checkpoint_from_gguf
from deploy.checkpoints.gguf_file import read_gguf
from deploy.checkpoints.http_reader import HttpReader
from deploy.checkpoints.opened_model import OpenedModel
from deploy.checkpoints.patience import DEFAULT_PATIENCE
from deploy.checkpoints.remote_file import RemoteFile
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from deploy.checkpoints.patience import Patience

REGISTRY_URL: Final = "https://registry.ollama.ai"
MODEL_MEDIA_TYPE: Final = "application/vnd.ollama.image.model"

# What a registry of container images is asked with: Ollama, server/images.go.
_ACCEPT: Final = "application/vnd.docker.distribution.manifest.v2+json"
_MOST_MANIFEST_BYTES: Final = 4 * 1024 * 1024
_DIGEST: Final = re.compile(r"sha256[:-][0-9a-f]{64}")
# Ollama, types/model/name.go: [HOST/][NAMESPACE/]MODEL[:TAG].
_NAME: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?:(?:(?P<host>[\w.-]+(?::\d{1,5})?)/)?(?P<namespace>[A-Za-z0-9_][\w.-]*)/)?"
    r"(?P<model>[A-Za-z0-9_][\w.-]*)(?::(?P<tag>[A-Za-z0-9_][\w.-]*))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class OllamaName:
    """A model's name, with what Ollama adds where it is left out.

    Attributes:
        registry_url: scheme and host.

    Example:
        >>> OllamaName.parse("deepseek-r1:7b").base_url
        'https://registry.ollama.ai/v2/library/deepseek-r1'
    """

    registry_url: str
    namespace: str
    model: str
    tag: str

    @classmethod
    def parse(cls, name: str, *, registry_url: str = REGISTRY_URL) -> OllamaName:
        """Take a name apart.

        Raises:
            WeightsError: it is no name of Ollama's.
        """
        match = _NAME.fullmatch(name.strip())
        if match is None:
            raise WeightsError(f"{name!r} is no name of a model in Ollama's registry", hint="ollama list")
        host = match["host"]
        return cls(
            registry_url=f"{match['scheme'] or 'https'}://{host}" if host else registry_url.rstrip("/"),
            namespace=match["namespace"] or "library",
            model=match["model"],
            tag=match["tag"] or "latest",
        )

    @property
    def base_url(self) -> str:
        """What the addresses of its manifest and its layers begin with."""
        return f"{self.registry_url}/v2/{self.namespace}/{self.model}"


@dataclass(frozen=True, slots=True)
class OllamaLayer:
    """One file of a model.

    Attributes:
        media_type: what it is: the model, a template, parameters, a licence.
        digest: ``sha256:`` and 64 hexadecimal digits.
    """

    media_type: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OllamaManifest:
    """What a model consists of.

    Attributes:
        layers: in the manifest's order, without its configuration.
        config_bytes: the configuration, which is fetched too.
    """

    name: OllamaName
    layers: tuple[OllamaLayer, ...]
    config_bytes: int = 0

    @property
    def model_bytes(self) -> int:
        """The GGUF file."""
        return sum(layer.size_bytes for layer in self.layers if layer.media_type == MODEL_MEDIA_TYPE)

    @property
    def total_bytes(self) -> int:
        """What ``ollama pull`` takes: every layer once, and the configuration."""
        return sum({layer.digest: layer.size_bytes for layer in self.layers}.values()) + self.config_bytes


def read_manifest(
    name: str, *, registry_url: str = REGISTRY_URL, patience: Patience = DEFAULT_PATIENCE
) -> OllamaManifest:
    """Ask the registry what a model consists of.

    Args:
        name: as ``ollama pull`` takes it: ``deepseek-r1:7b``, ``user/model``, ``hf.co/OWNER/REPO:Q4_K_M``.
        registry_url: for names without a host.
        patience: for slow or failing servers.

    Raises:
        WeightsError: it is not there, or cannot be reached.
    """
    parsed = OllamaName.parse(name, registry_url=registry_url)
    with HttpReader(parsed.registry_url, patience=patience) as http:
        return _read_manifest(http, parsed)


def open_library_model(
    name: str, *, registry_url: str = REGISTRY_URL, patience: Patience = DEFAULT_PATIENCE
) -> OpenedModel:
    """Read the header of a model in the registry; its ``file_bytes`` are all layers together.

    Raises:
        WeightsError: it is not there, cannot be reached, or is no GGUF file.
    """
    parsed = OllamaName.parse(name, registry_url=registry_url)
    with HttpReader(parsed.registry_url, patience=patience) as http:
        manifest = _read_manifest(http, parsed)
        layer = next((layer for layer in manifest.layers if layer.media_type == MODEL_MEDIA_TYPE), None)
        if layer is None:
            raise WeightsError(
                f"{name} has no layer with a GGUF file: it runs in the cloud, or is kept in another format",
                hint="stillroom models",
            )
        blob = RemoteFile(f"{parsed.base_url}/blobs/{layer.digest}", http=http)
        if blob.size_bytes() != layer.size_bytes:
            raise WeightsError(
                f"{blob.name} has {blob.size_bytes():,} bytes, and the manifest says {layer.size_bytes:,}",
                hint="run the same command again",
            )
        file = read_gguf(blob)
    source = f"{parsed.base_url}:{parsed.tag}"
    checkpoint = replace(checkpoint_from_gguf(file, source), file_bytes=manifest.total_bytes)
    return OpenedModel(checkpoint, config=None, gguf_metadata=file.metadata, source=source)


def _read_manifest(http: HttpReader, name: OllamaName) -> OllamaManifest:
    url = f"{name.base_url}/manifests/{name.tag}"
    body = http.document(url, most_bytes=_MOST_MANIFEST_BYTES, headers={"Accept": _ACCEPT}).body
    try:
        manifest = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _unusable(url, str(error)) from error
    entries = manifest.get("layers") if isinstance(manifest, dict) else None
    if not isinstance(entries, list) or not entries:
        raise _unusable(url, "it lists no layers")
    config = manifest.get("config")
    config_bytes = _layer(config, url).size_bytes if config else 0
    return OllamaManifest(name, tuple(_layer(entry, url) for entry in entries), config_bytes)


def _layer(entry: object, url: str) -> OllamaLayer:
    if isinstance(entry, dict):
        media_type, digest, size = entry.get("mediaType"), entry.get("digest"), entry.get("size")
        is_digest = isinstance(digest, str) and _DIGEST.fullmatch(digest)
        if isinstance(media_type, str) and is_digest and type(size) is int and size >= 0:
            return OllamaLayer(media_type, str(digest), size)
    raise _unusable(url, f"one of its layers is {entry!r}")


def _unusable(url: str, reason: str) -> WeightsError:
    return WeightsError(f"{url} gives no manifest of a model: {reason}", hint="check the name: ollama list")
