"""A server's address as a person is shown it: without the name and password that may stand in it.

Pure; it knows no server, and does not know where the address is shown.
"""

from __future__ import annotations


def shown_address(url: str) -> str:
    """A server's address as messages, logs and files show it: without a name and password.

    Example:
        >>> shown_address("https://me:hush@box.example/v1")
        'https://box.example/v1'
    """
    scheme, found, rest = url.partition("://")
    # Whatever is before the last @: a password may hold the / at which a proper address would end.
    return f"{scheme}{found}{rest.rpartition('@')[2]}"
