"""Variables in an ``mcp.json``: ``${NAME}``, ``${NAME:-default}``, ``${env:NAME}``, ``${userHome}``.

Pure: the variables come as a mapping. It does not know where they are from, nor which value is a secret.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_()]*)(?::-(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Variables:
    """What values may refer to.

    Attributes:
        environment: by name; from whoever starts the program.
        home: the person's home folder, ``${userHome}``.
        workspace: the folder that is worked in, ``${workspaceFolder}``.
        used: collects the environment's values that were put in, by name.
    """

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    workspace: Path
    used: dict[str, str] = field(default_factory=dict, repr=False)

    def expand(self, text: str) -> str:
        """The text with its references replaced, once: a value that looks like a reference stays as it is.

        Raises:
            ValueError: a variable is not set and has no default, or a reference is of a kind that only an
                editor can fill in.
        """
        return _REFERENCE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        reference = match[1]
        known = {
            "userHome": str(self.home),
            "workspaceFolder": str(self.workspace),
            "workspaceFolderBasename": self.workspace.name,
            "pathSeparator": os.sep,
            "/": os.sep,
        }
        if reference in known:
            return known[reference]
        if reference.startswith("input:"):
            raise ValueError(f"{match[0]!r} asks the editor for a value; use ${{VARIABLE}} instead")
        named = _NAME.fullmatch(reference)
        if named is None:
            raise ValueError(f"{match[0]!r} is no variable that is known here")
        name, default = named[1], named[2]
        value = self.environment.get(name)
        if value:
            self.used[name] = value
            return value
        if default is not None:
            return default
        if value is None:
            raise ValueError(f"the variable {name} is not set")
        return value
