"""Files of the machine that an engine's container sees: weights and adapters, and under which paths.

Values in, values out. A path of its own inside, because the machine's may lead through folders that the image
keeps to itself, such as ``/root``. Whether a file is there is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from deploy.checkpoints.gguf_parts import part_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from deploy.plan import Plan


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder, by its path outside and inside."""

    outside: str
    inside: str

    def volume(self) -> dict[str, Any]:
        """As an entry of a service's ``volumes``, read-only."""
        return {
            "type": "bind",
            "source": escaped(self.outside),
            "target": escaped(self.inside),
            "read_only": True,
            # By itself Docker makes an empty folder where nothing is.
            "bind": {"create_host_path": False},
        }


def mounts(plan: Plan, weights: Path | None) -> tuple[Mount, ...]:
    """The weights, every part of a split GGUF file among them, and the plan's adapters.

    Raises:
        WeightsError: the weights' name tells of more parts than there can be.
    """
    return tuple(_mounts(plan, weights))


def inside(text: str, mounted: Sequence[Mount]) -> str:
    """A word of a command line, or a Modelfile, with paths as the container sees them.

    Example:
        >>> inside("FROM /home/you/m.gguf", [Mount("/home/you/m.gguf", "/weights/m.gguf")])
        'FROM /weights/m.gguf'
    """
    # The longest first, so that no path is taken for the folder that it lies in.
    for mount in sorted(mounted, key=lambda mount: len(mount.outside), reverse=True):
        text = text.replace(mount.outside, mount.inside)
    return text


def escaped(text: str) -> str:
    """As Compose reads it back: it takes a dollar sign for the start of a variable."""
    return text.replace("$", "$$")


def _mounts(plan: Plan, weights: Path | None) -> Iterable[Mount]:
    if weights is not None:
        for part in part_names(str(weights)):
            yield Mount(part, f"/weights/{PurePath(part).name}")
    for adapter in plan.adapters:
        yield Mount(adapter.path, f"/adapters/{PurePath(adapter.path).name}")
