"""Whose files are meant: the system, its variables, the person's home and the project.

Paths of clients are functions of this and of nothing else, so that those of every system can be tested on
any. It reads neither the environment nor the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

System = Literal["linux", "macos", "windows"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    r"""One person's machine, as far as paths depend on it.

    Attributes:
        system: which one.
        home: the person's own folder.
        project: the folder whose project files are meant.
        environment: the variables.

    Example:
        >>> windows = Surroundings.of("windows", home=r"C:\Users\me", project=r"C:\work")
        >>> str(windows.settings("Code"))
        'C:\\Users\\me\\AppData\\Roaming\\Code'
    """

    system: System
    home: PurePath
    project: PurePath
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, system: System, *, home: str, project: str, environment: Mapping[str, str] | None = None
    ) -> Surroundings:
        """The same from texts, with paths as the system writes them."""
        flavour = PureWindowsPath if system == "windows" else PurePosixPath
        return cls(system, flavour(home), flavour(project), environment or {})

    def named(self, variable: str) -> PurePath | None:
        """The path that a variable holds; None where it is not set or empty."""
        value = self.environment.get(variable)
        return type(self.home)(value) if value else None

    def settings(self, *parts: str) -> PurePath:
        """Below the folder where desktop programs keep a person's settings."""
        if self.system == "macos":
            return self.home.joinpath("Library", "Application Support", *parts)
        if self.system == "windows":
            roaming = self.named("APPDATA") or self.home.joinpath("AppData", "Roaming")
            return roaming.joinpath(*parts)
        return self.xdg(*parts)

    def packaged(self, package: str, *parts: str) -> PurePath:
        """Below the folder where a packaged program of Windows finds its settings."""
        local = self.named("LOCALAPPDATA") or self.home.joinpath("AppData", "Local")
        return local.joinpath("Packages", package, "LocalCache", "Roaming", *parts)

    def xdg(self, *parts: str) -> PurePath:
        """Below ``~/.config``, or where ``XDG_CONFIG_HOME`` says on Linux."""
        named = self.named("XDG_CONFIG_HOME") if self.system == "linux" else None
        return (named or self.home.joinpath(".config")).joinpath(*parts)
