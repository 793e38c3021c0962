"""Files of cases, in the layout of the Berkeley Function Calling Leaderboard and near it.

A folder has questions (``BFCL_v3_simple.json``: one JSON object a line, whatever the ending says) and the
right answers under the same names in ``possible_answer/``. What else is taken: a whole JSON list, answers
beside the questions (``ground_truth``), other names of files. What cannot be measured is told, not dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.toolcalling_cases import BadEntryError, BadTruthError, category_in, is_other_kind, read_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bench.toolcalling_cases import Case

_ENDINGS: Final = (".json", ".jsonl")
_ANSWER_FOLDERS: Final = ("possible_answer", "possible_answers", "answers", "ground_truth")
# Folders of the leaderboard's repository that hold something else.
_OTHER_FOLDERS: Final = ("multi_turn_func_doc", "memory_prereq_conversation", "unused_datasets")
_ANSWER_KEYS: Final = ("ground_truth", "possible_answer", "answer")


class CasesError(Exception):
    """No cases can be read there; the message says why."""


@dataclass(frozen=True, slots=True)
class Cases:
    """What a folder holds.

    Attributes:
        skipped: one line for each file or kind of entry that is not measured, with the reason.
    """

    cases: tuple[Case, ...]
    skipped: tuple[str, ...]


def read_cases(folder: Path) -> Cases:
    """All cases of a folder, in the order of its files.

    Raises:
        CasesError: there is no such folder, a file is no JSON, a right answer cannot be compared, or nothing
            in it is a case.
    """
    if not folder.is_dir():
        raise CasesError(f"{folder} is no folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix in _ENDINGS and path.is_file())
    files = [path for path in files if not set(path.relative_to(folder).parts) & set(_OTHER_FOLDERS)]
    answers = _answers([path for path in files if path.parent.name in _ANSWER_FOLDERS])
    cases: list[Case] = []
    skipped: dict[str, int] = {}
    for path in files:
        if path.parent.name in _ANSWER_FOLDERS:
            continue
        if is_other_kind(path.stem):
            skipped[f"{path.name}: a kind that is not measured here"] = 0
            continue
        for entry in _entries(path):
            try:
                cases.append(_case(path, entry, answers))
            except BadTruthError as error:
                # Left out it would change what the set measures, and nobody would see why.
                raise CasesError(f"{path}, case {entry.get('id')}: {error}") from error
            except BadEntryError as error:
                reason = f"{path.name}: {error}"
                skipped[reason] = skipped.get(reason, 0) + 1
    lines = tuple(f"{reason} ({count} entries)" if count else reason for reason, count in skipped.items())
    if not cases:
        raise CasesError(f"{folder} holds no cases" + "".join(f"\n  {line}" for line in lines))
    return Cases(tuple(cases), lines)


def _case(path: Path, entry: Mapping[str, Any], answers: Mapping[tuple[str, str], object]) -> Case:
    identifier = str(entry.get("id", ""))
    if not identifier:
        raise BadEntryError("an entry without an id")
    if is_other_kind(identifier):
        raise BadEntryError("a kind that is not measured here")
    truth = next((entry[key] for key in _ANSWER_KEYS if key in entry), None)
    if truth is None:
        # An id may stand in files of two versions: the file of the same name knows.
        truth = answers.get((path.stem, identifier), answers.get(("", identifier)))
    return read_case(entry, category=category_in(path.stem), truth=truth)


def _answers(files: list[Path]) -> dict[tuple[str, str], object]:
    """Right answers by file and id, and by the id alone."""
    found: dict[tuple[str, str], object] = {}
    for path in files:
        for entry in _entries(path):
            identifier = str(entry.get("id", ""))
            truth = next((entry[key] for key in _ANSWER_KEYS if key in entry), None)
            found[path.stem, identifier] = truth
            found.setdefault(("", identifier), truth)
    return found


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file: one a line, or all in a list."""
    text = path.read_text(encoding="utf-8-sig")
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _lines(path, text)
        return
    yield from (one for one in (whole if isinstance(whole, list) else [whole]) if isinstance(one, dict))


def _lines(path: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise CasesError(f"{path}, line {number}: no JSON ({error})") from error
        if isinstance(entry, dict):
            yield entry
