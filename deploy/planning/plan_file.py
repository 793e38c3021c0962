"""A plan in a file: what ``stillroom plan --save`` writes and ``stillroom up --plan`` starts.

The file is untrusted when it comes back: people edit and send it. Its form carries a version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.plan import Plan
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

_HINT = "stillroom plan --save PATH"


class _PlanFile(BaseModel):
    """The file's form."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["stillroom-plan"]
    version: Literal[1]
    plan: Plan


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan, over what was there.

    Raises:
        PlanError: the file cannot be written.
    """
    file = _PlanFile(kind="stillroom-plan", version=1, plan=plan)
    try:
        path.write_text(file.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise PlanError(f"the plan cannot be written to {path}: {error.strerror}", hint=_HINT) from error


def load_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        PlanError: the file cannot be read, or holds no plan of this version; the message names the first
            place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"the plan {path} cannot be read: {error}", hint=_HINT) from error
    try:
        return _PlanFile.model_validate_json(text).plan
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "its first character"
        raise PlanError(f"{path} holds no plan: at {place}: {first['msg']}", hint=_HINT) from error
