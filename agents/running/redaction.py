"""Secrets taken out of what is written down: those that are known, and what looks like one.

For traces and telemetry, which people send to each other. Pure; it knows no settings: whoever makes a
``Redactor`` hands the known ones over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED: Final = "[redacted]"

# A shorter "secret" is a word such as "none" or "1", and would be taken out of half the texts.
_LEAST_CHARACTERS: Final = 5

# Keys as their makers write them: OpenAI and its likes (sk-), Stripe, GitHub, GitLab, Hugging Face, Slack,
# AWS, Google, npm, PyPI; JSON web tokens; PEM.
_KEYS: Final = re.compile(
    r"\b(?:sk|pk|rk)-[\w-]{16,}"
    r"|\b(?:sk|pk|rk)_(?:live|test)_\w{8,}"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bhf_\w{16,}|\bnpm_\w{20,}|\bpypi-[\w-]{20,}|\bxox[abeoprs]-[\w-]{10,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
)
_SCHEMES: Final = re.compile(r"\b(bearer|basic|digest)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_URL_USER: Final = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@'\"<>]{1,512}@", re.IGNORECASE)
_NAMES: Final = (
    r"authorization|(?:set-)?cookie|(?:x[-_])?api[-_]?key|access[-_]?key|private[-_]?key|credentials?"
    r"|(?:\w{1,30}[-_])?(?:token|secret|password|passwd|pwd)|密码|口令|密钥|令牌"
)
_NAMED: Final = re.compile(
    rf"(?<![\w-])({_NAMES})([\"']?\s*[:=：]\s*[\"']?)([^\s\"',;&]{{4,}})", re.IGNORECASE
)
_FLAG: Final = re.compile(rf"(?<![\w-])(--?(?:{_NAMES})\s+)([^\s\"']{{4,}})", re.IGNORECASE)
_SECRET_KEY: Final = re.compile(rf"(?:.*[-_])?(?:{_NAMES})", re.IGNORECASE)
# Of a text that was cut the last word may be the beginning of a key, too short to be known as one.
_CUT_WORD: Final = re.compile(r"[^\s]{6,512} …$")


class Redactor:
    """Takes secrets out of texts and of values made of texts.

    Args:
        secrets: known ones: keys, passwords, values of environment variables that programs were given.

    Example:
        >>> Redactor(["hunter22"]).text("curl -H 'Authorization: Bearer abcdef123' -u me:hunter22")
        "curl -H 'Authorization: [redacted]' -u me:[redacted]"
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret.strip() for secret in secrets}
        known = {secret for secret in known if len(secret) >= _LEAST_CHARACTERS}
        written = known | {quote(secret, safe="") for secret in known}
        # The longest first: one may be the beginning of another.
        alternatives = "|".join(re.escape(secret) for secret in sorted(written, key=len, reverse=True))
        self._known = re.compile(alternatives) if alternatives else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known:
            text = self._known.sub(REDACTED, text)
        text = _KEYS.sub(REDACTED, text)
        text = _SCHEMES.sub(REDACTED, text)
        text = _URL_USER.sub(rf"\1{REDACTED}@", text)
        text = _NAMED.sub(rf"\1\2{REDACTED}", text)
        text = _FLAG.sub(rf"\1{REDACTED}", text)
        return _CUT_WORD.sub("…", text)

    def value(self, value: object) -> Any:  # noqa: ANN401 - whatever JSON holds
        """A value as JSON has it, without secrets: in texts, in names, and whatever a name says is one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._named(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def _named(self, name: str, value: object) -> object:
        if isinstance(value, str) and value and _SECRET_KEY.fullmatch(name):
            return REDACTED
        return self.value(value)
