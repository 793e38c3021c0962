"""A model's headers and configuration, from the folder that holds them: all that a planner needs.

It chooses the files of the wanted quantization. Where the folder is, and how it is read, is not its to know.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from deploy.checkpoints.checkpoint_reader import (
    checkpoint_from_gguf,
    checkpoint_from_safetensors,
    quantization_of_config,
)
from deploy.checkpoints.gguf_parts import part_names, read_split_gguf
from deploy.checkpoints.safetensors_file import join_shards, parse_index, read_safetensors
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.checkpoint import Checkpoint
    from deploy.checkpoints.model_folder import ModelFolder
    from deploy.checkpoints.safetensors_file import SafetensorsFile

_DEFAULT_QUANTIZATION: Final = (
    "Q4_K_M"  # as Ollama takes it from a repository (Hugging Face, docs/hub/ollama.md)
)
_QUANTIZATION: Final = re.compile(
    r"(?:^|[-._/])((?:UD-)?(?:I?Q\d\w*|TQ\d_0|MXFP4\w*|NVFP4|BF16|F16|F32))(?=$|[-.])", re.IGNORECASE
)
_NO_MODEL: Final = re.compile(r"(?:^|/)(?:mmproj|imatrix)|imatrix|mmproj", re.IGNORECASE)
_INDEX: Final = "model.safetensors.index.json"
_SHARD: Final = re.compile(r"(.*)-\d{5}-of-\d{5}\.safetensors")
_WORKERS: Final = 8
# What a download of safetensors takes beside them.
_COMPANIONS: Final = (".json", ".txt", ".model", ".jinja", ".tiktoken")


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model, known to the byte without its weights.

    Attributes:
        config: config.json; None where there is none.
        gguf_metadata: of a GGUF file; None for safetensors.
        source: the path or address, for a reader.
    """

    checkpoint: Checkpoint
    config: Mapping[str, object] | None
    gguf_metadata: Mapping[str, object] | None
    source: str

    @property
    def tensor_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every tensor's shape by its name, rows first."""
        return {tensor.name: tensor.shape for tensor in self.checkpoint.tensors}


def open_in_folder(
    folder: ModelFolder, *, file: str = "", inside: str = "", quantization: str = ""
) -> OpenedModel:
    """Read the headers of one model.

    Args:
        folder: where its files are.
        file: the one to take; empty to choose.
        inside: only files below that folder of it are chosen from.
        quantization: the one to choose; empty for safetensors, else Q4_K_M, else the only one.

    Raises:
        WeightsError: it is not there, or a file is damaged.
    """
    chosen = file or _choose(folder, inside.strip("/"), quantization)
    if chosen.endswith(".gguf"):
        return _open_gguf(folder, chosen)
    return _open_safetensors(folder, chosen, quantization)


def quantization_of_name(path: str) -> str:
    """What a GGUF file's name says of its quantization, in capitals; empty where it says nothing.

    Example:
        >>> quantization_of_name("UD-Q4_K_XL/big-UD-Q4_K_XL-00001-of-00002.gguf")
        'UD-Q4_K_XL'
    """
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", path)
    found = _QUANTIZATION.findall(stem)
    return str(found[-1]).upper() if found else ""


def _choose(folder: ModelFolder, inside: str, quantization: str) -> str:
    """The file to read: a GGUF file (its first part), an index, or a safetensors file."""
    sizes = folder.sizes() or {}
    paths = [path for path in sizes if not inside or path.startswith(f"{inside}/")]
    ggufs = sorted(
        {part_names(path)[0] for path in paths if path.endswith(".gguf") and not _NO_MODEL.search(path)}
    )
    safetensors = _main_safetensors(paths, inside)
    if safetensors and (not quantization or not ggufs):
        return safetensors
    if not ggufs:
        raise WeightsError(
            f"{folder.name} holds neither a .gguf file nor config.json with .safetensors files",
            hint="give another folder or repository; GGUF builds are often in one whose name ends in -GGUF",
        )
    return _choose_gguf(ggufs, quantization, folder.name)


def _choose_gguf(ggufs: list[str], quantization: str, name: str) -> str:
    if len(ggufs) == 1 and not quantization:
        return ggufs[0]
    by_name: dict[str, str] = {}
    for path in sorted(ggufs, key=lambda path: (path.count("/"), path)):
        by_name.setdefault(quantization_of_name(path), path)
    wanted = quantization.upper() or _DEFAULT_QUANTIZATION
    for candidate in (wanted, f"UD-{wanted}"):
        if candidate in by_name:
            return by_name[candidate]
    named = sorted(found for found in by_name if found)
    there = ", ".join(named) or ", ".join(ggufs)
    hint = f"--quant {named[0]}" if named else "give the path of one of them"
    if quantization:
        raise WeightsError(f"{name} has no GGUF file at {wanted}; there are {there}", hint=hint)
    raise WeightsError(f"{name} has several GGUF files, and none was chosen: {there}", hint=hint)


def _main_safetensors(paths: Iterable[str], inside: str) -> str:
    """The index, or the one file of a model; empty where there is none."""
    prefix = f"{inside}/" if inside else ""
    here = sorted(path for path in paths if "/" not in path.removeprefix(prefix))
    if f"{prefix}config.json" not in here:
        return ""
    for name in (_INDEX, "model.safetensors"):
        if prefix + name in here:
            return prefix + name
    return next((path for path in here if path.endswith((".safetensors.index.json", ".safetensors"))), "")


def _open_gguf(folder: ModelFolder, path: str) -> OpenedModel:
    file = read_split_gguf(path, folder.open)
    source = folder.open(path).name
    return OpenedModel(
        checkpoint=checkpoint_from_gguf(file, source),
        config=_config(folder, path),
        gguf_metadata=file.metadata,
        source=source,
    )


def _open_safetensors(folder: ModelFolder, path: str, quantization: str) -> OpenedModel:
    source = folder.open(path).name
    shard = _SHARD.fullmatch(path)
    if shard is not None:  # one of several: the index beside it knows the others
        path = f"{shard[1]}.safetensors.index.json"
    file = _read_index(folder, path) if path.endswith(".json") else read_safetensors(folder.open(path))
    config = _config(folder, path)
    stated, bits = quantization_of_config(config or {})
    checkpoint = checkpoint_from_safetensors(file, source, quantization=stated, bits=bits)
    if quantization and quantization.upper() != checkpoint.quantization:
        raise WeightsError(
            f"{folder.name} holds safetensors in {checkpoint.quantization}, and {quantization} is asked for",
            hint=f"--quant {checkpoint.quantization}, or give a repository with GGUF files",
        )
    companions = _companion_bytes(folder, path)
    return OpenedModel(replace(checkpoint, file_bytes=file.file_bytes + companions), config, None, source)


def _read_index(folder: ModelFolder, path: str) -> SafetensorsFile:
    text = folder.document(path)
    if text is None:
        raise WeightsError(
            f"{folder.name} has no {path}, which says where its tensors are", hint="check the name"
        )
    index = parse_index(text, folder.open(path).name)
    beside = path[: path.rfind("/") + 1]
    with ThreadPoolExecutor(_WORKERS) as pool:  # a large model has more than a hundred shards
        headers = pool.map(lambda shard: read_safetensors(folder.open(beside + shard)), index.shards)
        return join_shards(index, dict(zip(index.shards, headers, strict=True)), path)


def _companion_bytes(folder: ModelFolder, path: str) -> int:
    """Configuration and tokenizer files in the folder of that file, where there is a list."""
    beside = path[: path.rfind("/") + 1]
    return sum(
        size_bytes
        for name, size_bytes in (folder.sizes() or {}).items()
        if name.startswith(beside) and "/" not in name[len(beside) :] and name.endswith(_COMPANIONS)
    )


def _config(folder: ModelFolder, path: str) -> Mapping[str, object] | None:
    """The config.json beside a file."""
    text = folder.document(path[: path.rfind("/") + 1] + "config.json")
    if text is None:
        return None
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"the config.json of {folder.name} is no JSON: {error}", hint="fetch it again"
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(f"the config.json of {folder.name} holds no object", hint="fetch it again")
    return config
