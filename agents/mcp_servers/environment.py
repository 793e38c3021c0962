"""Which variables of our own environment a server's process is given: what programs need to run, and no more.

The rest holds keys of other services. It does not know what a server's configuration adds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALLOWED: Final = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "TMP", "TEMP",
        # Certificates of a company's proxy; without them no package manager reaches its index.
        "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
        # Windows' own, without which Python and Node do not start there.
        "APPDATA", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "NUMBER_OF_PROCESSORS", "OS",
        "PATHEXT", "PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PUBLIC",
        "SYSTEMDRIVE", "SYSTEMROOT", "USERNAME", "USERPROFILE", "WINDIR",
    }
)  # fmt: skip
_ALLOWED_PREFIXES: Final = ("LC_", "XDG_")


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a child may have.

    Example:
        >>> inherited({"PATH": "/bin", "LC_ALL": "C", "OPENAI_API_KEY": "sk-1"})
        {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {name: value for name, value in environment.items() if _is_allowed(name, value)}


def _is_allowed(name: str, value: str) -> bool:
    # "()" opens a function that bash exported: code, not a value.
    upper = name.upper()
    return (upper in _ALLOWED or upper.startswith(_ALLOWED_PREFIXES)) and not value.startswith("()")
