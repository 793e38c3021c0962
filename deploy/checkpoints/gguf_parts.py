"""A GGUF model that is split over several files, as llama.cpp's gguf-split writes them.

``model-00001-of-00003.gguf`` holds the metadata; every part holds its own tensors.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.checkpoints.gguf_file import read_gguf
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.checkpoints.byte_source import ByteSource
    from deploy.checkpoints.gguf_file import GgufFile

# llama.cpp, common: "%s-%05d-of-%05d.gguf".
_PART_NAME: Final = re.compile(r"(?P<stem>.*)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf")
_MOST_PARTS: Final = 512


def part_names(file_name: str) -> tuple[str, ...]:
    """The names of all parts, from the name of any; the name alone where it is no part's.

    Example:
        >>> part_names("folder/big-00002-of-00002.gguf")
        ('folder/big-00001-of-00002.gguf', 'folder/big-00002-of-00002.gguf')

    Raises:
        WeightsError: the name tells of more parts than there can be, or of one beyond the last.
    """
    match = _PART_NAME.fullmatch(file_name)
    if match is None:
        return (file_name,)
    parts = int(match["parts"])
    if not 1 <= int(match["part"]) <= parts <= _MOST_PARTS:
        raise WeightsError(
            f"{file_name} is named part {int(match['part'])} of {parts}, and at most {_MOST_PARTS} are read",
            hint="give the first part of the model",
        )
    return tuple(f"{match['stem']}-{part:05d}-of-{match['parts']}.gguf" for part in range(1, parts + 1))


def read_split_gguf(file_name: str, open_part: Callable[[str], ByteSource]) -> GgufFile:
    """Read a model that may be split.

    Args:
        file_name: of any part, or of a whole file.
        open_part: gives the file of a name; called once a part.

    Raises:
        WeightsError: a part is missing or damaged, or the parts do not belong together.
    """
    names = part_names(file_name)
    files = [read_gguf(open_part(name)) for name in names]
    first = files[0]
    announced = first.metadata.get("split.count", 0) or 1
    if announced != len(files):
        raise WeightsError(
            f"{file_name} says that it is one of {announced} parts, and its name tells of {len(files)}",
            hint="keep the parts beside each other under names such as model-00001-of-00003.gguf",
        )
    tensors = tuple(tensor for file in files for tensor in file.tensors)
    expected = first.metadata.get("split.tensors.count", len(tensors))
    if len({tensor.name for tensor in tensors}) != expected or len(tensors) != expected:
        raise WeightsError(
            f"the {len(files)} parts of {file_name} hold {len(tensors):,} tensors, not {expected}",
            hint="fetch all parts again, from one place",
        )
    return replace(first, tensors=tensors, file_bytes=sum(file.file_bytes for file in files))
