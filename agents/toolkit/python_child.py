"""Runs in a process of its own, started by path: limits itself, then runs ``program.py`` of its folder.

It imports the standard library alone, and nothing of Stillroom. Arguments: a JSON object of limits, and the
descriptor to tell on whether it has namespaces of its own.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

# Linux's sched.h: a user namespace needs no privilege, and in it others can be made. Of a new network
# namespace nothing is reachable, and all processes of a PID namespace end with its first.
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
# Linux's prctl.h: die with the process that started this one.
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Cut this process off and limit it, as far as the system does that, and run the program."""
    limits, told = json.loads(sys.argv[1]), int(sys.argv[2])
    cut_off = _unshared()
    os.write(told, b"1" if cut_off else b"0")
    os.close(told)
    if cut_off:
        # The first process of the namespace hears no signals as others do, so the program is the second.
        _go_on_in_a_child()
        _go_on_in_a_child()
    for name, value in limits.items():
        _limit(name, value)
    sys.argv = ["program.py"]
    _run(Path("program.py").read_text(encoding="utf-8"))


def _unshared() -> bool:
    """Whether this process has no network any more, this machine's own included, nor lasting children."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return bool(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWPID | _CLONE_NEWNET) == 0)


def _go_on_in_a_child() -> None:
    """Return in a child; its parent ends as the child does, with 128 more than the signal that killed it."""
    child = os.fork()
    if not child:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def _limit(name: str, value: int) -> None:
    """Set a limit, as far as the system has it: macOS does not hold a process to its address space."""
    kind = getattr(resource, name, None)
    if kind is None:
        return
    _, hardest = resource.getrlimit(kind)
    value = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


def _run(source: str) -> None:
    """Run the program; the value of an expression at its end is printed, as at a prompt."""
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        tree = ast.parse(source, "program.py")
        ending = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "program.py", "exec"), names)  # noqa: S102 - what this process is for
        if isinstance(ending, ast.Expr):
            code = compile(ast.Expression(ending.value), "program.py", "eval")
            sys.displayhook(eval(code, names))  # noqa: S307
    except Exception as error:  # noqa: BLE001 - printed, as Python itself does
        # Without this file's own frame.
        frames = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, frames)
        sys.exit(1)


if __name__ == "__main__":
    main()
