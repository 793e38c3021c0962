"""The ``stillroom`` command: registers the command groups, and turns errors into messages and exit codes.

Exit codes: 0 success, 1 our error, 2 usage, 3 nothing fits; stopped by a signal 128 and its number, which is
130 for Ctrl-C, 143 for SIGTERM and 129 for SIGHUP. Importing this module loads Typer and nothing heavier; a
command's module is imported when it is typed, its room when it runs.
"""

from __future__ import annotations

import importlib
import io
import os
import shlex
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from stillroom import __version__
from stillroom.cli.output import Output
from stillroom.cli.usage import PlainUsage
from stillroom.errors import EnvironmentUnfitError, StillroomError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

MINIMUM_PYTHON = (3, 11)
# What shells add to the number of a signal that ended a command, and the sum for SIGINT.
_SIGNALLED: Final = 128
INTERRUPTED: Final = 130
# How the names of threads begin that are started and left to themselves; no package's do.
_OWN_THREADS: Final = "stillroom-"

# Each module with the commands that it registers, in the order of the help page. Only what is typed is
# imported: all of them together take a third of a second on a slow core, which an IDE waits for.
MODULES: Final = (
    ("doctor", ("doctor",)),
    ("plan", ("plan",)),
    ("models", ("models",)),
    ("engine", ("up", "status", "logs", "restart", "down")),
    ("calibration", ("calibration",)),
    ("export", ("export",)),
    ("bench", ("bench",)),
    ("ingest", ("ingest",)),
    ("library", ("sources",)),
    ("search", ("search",)),
    ("ask", ("ask",)),
    ("upkeep", ("library",)),
    ("evaluation", ("eval",)),
    ("chat", ("chat",)),
    ("conversations", ("conversations",)),
    ("mcp", ("mcp",)),
    ("jobs", ("jobs",)),
    ("settings", ("settings",)),
    ("demo", ("demo",)),
)


def build_app(word: str = "", *, on_terminal: bool) -> typer.Typer:
    """The application with the command that ``word`` names, or else with all of them.

    Help is drawn with Rich on a terminal and is plain text elsewhere: what draws it takes longer to import
    than everything else that a help page needs.
    """
    app = typer.Typer(
        name="stillroom",
        cls=PlainUsage,
        help="Your own distilled model, your own library, one MCP endpoint.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if on_terminal else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    named = [module for module, commands in MODULES if word in commands]
    for module in named or [module for module, _ in MODULES]:
        importlib.import_module(f"stillroom.cli.{module}").register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stillroom {__version__}")
        raise typer.Exit


def _options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="Read this stillroom.toml instead of the ones looked for.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    context.obj = config


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code.

    ``--debug`` lets a traceback through; without it an error is a message and a hint.
    """
    code = _run(arguments)
    try:
        # What is still in the buffer would otherwise be written when the interpreter ends, and fail there.
        sys.stdout.flush()
    except OSError as exc:
        return _unwritten(exc)
    return code


def _run(arguments: list[str]) -> int:
    output = Output(as_json="--json" in arguments)
    try:
        build_app(arguments[0] if arguments else "", on_terminal=sys.stdout.isatty())(args=arguments)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0
    except KeyboardInterrupt:
        output.note("stopped")
        return INTERRUPTED
    except Exception as exc:
        if "--debug" in arguments:
            raise
        error = _translated(exc, arguments)
        try:
            output.failure(error)
        except OSError as unwritten:
            return _unwritten(unwritten)
        return error.exit_code
    return 0


def _unwritten(exc: OSError) -> int:
    """The exit code where stdout takes nothing more: a message, but none where its reader went away."""
    # The rest of the buffer goes nowhere, so that nothing tries to write it again.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(exc, BrokenPipeError):
        Output().complain(
            EnvironmentUnfitError(f"the output cannot be written: {exc.strerror}", hint="stillroom doctor")
        )
    return EnvironmentUnfitError.exit_code


def _translated(exc: Exception, arguments: list[str]) -> StillroomError:
    """Any exception as one of ours; what no room expected asks for a report."""
    if isinstance(exc, StillroomError):
        return exc
    if isinstance(exc, OSError):
        return EnvironmentUnfitError(f"the system refused: {exc}", hint="stillroom doctor")
    words = shlex.join(arguments)
    return StillroomError(
        f"unexpected {type(exc).__name__}: {exc}",
        hint=f"stillroom --debug {words}, and report what it prints",
    )


def main() -> NoReturn:
    """Run the process's own arguments and exit."""
    if sys.version_info < MINIMUM_PYTHON:
        sys.exit(f"Stillroom needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    # What the terminal's encoding lacks (Chinese on ISO-8859-1, a file name that is no UTF-8) is printed as
    # its escape, which JSON reads back; the default is to fail halfway through a table.
    if sys.stdout is None:  # closed by whoever started us: what is printed goes nowhere
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- open to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    stopped = _stopped_by_signals()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # in a moment when nothing runs yet, or no more
        code = INTERRUPTED
    if code == INTERRUPTED and stopped:
        code = _SIGNALLED + stopped[0]
    # Everything is closed by now. After Ctrl-C an ordinary exit would still wait for the threads of
    # LangGraph's pool, and so for the answer to a request that nobody wants any more.
    if code > _SIGNALLED or _left_behind():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _left_behind() -> bool:
    """Whether a thread of ours is still at work for which nobody waits, such as one that loads packages.

    Python ends such threads where they next come back from native code. Code in C++ may not be ended there
    and aborts the process, as onnxruntime does nearly each time.
    """
    return any(thread.name.startswith(_OWN_THREADS) for thread in threading.enumerate())


def _stopped_by_signals() -> Sequence[int]:
    """Let SIGTERM and SIGHUP end a command by the same way as Ctrl-C, so that engines are stopped.

    What whoever started us had ignored stays so, such as SIGHUP by ``nohup``.

    Returns:
        The numbers of those that came; it grows.
    """
    came: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt

    # Until here Ctrl-C has ended the process without a word, where ``stillroom.__main__`` started it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)
    return came
