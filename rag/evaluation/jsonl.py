"""Files of one JSON object a line, checked line by line; each complaint names file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import BaseModel

    Line = TypeVar("Line", bound=BaseModel)


def read_lines(
    path: Path, model: type[Line], *, key: Callable[[Line], str | None] = lambda _: None
) -> list[Line]:
    """The lines of a file, each as ``model``; blank ones are passed over.

    Args:
        path: the file.
        model: what a line must be.
        key: what no two lines may have in common; None may come often.

    Raises:
        LibraryError: the file cannot be read, a line is not what it must be, or a key comes twice.
    """
    return [line for _, line in read_numbered_lines(path, model, key=key)]


def read_numbered_lines(
    path: Path, model: type[Line], *, key: Callable[[Line], str | None] = lambda _: None
) -> list[tuple[int, Line]]:
    """The same with each line's number, from 1."""
    from pydantic import ValidationError

    lines: list[tuple[int, Line]] = []
    first_seen: dict[str, int] = {}
    for number, text in enumerate(read_text(path).split("\n"), 1):
        if not text.strip():
            continue
        try:
            line = model.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            field = ".".join(map(str, problem["loc"]))
            raise LibraryError(
                f"{path}, line {number}: {f'{field}: ' if field else ''}{problem['msg']}, in {text[:80]!r}",
                hint=f"a line is a JSON object with {_fields(model)}",
            ) from error
        identity = key(line)
        seen = number if identity is None else first_seen.setdefault(identity, number)
        if seen != number:
            raise LibraryError(
                f"{path}, line {number}: {identity!r} stands in line {seen} already",
                hint="each id may come once",
            )
        lines.append((number, line))
    return lines


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        LibraryError: it is not there, cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}", hint=f"ls -l {path.parent}") from error
    except UnicodeDecodeError as error:
        raise LibraryError(
            f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}",
            hint=f"iconv -f ENCODING -t UTF-8 {path}",
        ) from error


def _fields(model: type[BaseModel]) -> str:
    fields = model.model_fields.items()
    return ", ".join(name if field.is_required() else f"{name} (may be missing)" for name, field in fields)
