"""What is planned for: a model of the catalog, or one that was opened from a file, a URL or a running server.

It says in which formats each engine can get the weights and gives the checkpoint of a format, read where a
header was read and computed where not. It does not know a machine.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- the dataclass reads it
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deploy.architectures.shape import Attention, LatentAttention
from deploy.architectures.tensors import parameter_count
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.quantizations.quality import ability_loss
from deploy.quantizations.quantization import FORMATS, QUANTIZATIONS, Quantization, find_quantization
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.architectures.lora import LoraAdapter
    from deploy.architectures.shape import Architecture
    from deploy.catalog import CatalogModel
    from deploy.checkpoint import Checkpoint, FileFormat
    from deploy.spec import EngineName

# The one benchmark that every distill's publisher reports. MATH-500 separates them little (92.8 to 94.5 from
# 7B to 70B) and is not published for R1-0528-Qwen3-8B; AIME has 30 questions.
ABILITY_SCORE = "gpqa_diamond_pass1"

FILE_FORMATS: Mapping[EngineName, FileFormat] = {
    "ollama": "gguf",
    "embedded": "gguf",
    "vllm": "safetensors",
}

# What Ollama's library builds itself; its other tags follow llama.cpp.
_OLLAMA_QUANTIZATION = "Q4_K_M"

# What is weighed where only a shape is known: the formats that people publish.
USUAL_GGUF = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "F16")
USUAL_SAFETENSORS = ("BF16", "FP8", "AWQ", "GPTQ")

# Files that are called the same in every model's folder; a hub has resolve/REVISION before them.
_NAMELESS = frozenset({"config.json", "model.safetensors", "model.safetensors.index.json"})
_REVISION_PARTS = 2


@dataclass(frozen=True)
class Subject:
    """One model to plan for.

    Attributes:
        id: the catalog's key, a file's path or a URL.
        tag: the short name that people type.
        reference: what to type after ``stillroom plan`` where that is not the tag: a path, a URL.
        parameters: as published; counted from the shape where nothing is published.
        ability: its ``ABILITY_SCORE``; 0 where none is published.
        license: SPDX id; empty where it is not known.
        commercial_use: the licence allows it.
        formats: quantizations in which each engine can get the weights.
        weights_names: by what name an engine fetches a quantization, by (engine, quantization).
        checkpoints: those whose header was read, by quantization.
        weights_path: a file or folder on this machine; empty for none.
        adapters: LoRA adapters that are loaded beside it.
        published_in: the quantization that its makers published and scored.
        ollama_build: how Ollama's own Q4_K_M differs from the mix, as arguments of ``compute_checkpoint``.
    """

    id: str
    tag: str
    architecture: Architecture
    parameters: int
    formats: Mapping[EngineName, tuple[str, ...]]
    ability: float = 0.0
    languages: tuple[str, ...] = ()
    native_tools: bool = False
    reasoning: bool = False
    license: str = ""
    commercial_use: bool = False
    bundled: bool = False
    weights_names: Mapping[tuple[EngineName, str], str] = field(default_factory=dict)
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    weights_path: str = ""
    adapters: tuple[LoraAdapter, ...] = ()
    published_in: str = "BF16"
    ollama_build: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""

    @property
    def typed(self) -> str:
        """What to type to have it."""
        return self.reference or self.tag

    @property
    def params_billion(self) -> float:
        """Parameters in billions, which is what the rule of thumb takes."""
        return self.parameters / 10**9

    def checkpoint(self, quantization: str, engine: EngineName) -> Checkpoint:
        """The weights in a quantization, as the engine gets them.

        Raises:
            PlanError: the quantization is unknown, or cannot be computed for this shape.
        """
        known = self.checkpoints.get(quantization)
        if known is not None:
            return known
        # Some of Ollama's own builds differ from llama.cpp's mix: 5.225 GB for deepseek-r1:8b, not 5.03 GB.
        return compute_checkpoint(
            self.architecture,
            quantization,
            file_format=FILE_FORMATS[engine],
            **(self.ollama_build if self._is_own_build(quantization, engine) else {}),
        )

    def shape(self, quantization: str, engine: EngineName) -> Architecture:
        """The shape as the engine computes it.

        llama.cpp caches the compressed vector of latent attention only where the file has its expansion in
        two tensors. From older files, such as Ollama's ``deepseek-r1:671b``, it expands and caches whole
        keys and values.
        """
        joined = self._is_own_build(quantization, engine) and self.ollama_build.get("joined_kv_b")
        return expanded(self.architecture) if joined else self.architecture

    def _is_own_build(self, quantization: str, engine: EngineName) -> bool:
        return engine == "ollama" and quantization == _OLLAMA_QUANTIZATION

    def loss(self, quality: Quantization) -> float:
        """The share of its published ability that a quantization costs."""
        return ability_loss(quality, self.params_billion, published_in=self.published_in)

    def quality(self, quantization: str, engine: EngineName) -> Quantization:
        """What is known of a quantization; for one that only a file's header names, what is nearest in bits.

        Raises:
            PlanError: there is no such quantization.
        """
        known = self.checkpoints.get(quantization)
        if known is None or quantization in QUANTIZATIONS:
            return find_quantization(quantization, FILE_FORMATS[engine])
        bits = known.tensor_bytes * 8 / self.parameters
        same_format = (one for one in QUANTIZATIONS.values() if one.file_format == known.file_format)
        nearest = min(same_format, key=lambda one: abs(one.nominal_bits - bits))
        return replace(nearest, name=quantization, nominal_bits=max(1, round(bits)))


def from_catalog(model: CatalogModel) -> Subject:
    """A model of the catalog."""
    gguf = tuple(model.gguf_files)
    formats: dict[EngineName, tuple[str, ...]] = {"embedded": gguf}
    names: dict[tuple[EngineName, str], str] = {}
    if not model.bundled:
        formats["ollama"] = tuple(dict.fromkeys((*model.ollama_tags, *gguf)))
        # vLLM turns 16 bits into FP8 on the way in; every other format is a repository of its own.
        loaded = (model.published_in, "FP8") if model.published_in == "BF16" else ()
        formats["vllm"] = tuple(dict.fromkeys((*loaded, *model.repos)))
        # Ollama also pulls GGUF repositories of Hugging Face, by this form of name.
        names = {("ollama", name): f"hf.co/{model.gguf_repo}:{name}" for name in gguf if model.gguf_repo}
        names |= {("ollama", name): tag for name, tag in model.ollama_tags.items()}
        names |= {("vllm", name): repository for name, repository in model.repos.items()}
    return Subject(
        id=model.id,
        tag=model.tag,
        architecture=model.architecture,
        parameters=model.parameters,
        formats=formats,
        ability=model.scores.get(ABILITY_SCORE, 0.0),
        languages=model.languages,
        native_tools=model.native_tools,
        reasoning=model.reasoning,
        license=model.license,
        commercial_use=model.license_commercial,
        bundled=model.bundled,
        weights_names=names,
        published_in=model.published_in,
        ollama_build=model.ollama_build,
    )


def from_shape(
    architecture: Architecture, *, source: str, quantization: str | None, stored_as: str
) -> Subject:
    """A model of which only the shape is known, from a ``config.json``.

    Args:
        architecture: its shape.
        source: the file or URL that it was read from.
        quantization: only this one; None for the usual ones and the one it is stored in.
        stored_as: the format that the configuration itself names; empty for none.

    Raises:
        PlanError: the quantization is unknown.
    """
    own = (stored_as,) if stored_as in QUANTIZATIONS else ()
    gguf: tuple[str, ...] = USUAL_GGUF
    safetensors = tuple(dict.fromkeys((*own, *USUAL_SAFETENSORS)))
    if quantization:
        chosen = find_quantization(quantization)
        gguf, safetensors = (
            (chosen.name,) if (chosen.name, kind) in FORMATS else () for kind in ("gguf", "safetensors")
        )
    return Subject(
        id=source,
        tag=short_name(source),
        architecture=architecture,
        parameters=parameter_count(architecture),
        formats={"ollama": gguf, "embedded": gguf, "vllm": safetensors},
    )


def from_checkpoint(
    architecture: Architecture, checkpoint: Checkpoint, *, source: str, weights_path: str
) -> Subject:
    """A model whose header was read: one quantization, known to the byte."""
    gguf = checkpoint.file_format == "gguf"
    only = (checkpoint.quantization,)
    formats: dict[EngineName, tuple[str, ...]] = (
        {"ollama": only, "embedded": only} if gguf else {"vllm": only}
    )
    return Subject(
        id=source,
        tag=short_name(source),
        architecture=architecture,
        parameters=parameter_count(architecture),
        formats=formats,
        checkpoints={checkpoint.quantization: checkpoint},
        weights_path=weights_path,
    )


def expanded(architecture: Architecture) -> Architecture:
    """The same shape with latent attention as multi-head attention, which caches it uncompressed.

    Each head's key has its rotary part of its own copy: DeepSeek-R1 caches 4,997,120 bytes a token in 16
    bits.
    """
    layers = {layer: layer for layer in architecture.distinct_layers}
    for layer in layers:
        latent = layer.attention
        if isinstance(latent, LatentAttention):
            key_dim = latent.nope_dim + latent.rope_dim
            attention = Attention(latent.heads, latent.heads, key_dim, latent.value_dim)
            layers[layer] = replace(layer, attention=attention)
    return replace(architecture, layers=tuple(layers[layer] for layer in architecture.layers))


def short_name(source: str) -> str:
    """The last telling part of a path or URL.

    Example:
        >>> short_name("models/mine/config.json"), short_name("https://hub/o/r/resolve/main/x.gguf")
        ('mine', 'x')
        >>> short_name("https://hub/owner/repo/resolve/main/model.safetensors.index.json")
        'repo'
    """
    parts = [part for part in source.replace("\\", "/").split("/") if part]
    if not parts:
        raise PlanError("the model's path is empty", hint="stillroom plan ./model.gguf")
    if parts[-1] in _NAMELESS and len(parts) > 1:
        parts.pop()
        if len(parts) > _REVISION_PARTS and parts[-_REVISION_PARTS] == "resolve":
            del parts[-_REVISION_PARTS:]
    return parts[-1].removesuffix(".gguf").removesuffix(".safetensors")
