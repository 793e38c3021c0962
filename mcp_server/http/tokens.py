"""The bearer tokens of the HTTP server: one small file of their digests, which only its owner may read.

A token is shown once, when it is made; what is kept tells it apart from others and cannot be turned back into
it. It knows nothing of requests.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from deploy.rewritten_file import RewrittenFile
from mcp_server.callers import LOCAL, SCOPES, Scope
from stillroom.bad_values import needed
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from pathlib import Path

# The second has tokens that expire: a Stillroom that knows no such thing would let them in for ever.
_PLAIN_VERSION: Final = 1
_VERSION: Final = 2
_MOST_BYTES: Final = 1_000_000
# 256 bits: a digest without salt or stretching is enough for what nobody can guess.
_RANDOM_BYTES: Final = 32
# Scanners for leaked secrets look for a prefix; so does a person who finds one in a file.
_PREFIX: Final = "stillroom_"
# Of a token that a person made up; those made here are longer.
SHORTEST_CHARACTERS: Final = 24
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# The owner of jobs that are started with the token of the environment.
ENVIRONMENT: Final = "environment"


_MAKE: Final = "stillroom mcp token add NAME"
_NAMED: Final = f"--tokens takes a file that this made: {_MAKE} --tokens FILE"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept of a token.

    Attributes:
        name: whose it is; jobs belong to that name.
        scopes: what its holder may do.
        sha256: of the token, in hexadecimal.
        created_at: ISO 8601; empty for one of the environment.
        expires_at: from when on it is refused, in UTC; None for never.
    """

    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    created_at: str
    expires_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class _File:
    version: Annotated[int, Field(ge=_PLAIN_VERSION)]
    tokens: tuple[TokenRecord, ...]


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The tokens in a file, which need not be there yet.

    Args:
        path: only its owner may read it.
    """

    path: Path

    def read(self, *, must_be_there: bool = False) -> tuple[TokenRecord, ...]:
        """The records, oldest first; none where there is no file.

        Args:
            must_be_there: somebody named the file: a server whose file is misspelt would ask nobody.

        Raises:
            McpError: it is no file of tokens, is damaged or cannot be read, or others may read it.
        """
        try:
            records = _records(self.path, self._file.read(hint=_NAMED))
            # Last: who named a file of another kind must not be told to change its mode.
            refuse_others(self.path)
        except FileNotFoundError as error:
            if must_be_there:
                hint = f"to make it: {_MAKE} --tokens {self.path}"
                raise McpError(f"there is no file of tokens {self.path}", hint=hint) from error
            return ()
        return records

    def add(
        self, name: str, scopes: Collection[Scope], *, now: datetime, expires_at: datetime | None = None
    ) -> str:
        """Make a token and keep its digest; the token itself is nowhere but in what is returned.

        Every token may read, whatever else it may. Without ``expires_at`` it stays good until it is revoked.

        Raises:
            McpError: the name cannot be used or is taken, or the file cannot be read or written.
        """
        if trouble := name_trouble(name):
            raise McpError(trouble, hint="stillroom mcp token add laptop")
        token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        made = now.isoformat(timespec="seconds")
        record = TokenRecord(name, with_read(scopes), digest(token), made, expires_at)
        with self._file.locked():
            records = self.read()
            if any(other.name == name for other in records):
                raise McpError(
                    f"there is a token {name!r} already", hint=f"stillroom mcp token revoke {name}"
                )
            self._write((*records, record))
        return token

    def revoke(self, name: str) -> TokenRecord:
        """Forget a token: from now on nobody is let in with it.

        Raises:
            McpError: there is none of that name, or the file cannot be read or written.
        """
        with self._file.locked():
            records = self.read()
            kept = tuple(record for record in records if record.name != name)
            if len(kept) == len(records):
                names = ", ".join(record.name for record in records) or "none"
                raise McpError(
                    f"there is no token {name!r}; there are: {names}", hint="stillroom mcp token list"
                )
            self._write(kept)
        return next(record for record in records if record.name == name)

    def _write(self, records: tuple[TokenRecord, ...]) -> None:
        version = _VERSION if any(record.expires_at for record in records) else _PLAIN_VERSION
        # What is not said is not written: files without such tokens stay as every version reads them.
        self._file.write(
            TypeAdapter(_File).dump_json(_File(version, records), indent=1, exclude_defaults=True)
        )

    @property
    def _file(self) -> RewrittenFile:
        return RewrittenFile(self.path, _MOST_BYTES, McpError)


def _records(path: Path, content: bytes) -> tuple[TokenRecord, ...]:
    """What the file holds; nothing of a file of another kind is repeated.

    Raises:
        McpError: it is no file of tokens, is damaged, or a newer Stillroom wrote it.
    """
    try:
        value = json.loads(content)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise McpError(f"{path} is no file of tokens: it is not JSON at {where}", hint=_NAMED) from error
    except (ValueError, RecursionError) as error:
        raise McpError(f"{path} is no file of tokens: it is not JSON", hint=_NAMED) from error
    if not (isinstance(value, dict) and isinstance(value.get("tokens"), list)):
        raise McpError(f"{path} is no file of tokens: it has no list of 'tokens'", hint=_NAMED)
    version = value.get("version")
    if isinstance(version, int) and version > _VERSION:
        raise McpError(
            f"{path} has version {version}, and up to {_VERSION} is read: a newer Stillroom wrote it",
            hint=f"install that Stillroom here, or make another file: {_MAKE} --tokens FILE",
        )
    try:
        file = TypeAdapter(_File).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise McpError(
            f"{path} is damaged at {place or 'its beginning'}: {needed(first)}",
            hint=f"mend that place, or move the file away and make the tokens again: {_MAKE}",
        ) from error
    return file.tokens


def digest(token: str) -> str:
    """What is kept of a token.

    Example:
        >>> digest("a")[:8]
        'ca978112'
    """
    return sha256(token.encode("utf-8", errors="surrogatepass")).hexdigest()


def holder(token: str, records: Iterable[TokenRecord]) -> TokenRecord | None:
    """Whose token it is; each record is compared, in the same time whether it fits or not."""
    presented = digest(token)
    found = None
    for record in records:
        if hmac.compare_digest(presented, record.sha256):
            found = record
    return found


def with_read(scopes: Collection[str]) -> tuple[Scope, ...]:
    """The scopes in their own order, reading always among them.

    Example:
        >>> with_read(["agent"])
        ('read', 'agent')
    """
    return tuple(scope for scope in SCOPES if scope == "read" or scope in scopes)


def environment_record(token: str, scopes: Collection[str]) -> TokenRecord:
    """The record of a token that the environment gives.

    Raises:
        McpError: it is so short that it could be guessed.
    """
    if len(token) < SHORTEST_CHARACTERS:
        raise McpError(
            f"the variable STILLROOM_MCP_TOKEN has {len(token)} characters; at least {SHORTEST_CHARACTERS}"
            " are needed",
            hint="openssl rand -base64 32",
        )
    return TokenRecord(ENVIRONMENT, with_read(scopes), digest(token), "")


def refuse_others(path: Path) -> None:
    """Return if nobody but its owner may read the file.

    Raises:
        McpError: others may.
        OSError: it is not there, or cannot be looked at.
    """
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        raise McpError(
            f"{path} may be read by others (its mode is {mode:04o}, and 0600 is needed)",
            hint=f"chmod 600 {path}",
        )


def name_trouble(name: str) -> str:
    """Why the name cannot be a token's; empty where it can.

    Example:
        >>> name_trouble("local")
        "the name 'local' is taken by whoever has no token of a file"
    """
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot name a token: letters, digits, '_', '.' and '-' are taken, at most 64"
    if name in {LOCAL.name, ENVIRONMENT}:
        return f"the name {name!r} is taken by whoever has no token of a file"
    return ""
