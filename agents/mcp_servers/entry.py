"""One server's entry of an ``mcp.json``, as it stands there: untrusted, checked, nothing expanded.

Clients share these files and each has keys of its own; unknown ones are left alone, unless they look like a
known one misspelt.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

_HTTP_TYPES: Final = ("http", "streamable-http", "streamableHttp", "streamable_http")
# Cline and Roo count the timeout of a call in seconds, up to an hour; others in milliseconds.
_MOST_SECONDS: Final = 3600
_KNOWN: Final = (
    *("type", "command", "args", "env", "envFile", "cwd", "url", "serverUrl", "httpUrl", "headers"),
    *("disabled", "timeout", "alwaysAllow", "autoApprove"),
)
# What people write who know the thing and not the key; no client that we know of has them.
_OTHER_WORDS: Final = {
    "cmd": "command",
    "arguments": "args",
    "environment": "env",
    "workdir": "cwd",
    "workingdirectory": "cwd",
    "uri": "url",
}
# Keys of other clients that are no misspelling of ours.
_FOREIGN: Final = frozenset({"dev", "disabledTools", "enabled", "enabledTools", "autoStart"})


class ServerEntry(BaseModel):
    """The keys that are understood; values of ``env`` and ``headers`` never show in a ``repr``."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, hide_input_in_errors=True)

    type: str | None = None
    command: str | None = Field(None, min_length=1)
    args: list[str] = Field(default_factory=list)
    env: dict[str, SecretStr | int | float | bool | None] = Field(default_factory=dict)
    env_file: str | None = Field(None, alias="envFile")
    cwd: str | None = None
    url: str | None = Field(None, validation_alias=AliasChoices("url", "serverUrl", "httpUrl"))
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    disabled: bool = False
    timeout: float | None = Field(None, gt=0)
    always_allow: list[str] = Field(
        default_factory=list, validation_alias=AliasChoices("alwaysAllow", "autoApprove")
    )

    @property
    def call_seconds(self) -> float | None:
        """What one call may take, in seconds."""
        if self.timeout is None:
            return None
        return self.timeout if self.timeout <= _MOST_SECONDS else self.timeout / 1000

    def env_texts(self) -> dict[str, str]:
        """The variables as text; one that is null is left out."""
        return {name: _text(value) for name, value in self.env.items() if value is not None}

    def header_texts(self) -> dict[str, str]:
        """The headers as text."""
        return {name: value.get_secret_value() for name, value in self.headers.items()}

    @model_validator(mode="after")
    def _one_way_to_reach_it(self) -> Self:
        if self.type == "sse":
            raise ValueError(
                'type "sse" is the transport that streamable HTTP replaced, and is not spoken here; '
                'most such servers offer "http" too, often at /mcp'
            )
        if self.type is not None and self.type not in ("stdio", *_HTTP_TYPES):
            raise ValueError(f"type {self.type!r} is unknown; it may be stdio or http")
        if (self.command is None) == (self.url is None):
            raise ValueError("it needs either command (a program to start) or url (streamable HTTP)")
        if self.type is not None and (self.type == "stdio") != (self.command is not None):
            needed = "command" if self.type == "stdio" else "url"
            raise ValueError(f"type {self.type!r} needs {needed}")
        if self.url is not None and not self.url.startswith(("http://", "https://", "${")):
            raise ValueError("url must begin with http:// or https://")
        if self.env_file is not None:
            raise ValueError("envFile is not read; name the variables under env, as ${NAME} where secret")
        return self


def read_entry(value: object) -> ServerEntry:
    """The entry, checked.

    Raises:
        ValueError: a key is misspelt, or a value is not what it must be; the message names both, but no value
            of ``env`` or ``headers``.
    """
    if not isinstance(value, dict):
        raise ValueError(f"it must be an object, not {type(value).__name__}")  # noqa: TRY004 (data, not code)
    # First: without the key that is misspelt, pydantic would complain of one that seems to be missing.
    for key in map(str, value):
        if key not in _FOREIGN and (near := _meant(key)):
            raise ValueError(f"the key {key!r:.80} is unknown; did you mean {near!r}?")
    try:
        return ServerEntry.model_validate(value)
    except ValidationError as error:
        raise ValueError("; ".join(_complaints(error, value))) from error


def misspelt(key: str, known: Sequence[str]) -> str:
    """The known key that an unknown one looks like, or empty.

    Example:
        >>> misspelt("comand", ["command", "args"])
        'command'
    """
    if key in known:
        return ""
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(key.lower(), by_lower, n=1, cutoff=0.8)
    return by_lower[near[0]] if near else ""


def _meant(key: str) -> str:
    """The key that an unknown one was meant for, or empty: it may be another client's."""
    return misspelt(key, _KNOWN) or _OTHER_WORDS.get(key.lower(), "")


def _complaints(error: ValidationError, value: dict[str, object]) -> list[str]:
    """One phrase for each bad value, with the value where it cannot be a secret."""
    complaints = []
    for detail in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in detail["loc"]]
        message = detail["msg"].removeprefix("Value error, ")
        if not path:
            complaints.append(message)
            continue
        key = path[0]
        shown = "" if key in {"env", "headers", "args"} else f" = {value.get(key)!r:.80}"
        # Of a union pydantic complains once for each member; the names of those are its last part.
        name = ".".join(path[:2]) if key in {"env", "headers"} else ".".join(path)
        complaints.append(f"{name}{shown}: {message}")
    return list(dict.fromkeys(complaints))


def _text(value: SecretStr | float | bool) -> str:  # noqa: FBT001 (a value of JSON)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)
