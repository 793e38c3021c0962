"""Files on this machine that Ollama is to make a model of: which they are, and what they hold.

Headers are read here, before anything is sent. Nothing here talks to Ollama.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stillroom.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What it converts and quantizes from: its own words are "F16, BF16 and F32 models".
_UNQUANTIZED: Final = frozenset({"F16", "BF16", "F32"})

# Beside weights in a folder of Hugging Face: configuration, vocabulary, chat template.
_COMPANIONS: Final = frozenset({".json", ".model", ".jinja"})


@dataclass(frozen=True, slots=True)
class Source:
    """Weights on this machine.

    Attributes:
        files: by the name that Ollama is told: one GGUF file, its parts, or a folder's safetensors and
            what belongs to them.
        quantization: what the weights are stored in, such as ``Q4_K_M`` or ``BF16``.
        safetensors: they are in Hugging Face's format, which Ollama has to convert.
    """

    files: Mapping[str, Path]
    quantization: str
    safetensors: bool


def local_source(base: str) -> Source | None:
    """The weights at an absolute path; None where the base is the name of a model instead.

    Raises:
        WeightsError: nothing readable is there, or a file is damaged or cut short.
    """
    path = Path(base)
    if not path.is_absolute():
        return None
    from deploy.checkpoints.gguf_parts import part_names
    from deploy.checkpoints.hub import open_model

    checkpoint = open_model(base).checkpoint
    if checkpoint.file_format == "gguf":
        files = {name: path.with_name(name) for name in part_names(path.name)}
    else:
        files = _model_files(path)
    return Source(files, checkpoint.quantization, safetensors=checkpoint.file_format == "safetensors")


def adapter_files(adapter: str) -> Mapping[str, Path]:
    """A LoRA adapter's files: its GGUF file where there is one, else its safetensors and configuration.

    Raises:
        EngineError: there are none.
    """
    path = Path(adapter)
    if path.is_file():
        return {path.name: path}
    converted = sorted(path.glob("*.gguf"))
    if converted:
        return {converted[0].name: converted[0]}
    files = _model_files(path) if path.is_dir() else {}
    if not any(name.endswith(".safetensors") for name in files):
        raise EngineError(
            f"there is no LoRA adapter in {adapter}: neither a .gguf nor a .safetensors file",
            hint="check the path given to --lora",
        )
    return files


def require_unquantized(quantization: str, wanted: str, *, name: str) -> None:
    """Return if weights stored in ``quantization`` can be quantized.

    Raises:
        EngineError: they are quantized already.
    """
    if quantization.upper() not in _UNQUANTIZED:
        raise EngineError(
            f"{name} is {quantization} already, and only F16, BF16 and F32 can be quantized to {wanted}",
            hint=f"stillroom plan --quant {quantization}, or give the model's 16-bit weights",
        )


def _model_files(path: Path) -> dict[str, Path]:
    folder = path if path.is_dir() else path.parent
    kinds = _COMPANIONS | {".safetensors"}
    return {file.name: file for file in sorted(folder.iterdir()) if file.suffix in kinds and file.is_file()}
