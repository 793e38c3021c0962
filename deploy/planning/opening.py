"""From what a person types to a model to plan for: the catalog, a configuration, a file, a URL, a server.

It reads headers and configurations, never weights. What fits is not its to know.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.architectures.gguf_metadata import architecture_from_gguf, architecture_from_show
from deploy.architectures.hugging_face import MOST_CONFIG_BYTES, load_config, read_config
from deploy.architectures.lora import load_adapter
from deploy.planning.subject import Subject, from_catalog, from_checkpoint, from_shape
from stillroom.addresses import shown_address
from stillroom.errors import EngineUnavailableError, PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.architectures.hugging_face import ConfigShape
    from deploy.catalog import Catalog
    from deploy.checkpoints.opened_model import OpenedModel
    from deploy.spec import EngineName

# A name that a running Ollama has: ``ollama:deepseek-r1:7b``.
_RUNNING: Final = "ollama:"
_LIBRARY: Final = re.compile(
    r"(?:https?://)?(?:ollama\.com/library|registry\.ollama\.ai/library)/(?P<name>[\w.:-]+)/?"
)
# As people and Ollama write a name on the hub, which may be one of the catalog's.
_HUB: Final = "hf.co/"
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", re.ASCII)
_FILES: Final = (".gguf", ".safetensors", ".json")
_SHOW_SECONDS: Final = 10.0
# As in deploy.checkpoints.ollama_registry, which is slow to import.
REGISTRY_URL: Final = "https://registry.ollama.ai"


@dataclass(frozen=True)
class Opener:
    """Opens models by name.

    Attributes:
        catalog: the models that are known.
        hub_url: Hugging Face, or a mirror of it.
        token: for gated repositories.
        ollama_url: where a running Ollama is looked for.
        registry_url: Ollama's library.
    """

    catalog: Catalog
    hub_url: str
    token: str | None
    ollama_url: str
    registry_url: str = REGISTRY_URL

    def open(self, name: str, quantization: str | None) -> tuple[Subject, str | None]:
        """The model of that name, and the quantization that the name itself tells; None where it tells none.

        A path or URL is read where it is. Any other name is the catalog's, with ``hf.co/`` before it too, or
        else ``[hf.co/]OWNER/REPO`` on the hub.

        Raises:
            PlanError: nothing is known by that name.
            WeightsError: a file or URL cannot be read.
            EngineUnavailableError: ``ollama:`` was asked for and no Ollama answers.
        """
        if name.startswith(_RUNNING):
            return self._running(name.removeprefix(_RUNNING)), None
        if library := _LIBRARY.fullmatch(name):
            return self._library(library["name"])
        if name.endswith("config.json"):
            return self.from_config(name, quantization), quantization
        if not _is_path_or_url(name):
            try:
                model, within = self.catalog.resolve(name)
            except PlanError:
                if not _REPOSITORY.fullmatch(name) and not name.lower().startswith(_HUB):
                    raise
            else:
                return from_catalog(model), within
        return self.open_remote(name, quantization)

    def open_remote(self, name: str, quantization: str | None) -> tuple[Subject, str]:
        """A model by its path or URL, or by its name on the hub, with its quantization.

        Raises:
            WeightsError: it cannot be read.
        """
        from deploy.checkpoints.hub import open_model

        opened = open_model(name, quantization=quantization, hub_url=self.hub_url, token=self.token)
        found = opened.checkpoint.quantization
        subject = replace(
            _subject(opened, _local_path(name)),
            reference=shlex.quote(name),
            weights_names=self._names_on_hub(name, found),
        )
        return subject, found

    def _names_on_hub(self, name: str, quantization: str) -> dict[tuple[EngineName, str], str]:
        """By what names engines fetch a repository of the hub; none for any other address."""
        from deploy.checkpoints.location import HubLocation, locate

        location = locate(name, hub_url=self.hub_url)
        if not isinstance(location, HubLocation):
            return {}
        return {
            ("vllm", quantization): location.repository,
            ("ollama", quantization): f"hf.co/{location.repository}:{quantization}",
        }

    def from_config(self, source: str, quantization: str | None) -> Subject:
        """The model whose shape stands in a ``config.json``, at a path or a URL.

        Raises:
            PlanError: it cannot be read, lacks a field, or the quantization is unknown.
            WeightsError: the URL cannot be read.
        """
        if "://" in source:
            shape, found = self._remote_config(source), source
        else:
            path = Path(source).expanduser()
            shape, found = load_config(path), str(path.absolute())
        subject = from_shape(
            shape.architecture, source=found, quantization=quantization, stored_as=shape.stored_as
        )
        return replace(subject, reference=f"--config {shlex.quote(source)}")

    def exact(self, subject: Subject, engine: EngineName, quantization: str) -> Subject:
        """The model with the header of the very file or repository that the engine would fetch.

        Raises:
            PlanError: nothing says where the weights are.
            WeightsError: they cannot be reached or read.
        """
        if quantization in subject.checkpoints:
            return subject
        name = subject.weights_names.get((engine, quantization), "" if engine != "vllm" else subject.id)
        if engine == "embedded":
            name = subject.weights_names.get(("ollama", quantization), "")
        if not name:
            raise PlanError(
                f"it is not known where {subject.tag} at {quantization} can be downloaded for {engine}",
                hint="stillroom plan --url URL",
            )
        if engine == "ollama" and not name.startswith("hf.co/"):
            found, _ = self._library(name)
        else:
            found, _ = self.open_remote(name, quantization)
        checkpoint = next(iter(found.checkpoints.values()))
        return replace(subject, checkpoints={**subject.checkpoints, quantization: checkpoint})

    def _remote_config(self, url: str) -> ConfigShape:
        from deploy.checkpoints.http_reader import HttpReader

        with HttpReader(self.hub_url, token=self.token) as http:
            # The hub shows a file at blob/, and gives it at resolve/.
            address = url.replace("/blob/", "/resolve/")
            text = http.document(address, most_bytes=MOST_CONFIG_BYTES).body
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise PlanError(
                f"{url} is not JSON: {error}", hint="stillroom plan --config path/to/config.json"
            ) from error
        if not isinstance(document, dict):
            raise PlanError(
                f"{url} holds a {type(document).__name__}, and a JSON object is needed",
                hint="stillroom plan --config path/to/config.json",
            )
        return read_config(document, source=url)

    def with_adapters(self, subject: Subject, folders: Sequence[Path]) -> Subject:
        """The model with LoRA adapters beside it.

        Raises:
            PlanError: a folder holds none, or it does not fit the model.
        """
        adapters = tuple(load_adapter(folder, subject.architecture) for folder in folders)
        return replace(subject, adapters=adapters) if adapters else subject

    def _library(self, name: str) -> tuple[Subject, str]:
        """A model of Ollama's library, by its manifest and the header of its file."""
        from deploy.checkpoints.ollama_registry import open_library_model

        opened = open_library_model(name, registry_url=self.registry_url)
        quantization = opened.checkpoint.quantization
        subject = replace(
            _subject(opened, ""),
            tag=name,
            reference=f"ollama.com/library/{name}",
            weights_names={("ollama", quantization): name},
        )
        return subject, quantization

    def _running(self, name: str) -> Subject:
        """A model that a running Ollama has, by ``POST /api/show``."""
        import httpx

        from deploy.checkpoints.ollama_show import checkpoint_from_show

        there = shown_address(self.ollama_url)
        try:
            answer = httpx.post(
                f"{self.ollama_url.rstrip('/')}/api/show",
                json={"model": name},
                timeout=_SHOW_SECONDS,
                trust_env=False,
            )
            body = answer.json()
        except (httpx.TransportError, ValueError) as error:
            raise EngineUnavailableError(
                f"no Ollama answers at {there}: {error}", hint="ollama serve"
            ) from error
        if answer.is_error or not isinstance(body, dict):
            said = body.get("error", answer.reason_phrase) if isinstance(body, dict) else answer.reason_phrase
            raise PlanError(f"Ollama at {there} says of {name!r}: {said}", hint="ollama list")
        architecture = architecture_from_show(body, source=name)
        checkpoint = checkpoint_from_show(body, architecture, source=f"Ollama at {there}")
        subject = from_checkpoint(architecture, checkpoint, source=name, weights_path="")
        return replace(
            subject,
            tag=name,
            reference=_RUNNING + name,
            formats={"ollama": (checkpoint.quantization,)},
            weights_names={("ollama", checkpoint.quantization): name},
        )


def _subject(opened: OpenedModel, weights_path: str) -> Subject:
    if opened.gguf_metadata is not None:
        architecture = architecture_from_gguf(
            opened.gguf_metadata, opened.tensor_shapes, source=opened.source
        )
    elif opened.config is not None:
        architecture = read_config(opened.config, source=opened.source).architecture
    else:
        raise PlanError(
            f"{opened.source} has no config.json beside its weights, and the model's shape is read from it",
            hint="stillroom plan --config path/to/config.json",
        )
    return from_checkpoint(architecture, opened.checkpoint, source=opened.source, weights_path=weights_path)


def _is_path_or_url(name: str) -> bool:
    typed = name.startswith((".", "/", "~", "http://", "https://", "huggingface.co/"))
    a_file = name.endswith(_FILES) and not name.lower().startswith(_HUB)
    return typed or a_file or Path(name).exists()


def _local_path(name: str) -> str:
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else ""
