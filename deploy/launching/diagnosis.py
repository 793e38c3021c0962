"""Why an engine died, in one sentence with the next step, from the log that it left.

Pure text matching, by the table of ``deploy.launching.failure_causes``. What matches none is answered with
the log's own last words, never with a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.launching.failure_causes import CAUSES

if TYPE_CHECKING:
    from deploy.launching.failure_causes import CauseName


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an engine ended.

    Attributes:
        sentence: without a full stop.
        hint: what to do next; empty where nothing is known to help.
        context_tokens: the longest context that the engine said would fit; None where it said nothing.
    """

    cause: CauseName
    sentence: str
    hint: str = ""
    context_tokens: int | None = None

    @property
    def out_of_memory(self) -> bool:
        """Whether asking for less would let it start."""
        return self.cause in {"memory", "kv_cache"}


# vLLM's last lines may say nothing: pydantic ends with a link to its documentation, and the API process with
# a hint at what its children said.
_INVALID: Final = re.compile(
    r"validation errors? for \w+\n(?P<field>\S+\n)? +(?:Value error, )?(?P<reason>.+?)(?: \[type=.*)?$",
    re.MULTILINE,
)
_IN_A_CHILD: Final = "Engine core initialization failed. See root cause above"
_CHILDS_ERROR: Final = re.compile(
    r"^\(\w+ pid=\d+\) ERROR [^\]]+\] (?P<reason>[\w.]+(?:Error|Exception): .+)$", re.MULTILINE
)

_KILLED: Final = -9
_KILLED_SENTENCE: Final = "it was killed (SIGKILL), as the system does when memory runs out"
# What a shell answers for a file that it may not, or cannot, execute.
_NOT_EXECUTABLE: Final = 126


def diagnose(log: str, exit_code: int | None) -> Diagnosis:
    """Why the engine ended.

    Args:
        log: what the engine wrote.
        exit_code: negative for a signal, as ``subprocess`` reports it; None while it lives.

    Example:
        >>> diagnose("E gguf_init: invalid magic characters: 'root', expected 'GGUF'", 1).sentence
        'the model file is not a GGUF file'
    """
    for cause in CAUSES:
        match = cause.pattern.search(log)
        if match and not (cause.name == "missing_module" and (exit_code or 0) < 0):
            found = {name: value for name, value in match.groupdict().items() if value is not None}
            named = {"what": found.get("other") or found.get("kind", "?"), **found}
            tokens = int(found["tokens"]) if "tokens" in found else None
            return Diagnosis(cause.name, cause.sentence.format(**named), cause.hint.format(**named), tokens)
    if exit_code == _KILLED:
        return Diagnosis("unknown", _KILLED_SENTENCE)
    if exit_code == _NOT_EXECUTABLE:
        return Diagnosis("not_executable", "its program cannot be executed", "stillroom doctor")
    words = _last_words(log)
    return Diagnosis("unknown", f"its last words were: {words}" if words else "it wrote nothing to its log")


def _last_words(log: str) -> str:
    """What an error says of itself; the last line where none does; empty for an empty log."""
    invalid = _INVALID.search(log)
    if invalid:
        return f"{invalid['field'] or ''}{invalid['reason']}".replace("\n", ": ")
    error = _CHILDS_ERROR.search(log) if _IN_A_CHILD in log else None
    if error:
        return error["reason"]
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else ""
