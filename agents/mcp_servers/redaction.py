"""Keeps secrets out of what is shown, logged and traced: a configuration's values, wherever they turn up.

A server may well write its token into an error message. It does not know where texts come from or go.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|pwd|auth|cookie|credential|session|bearer|private|signature"
    r"|(?:^|[^a-z])(?:api|access|app|account)?[-_.]?key(?![a-z])|(?:^|[-_])pat(?:$|[-_])",
    re.IGNORECASE,
)
# Shorter ones stand in ordinary words; a shorter secret is none.
_SHORTEST_SECRET: Final = 4
_SHORTEST_VALUE: Final = 8
_HIDDEN: Final = "‹hidden›"
# Letters and digits in one piece, as keys are: no path, no address, nothing that a shell would run.
_KEY: Final = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[\w.~+=-]{12,}", re.ASCII)


def is_secret_name(name: str) -> bool:
    """Whether a variable, a header or an option of that name likely holds a secret.

    Example:
        >>> is_secret_name("GITHUB_TOKEN"), is_secret_name("--api-key"), is_secret_name("NODE_ENV")
        (True, True, False)
    """
    return _SECRET_NAME.search(name) is not None


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values that must not be shown.

    Attributes:
        certain: those whose name says that they are secret, with the forms in which they travel.
        possible: all other values of the configuration: hidden in messages, but left in a tool's results,
            where ``production`` is more likely a word than the value of ``NODE_ENV``.
    """

    certain: tuple[str, ...] = field(default=(), repr=False)
    possible: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, values: Mapping[str, str], headers: Mapping[str, str]) -> Secrets:
        """Sort values into secrets and others by their names.

        Args:
            values: environment variables, and those that were put into arguments and addresses.
            headers: of each request.
        """
        certain = [value for name, value in values.items() if is_secret_name(name)]
        for name, value in headers.items():
            if is_secret_name(name):
                # "Bearer abc": the server may tell the second part alone.
                certain += [value, value.partition(" ")[2]]
        possible = [*values.values(), *headers.values()]
        return cls(_longest_first(certain, _SHORTEST_SECRET), _longest_first(possible, _SHORTEST_VALUE))

    def redact(self, text: str) -> str:
        """A message, an error or a log line with every value hidden."""
        return _without(text, (*self.certain, *self.possible))

    def redact_data(self, value: Any) -> Any:  # noqa: ANN401 (any JSON value)
        """A tool's data with the certain secrets hidden."""
        if not self.certain:
            return value
        if isinstance(value, str):
            return self.redact_result(value)
        if isinstance(value, dict):
            return {self.redact_result(key): self.redact_data(member) for key, member in value.items()}
        return [self.redact_data(item) for item in value] if isinstance(value, list) else value

    def redact_result(self, text: str) -> str:
        """A tool's result with the certain secrets hidden."""
        return _without(text, self.certain)


def shown_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """A command's arguments with the keys in them hidden: what follows an option such as ``--token``.

    A person judges a command by this, so nothing is hidden that could be a path, an address or code.

    Example:
        >>> shown_arguments(["--api-key", "abcdef123456", "--token=x9y8z7w6v5u4", "--key", "run me"])
        ('--api-key', '‹hidden›', '--token=‹hidden›', '--key', 'run me')
    """
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_option = argument.startswith("-")
        secret = is_secret_name(name)
        if hide_next and _KEY.fullmatch(argument):
            shown.append(_HIDDEN)
        elif secret and _KEY.fullmatch(value):
            shown.append(f"{name}={_HIDDEN}")
        else:
            shown.append(argument)
        hide_next = is_option and secret and not equals
    return tuple(shown)


def shown_url(url: str) -> str:
    """An address without user and password, and with secret parts of its query hidden.

    Example:
        >>> shown_url("https://me:pw@example.org/mcp?api_key=abc&lang=en")
        'https://example.org/mcp?api_key=‹hidden›&lang=en'
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return _HIDDEN
    query = "&".join(_shown_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def _shown_pair(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}={_HIDDEN}" if is_secret_name(name) and "${" not in value else pair


def _longest_first(values: Iterable[str], shortest: int) -> tuple[str, ...]:
    """The values and the forms in which they travel; a value that holds another one is hidden whole."""
    forms = {
        form
        for value in values
        if len(value) >= shortest
        for form in (value, quote(value, safe=""), quote_plus(value), _base64(value), repr(value)[1:-1])
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _without(text: str, values: Iterable[str]) -> str:
    for value in values:
        text = text.replace(value, _HIDDEN)
    return text
