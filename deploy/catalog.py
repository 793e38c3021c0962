"""The models that Stillroom plans for: shape, measured abilities, licences, and where weights come from.

``catalog.json`` beside this module is validated strictly when it is loaded and turned into frozen values. The
catalog knows no machine, and it does not decide which model is best.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping  # noqa: TC003 -- pydantic reads it when the model is made
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.spec import Architecture
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

_NEAR_NAMES = 3


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """One model.

    Attributes:
        id: Hugging Face's name of the original, for example ``deepseek-ai/DeepSeek-R1-Distill-Qwen-7B``.
        tag: the short name people type, for example ``deepseek-r1:7b``.
        parameters: as Hugging Face publishes the count; the architecture must come to the same.
        languages: ISO 639-1 codes of the languages that it writes.
        native_tools: its chat template shows tools to it and it calls them.
        teacher: the model whose answers it was distilled from; empty for none.
        base: the student before distillation.
        scores: published results in percent, except ``codeforces_rating``; empty where none is published.
        bundled: its weights come with the ``embedded`` extra, without a model hub.
        gguf_repo: Hugging Face repository of GGUF files, or empty.
        gguf_files: file name in that repository by quantization.
        awq_repo: Hugging Face repository of an AWQ checkpoint for vLLM, or empty.
        ollama_tags: name in Ollama's own library by quantization.
        source: where the architecture was read.
    """

    id: str
    tag: str
    aliases: tuple[str, ...]
    architecture: Architecture
    parameters: int
    languages: tuple[str, ...]
    native_tools: bool
    reasoning: bool
    teacher: str
    base: str
    scores: Mapping[str, float]
    scores_source: str
    license: str
    bundled: bool
    gguf_repo: str
    source: str
    gguf_files: Mapping[str, str] = field(default_factory=dict)
    awq_repo: str = ""
    ollama_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def params_billion(self) -> float:
        """Parameters in billions, which is what the rule of thumb takes."""
        return self.parameters / 10**9

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that finds it."""
        return (self.id, self.tag, *self.aliases)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models in the catalog's own order."""

    models: tuple[CatalogModel, ...]

    @property
    def bundled(self) -> CatalogModel:
        """The model that needs no hub.

        Raises:
            PlanError: this catalog has none.
        """
        for model in self.models:
            if model.bundled:
                return model
        raise PlanError("the catalog has no bundled model", hint="stillroom models list")

    def find(self, name: str) -> CatalogModel:
        """The model with that id, tag or alias, in any case.

        Raises:
            PlanError: there is none; the message lists near names.
        """
        by_name = {known.lower(): model for model in self.models for known in model.names}
        found = by_name.get(name.strip().lower())
        if found is not None:
            return found
        near = difflib.get_close_matches(name.lower(), by_name, n=_NEAR_NAMES, cutoff=0.5)
        # Two near names may belong to one model: each tag is shown once, the nearest first.
        tags = tuple(dict.fromkeys(by_name[known].tag for known in near))
        tags = tags or tuple(model.tag for model in self.models)
        raise PlanError(
            f"the catalog has no model {name!r}; near it: {', '.join(tags)}", hint="stillroom models list"
        )


def load_catalog(path: Path | None = None) -> Catalog:
    """The catalog that comes with Stillroom, or the one in a file of the same form.

    Raises:
        PlanError: the file cannot be read, or breaks the form; the message names the first place.
    """
    source = path or files("deploy").joinpath("catalog.json")
    try:
        document = _CatalogFile.model_validate_json(source.read_bytes())
    except OSError as error:
        raise PlanError(f"the catalog {source} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "its first character"
        raise PlanError(f"the catalog {source} is not valid at {place}: {first['msg']}") from error
    return Catalog(tuple(_frozen(entry) for entry in document.models))


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _ArchitectureEntry(_Strict):
    model_type: str
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocabulary_size: int
    max_context_tokens: int
    tied_embeddings: bool
    qkv_bias: bool
    qk_norm: bool
    rope_factors: bool


class _ModelEntry(_Strict):
    id: str
    tag: str
    aliases: tuple[str, ...]
    architecture: _ArchitectureEntry
    parameters: int
    languages: tuple[str, ...]
    native_tools: bool
    reasoning: bool
    teacher: str
    base: str
    scores: dict[str, float]
    scores_source: str
    license: str
    bundled: bool
    gguf_repo: str
    gguf_files: dict[str, str]
    awq_repo: str
    ollama_tags: dict[str, str]
    source: str


class _CatalogFile(_Strict):
    models: tuple[_ModelEntry, ...]


def _frozen(entry: _ModelEntry) -> CatalogModel:
    values = entry.model_dump()
    values["architecture"] = Architecture(**values["architecture"])
    for name in ("scores", "gguf_files", "ollama_tags"):
        values[name] = MappingProxyType(values[name])
    return CatalogModel(**values)
