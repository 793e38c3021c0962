"""Settings as another process is told them: by variables, with secrets or without.

How they are read is ``stillroom.settings``'s to know.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from stillroom.settings import (
    CONFIG_VARIABLE,
    OWN_CONFIG,
    PREFIX,
    PUBLIC_HUB,
    Settings,
    config_file,
    ollama_url_of,
    own_config,
    setting_names,
)

if TYPE_CHECKING:
    from collections.abc import Collection

# An @ wherever it stands: a password may hold the / at which a proper address would end.
_NAMES_SOMEBODY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*@", re.DOTALL)


class _WithoutVariables(Settings):
    """Settings as a process reads them that has none of our variables."""

    model_config = SettingsConfigDict(env_prefix="NO_VARIABLE_STARTS_LIKE_THIS_")


def as_environment(settings: Settings, *, secrets: Collection[str] | None = None) -> dict[str, str]:
    """The variables by which a child process reads the same settings; secrets are among them.

    Args:
        settings: as they were read here.
        secrets: the names of those that the child needs, addresses that name somebody among them; None for
            all.

    Example:
        >>> from stillroom.settings import load_settings
        >>> as_environment(load_settings({"context_tokens": 4096}))["STILLROOM_CONTEXT_TOKENS"]
        '4096'
    """
    values = {name: getattr(settings, name) for name in setting_names()}
    if secrets is not None:
        values = {
            name: value for name, value in values.items() if name in secrets or not _holds_secret(value)
        }
    return {PREFIX + name.upper(): written(value) for name, value in values.items() if value is not None}


def written(value: object) -> str:
    """A setting's value as a variable has it; a secret in clear."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return os.pathsep.join(map(str, value)) if isinstance(value, tuple) else str(value)


def handed_on(settings: Settings, config: Path | None = None) -> tuple[dict[str, str], tuple[str, ...]]:
    """What a process that somebody else starts has to be told, so that it reads the same settings.

    It has none of this shell's variables, and works in a folder that may be anybody's: it is told which
    file to read, so that it reads no ``stillroom.toml`` that a cloned repository brings.

    Args:
        settings: as they were read here.
        config: the file that a command was told to read.

    Returns:
        The variables that it needs, and the names of secrets that it would need and that are not among them:
        what starts it writes them down, often where others can read. An address with a name or a password in
        it is a secret too.
    """
    path, _, values = config_file(config)
    told = {CONFIG_VARIABLE: str(path.absolute()) if path and path != own_config() else OWN_CONFIG}
    unset = {"hub_url": PUBLIC_HUB, "hub_token": None, "ollama_url": ollama_url_of(""), "visible_gpus": None}
    there = _WithoutVariables(**{**unset, **values})
    differing = [name for name in setting_names() if getattr(settings, name) != getattr(there, name)]
    secret = tuple(name for name in differing if _holds_secret(getattr(settings, name)))
    for name in differing:
        value = getattr(settings, name)
        if name not in secret and value is not None:
            told[PREFIX + name.upper()] = written(_absolute(value))
    return told, secret


def _absolute(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_absolute(item) for item in value)
    return value.expanduser().absolute() if isinstance(value, Path) else value


def _holds_secret(value: object) -> bool:
    """A secret, or an address before whose host somebody is named."""
    return isinstance(value, SecretStr) or (isinstance(value, str) and bool(_NAMES_SOMEBODY.match(value)))
