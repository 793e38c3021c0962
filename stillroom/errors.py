"""Every error that Stillroom shows a person, in one tree.

StillroomError                  1  any failure that a person can act on
├── SettingsError               1  a setting has an unknown name or a bad value
├── MissingExtraError           1  an optional package is not installed
├── EnvironmentUnfitError       1  wrong Python, no space, no permission
├── PlanError                   1  a model, quantization or workload that the planner does not know
│   └── NothingFitsError        3  every candidate was rejected
├── WeightsError                1  weights cannot be found, fetched or verified
├── EngineError                 1  an engine cannot do what was asked
│   ├── EngineUnavailableError  1  it is not installed or not reachable
│   ├── PortTakenError          1  another program listens where the engine should
│   └── EngineStartError        1  it started and died, or was not ready in time
│       └── EngineMemoryError   1  because its memory did not suffice
├── LibraryError                1  the private library
│   ├── LibraryBusyError        1  another process writes to it
│   ├── LibraryDamagedError     1  its files do not agree or cannot be read
│   ├── LibraryEmptyError       1  nothing was ingested yet
│   ├── LibraryOutdatedError    1  its indexes were made in another way than is in use
│   └── ParseError              1  a document yields no text
├── ConversationError           1  a kept conversation, or the file of them
│   └── ConversationBusyError   1  somebody else has it open
├── ModelError                  1  the model's answer cannot be used
├── ToolError                   1  a tool refused its arguments or failed
└── McpError                    1  an MCP server or client failed
    └── JobError                1  long work that the MCP server was asked for, or the file of it

The number is the process's exit code (0 success, 1 our error, 2 usage, 3 nothing fits).
Foreign exceptions become one of these once, at the edge where they appear, with ``raise … from``.
"""

from __future__ import annotations

from typing import ClassVar


class StillroomError(Exception):
    """A failure with a message, and a hint that names the next command or setting.

    Args:
        message: one line that names the value seen and the value needed.
        hint: what to do next, usually a command; empty where there is nothing to do.

    Example:
        >>> str(PortTakenError("port 8080 is taken by pid 41", hint="stillroom up --port 0"))
        'port 8080 is taken by pid 41'
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SettingsError(StillroomError):
    """A setting has an unknown name or a bad value; the message names the file and line, or the variable."""


class MissingExtraError(StillroomError):
    """An optional package is not installed.

    Args:
        package: the import name that is missing.
        extra: the extra of ``stillroom`` that brings it.
        purpose: what it is needed for, as the end of "… is needed to".
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"the package {package!r} is needed to {purpose}, and it is not installed",
            hint=f"pip install 'stillroom[{extra}]'",
        )
        self.package = package
        self.extra = extra


class EnvironmentUnfitError(StillroomError):
    """The machine lacks something that no setting of ours replaces: Python's version, space, permission."""


class PlanError(StillroomError):
    """A model, quantization or workload that the planner does not know."""


class NothingFitsError(PlanError):
    """Every candidate was rejected; the message carries the smallest shortfall."""

    exit_code: ClassVar[int] = 3


class WeightsError(StillroomError):
    """Weights cannot be found, fetched or verified."""


class EngineError(StillroomError):
    """An engine cannot do what was asked of it."""


class EngineUnavailableError(EngineError):
    """The engine is not installed or not reachable."""


class PortTakenError(EngineError):
    """Another program listens on the port that the engine should have."""


class EngineStartError(EngineError):
    """The engine started and died, or was not ready before its deadline."""


class EngineMemoryError(EngineStartError):
    """The engine ended because its memory did not suffice for what was asked of it.

    Args:
        context_tokens: the longest context that the engine said would fit; None where it said nothing.
    """

    def __init__(self, message: str, *, hint: str = "", context_tokens: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.context_tokens = context_tokens


class LibraryError(StillroomError):
    """The private library cannot do what was asked of it."""


class LibraryBusyError(LibraryError):
    """Another process holds the library's write lock."""


class LibraryDamagedError(LibraryError):
    """The library's files cannot be read or do not agree with each other."""


class LibraryEmptyError(LibraryError):
    """Nothing was ingested yet."""


class LibraryOutdatedError(LibraryError):
    """The indexes were made by another embedder or version; they can be made anew from the stored text."""


class ParseError(LibraryError):
    """A document yields no text: unreadable, damaged, encrypted, or of an unknown format."""


class ConversationError(StillroomError):
    """A kept conversation cannot be opened, read or named like that."""


class ConversationBusyError(ConversationError):
    """Another process, or another part of this one, has the conversation open."""


class ModelError(StillroomError):
    """The model's answer cannot be used, or the endpoint refused the request."""


class ToolError(StillroomError):
    """A tool refused its arguments or failed; the agent gives the message back to the model."""


class McpError(StillroomError):
    """An MCP server or client failed."""


class JobError(McpError):
    """Long work that the MCP server was asked for is not there, is too much, or cannot be kept."""
