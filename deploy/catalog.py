"""The models that Stillroom knows: shape, measured abilities, licences, and where weights come from.

``catalog.json`` beside this module is validated strictly when it is loaded and turned into frozen
values; a shape is made from its configuration when it is first asked for. The catalog knows no machine and no
bytes, and it does not decide which model is best.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping  # noqa: TC003 -- pydantic reads it when the model is made
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.quantizations.quantization import find_quantization
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.architectures.shape import Architecture

_NEAR_NAMES = 3
# What people paste in front of a name.
_PREFIXES = (
    "https://huggingface.co/",
    "huggingface.co/",
    "hf.co/",
    "https://ollama.com/library/",
    "ollama.com/library/",
    "registry.ollama.ai/library/",
    "library/",
)


@dataclass(frozen=True)
class CatalogModel:
    """One model.

    Attributes:
        id: Hugging Face's name of the original, for example ``deepseek-ai/DeepSeek-R1-Distill-Qwen-7B``.
        tag: the short name people type, for example ``deepseek-r1:7b``.
        config: what shapes it, as in its ``config.json``.
        source: where the configuration was read.
        parameters: of the language model; the architecture comes to the same.
        parameters_source: where the count is published, or why another one is.
        other_parameters: beside the language model, such as a vision tower.
        published_in: the quantization that its makers published and scored.
        languages: ISO 639-1 codes of the languages that it writes.
        native_tools: its chat template shows tools to it and it calls them.
        teacher: the model whose answers it was distilled from; empty for none.
        base: the model before instruction or distillation; empty where none is published.
        scores: published results in percent, except ``codeforces_rating``; empty where none was found.
        scores_source: where all of ``scores`` stand.
        license: an SPDX identifier; ``LicenseRef-`` for licences that SPDX does not list.
        license_note: what the identifier does not say.
        license_commercial: the licence allows commercial use, if within limits.
        bundled: its weights come with the ``embedded`` extra, without a model hub.
        gguf_repo: Hugging Face repository of GGUF files, or empty.
        gguf_files: file name in that repository by quantization.
        repos: Hugging Face repository of a safetensors checkpoint by quantization, 16 bits aside.
        ollama_tags: name in Ollama's own library by quantization.
        ollama_build: how Ollama's Q4_K_M differs from llama.cpp's rules, as keyword arguments of
            ``deploy.quantizations.checkpoint.compute_checkpoint``.
    """

    id: str
    tag: str
    aliases: tuple[str, ...]
    config: Mapping[str, object]
    source: str
    parameters: int
    parameters_source: str
    languages: tuple[str, ...]
    native_tools: bool
    reasoning: bool
    teacher: str
    base: str
    scores: Mapping[str, float]
    scores_source: str
    license: str
    license_note: str
    license_commercial: bool
    bundled: bool
    gguf_repo: str
    other_parameters: int = 0
    published_in: str = "BF16"
    gguf_files: Mapping[str, str] = field(default_factory=dict)
    repos: Mapping[str, str] = field(default_factory=dict)
    ollama_tags: Mapping[str, str] = field(default_factory=dict)
    ollama_build: Mapping[str, str | bool] = field(default_factory=dict)

    @cached_property
    def architecture(self) -> Architecture:
        """The shape that ``config`` describes.

        Raises:
            PlanError: the configuration lacks a field.
        """
        from deploy.architectures.hugging_face import read_config

        return read_config(self.config, source=f"{self.id} in the catalog").architecture

    @property
    def params_billion(self) -> float:
        """Parameters in billions, which is what the rule of thumb takes."""
        return self.parameters / 10**9

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that finds it, without a quantization."""
        return (self.id, self.tag, *self.aliases, *filter(None, (self.gguf_repo,)))

    @property
    def short_names(self) -> tuple[str, ...]:
        """Its names on Hugging Face without their owners; they give way to another model's own name."""
        return tuple(dict.fromkeys(name.rpartition("/")[2] for name in self.names if "/" in name))

    @property
    def quantized_names(self) -> Mapping[str, str]:
        """The quantization by every name that finds it in one."""
        names = {tag: quantization for quantization, tag in self.ollama_tags.items()}
        names |= {file: quantization for quantization, file in self.gguf_files.items()}
        for quantization, repo in self.repos.items():
            names |= {repo: quantization, repo.rpartition("/")[2]: quantization}
        unquantized = {*self.names, *self.short_names}
        return {name: quantization for name, quantization in names.items() if name not in unquantized}


@dataclass(frozen=True)
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
        """The model of that name, in any case, whichever quantization the name tells.

        Raises:
            PlanError: there is none; the message lists near names.
        """
        return self.resolve(name)[0]

    def resolve(self, name: str) -> tuple[CatalogModel, str | None]:
        """The model of that name, and the quantization that the name tells; None where it tells none.

        Ollama's tags and Hugging Face's names are both understood, the latter with or without owner, and so
        are file names: ``deepseek-r1:14b-qwen-distill-q4_K_M``, ``hf.co/bartowski/phi-4-GGUF:Q6_K``.

        Raises:
            PlanError: there is none; the message lists near names.
        """
        wanted = _bare(name)
        if wanted in self._by_name:
            return self._by_name[wanted], None
        if wanted in self._by_quantized_name:
            return self._by_quantized_name[wanted]
        for known in self._longest_names:
            if wanted.startswith(known) and (quantization := _quantization(wanted[len(known) :])):
                return self._by_name[known], quantization
        raise self._unknown(name)

    @cached_property
    def _by_name(self) -> Mapping[str, CatalogModel]:
        # ``deepseek-r1`` is Ollama's name of the 8B, and would be the 671B's without its owner.
        short = {name.lower(): model for model in self.models for name in model.short_names}
        return short | {name.lower(): model for model in self.models for name in model.names}

    @cached_property
    def _by_quantized_name(self) -> Mapping[str, tuple[CatalogModel, str]]:
        return {
            name.lower(): (model, quantization)
            for model in self.models
            for name, quantization in model.quantized_names.items()
        }

    @cached_property
    def _longest_names(self) -> tuple[str, ...]:
        return tuple(sorted(self._by_name, key=len, reverse=True))

    def _unknown(self, name: str) -> PlanError:
        near = difflib.get_close_matches(_bare(name), self._by_name, n=_NEAR_NAMES, cutoff=0.5)
        # Two near names may belong to one model: each tag is shown once, the nearest first.
        tags = tuple(dict.fromkeys(self._by_name[known].tag for known in near))
        tags = tags or tuple(model.tag for model in self.models)
        return PlanError(
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


def _bare(name: str) -> str:
    """The name in lower case, without what people paste in front of it."""
    bare = name.strip().lower()
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    return bare.rstrip("/")


def _quantization(rest: str) -> str | None:
    """The quantization that follows a name after a separator, or None."""
    written = rest[1:].removesuffix(".gguf")
    if rest[:1] not in {"-", ":", ".", "_"} or not written:
        return None
    try:
        return find_quantization(written).name
    except PlanError:
        return None


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _ModelEntry(_Strict):
    id: str
    tag: str
    aliases: tuple[str, ...]
    config: dict[str, Any]
    source: str
    parameters: int
    parameters_source: str
    other_parameters: int
    published_in: str
    languages: tuple[str, ...]
    native_tools: bool
    reasoning: bool
    teacher: str
    base: str
    scores: dict[str, float]
    scores_source: str
    license: str
    license_note: str
    license_commercial: bool
    bundled: bool
    gguf_repo: str
    gguf_files: dict[str, str]
    repos: dict[str, str]
    ollama_tags: dict[str, str]
    ollama_build: dict[str, str | bool]


class _CatalogFile(_Strict):
    models: tuple[_ModelEntry, ...]


def _frozen(entry: _ModelEntry) -> CatalogModel:
    values = {name: getattr(entry, name) for name in _ModelEntry.model_fields}
    for name, value in values.items():
        if isinstance(value, dict):
            values[name] = MappingProxyType(value)
    return CatalogModel(**values)
