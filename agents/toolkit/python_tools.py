"""The tool that runs a Python program that a model wrote. A person is asked first.

How it is limited is `agents.toolkit.python_run`'s business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from agents.fence import data_note, fenced
from agents.toolkit.python_run import ProgramRun, PythonLimits, run_program

# Models wrap programs as they do in a chat.
_FENCED_CODE: Final = re.compile(r"\s*```(?:python|py)?[ \t]*\n(.*?)\n?```\s*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """What a program printed, and how it ended.

    Attributes:
        exit_code: 0 for success, negative for the signal that killed it.
        ended: in words.
    """

    output: str
    exit_code: int
    seconds: float
    ended: str

    def to_text(self) -> str:
        """How it ended, then what it printed."""
        if not self.output:
            return f"{self.ended} It printed nothing."
        return f"{self.ended}\n{data_note('what the program printed')}\n{fenced(self.output)}"


@dataclass(frozen=True, slots=True)
class PythonTools:
    """The function over its limits; its signature is the tool's schema."""

    limits: PythonLimits = field(default_factory=PythonLimits)

    def run_python(self, code: Annotated[str, Field(min_length=1, max_length=20_000)]) -> ProgramResult:
        """Run a Python program on the user's computer and give what it prints.

        Args:
            code: the program; it reads no input, and its folder is deleted afterwards.
        """
        wrapped = _FENCED_CODE.fullmatch(code)
        run = run_program(wrapped.group(1) if wrapped else code, self.limits)
        return ProgramResult(run.output, run.exit_code, run.seconds, _ended(run, self.limits))


def _ended(run: ProgramRun, limits: PythonLimits) -> str:
    import signal

    if run.timed_out:
        how = f"Killed after {limits.seconds:g} seconds."
    elif run.exit_code == -signal.SIGKILL:
        how = f"Killed by the system, likely for more than {limits.cpu_seconds} seconds of computing."
    elif run.exit_code < 0:
        how = f"Killed by signal {-run.exit_code}."
    else:
        how = f"It ended with exit code {run.exit_code} after {run.seconds:g} seconds."
    notes = [how]
    if run.cut:
        notes.append(f"Only the first {limits.output_bytes:,} bytes of its output were kept.")
    if run.cut_off and run.exit_code:
        notes.append("It had no network.")
    return " ".join(notes)
