"""The tool that runs a Python program that a model wrote. A person is asked first.

How it is limited is `agents.toolkit.python_run`'s business.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from agents.fence import data_note, fenced
from agents.toolkit.python_run import ProgramRun, PythonLimits, run_program
from stillroom.errors import ToolError

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
        run = run_program(_program(code), self.limits)
        return ProgramResult(run.output, run.exit_code, run.seconds, _ended(run, self.limits))

    def check(self, code: str) -> None:
        """Refuse a program that is no Python, before a person is asked; nothing of it is run.

        Raises:
            ToolError: it cannot be parsed; where, and why.
        """
        with warnings.catch_warnings(action="ignore"):  # it is no program of ours
            try:
                ast.parse(_program(code))
            except SyntaxError as error:
                where = f"line {error.lineno}: " if error.lineno else ""
                raise ToolError(f"run_python: the program is no Python: {where}{error.msg}") from error
            except (ValueError, RecursionError, MemoryError) as error:  # a null byte, or nested without end
                raise ToolError(f"run_python: the program is no Python: {error}") from error


def _program(code: str) -> str:
    """The program without the fence that models put around it."""
    wrapped = _FENCED_CODE.fullmatch(code)
    return wrapped.group(1) if wrapped else code


def _ended(run: ProgramRun, limits: PythonLimits) -> str:
    import signal

    if run.timed_out:
        how = f"Killed after {limits.seconds:g} seconds."
    elif run.exit_code == -signal.SIGKILL and run.seconds >= limits.cpu_seconds:
        how = f"Killed by the system, likely for more than {limits.cpu_seconds} seconds of computing."
    elif run.exit_code == -signal.SIGKILL:
        how = f"Killed after {run.seconds:g} seconds, by itself or by the system, as for want of memory."
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
