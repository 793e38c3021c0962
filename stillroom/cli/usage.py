"""The group of all commands, which says in plain words what is wrong with an option's value.

Typer checks values by pydantic and shows its words. It knows no command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from stillroom.bad_values import needed

if TYPE_CHECKING:
    from pydantic import ValidationError


class PlainUsage(TyperGroup):
    """The root of the commands."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- Typer's own signature
        """Run the command that was typed.

        Raises:
            BadParameter: an option's value cannot be one; the message says what is needed.
        """
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from pydantic import ValidationError

            if isinstance(error.__cause__, ValidationError):
                error.message = _said(error.__cause__)
            raise


def _said(error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    # Typer's own refusals, such as of a choice, name the value themselves.
    return needed(detail) if detail["type"] == "value_error" else f"{detail['input']!r}: {needed(detail)}"
