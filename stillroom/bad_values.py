"""Why a value was refused, in plain words, where pydantic found it bad.

Pure: it reads one of pydantic's error details. It does not know what the value was of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PREFIX = "Value error, "


def needed(detail: ErrorDetails) -> str:
    """What is needed instead, as the end of "it cannot be so: …"; pydantic's words where we have none.

    Example:
        >>> needed({"type": "greater_than_equal", "loc": (), "msg": "", "input": 0, "ctx": {"ge": 1}})
        'at least 1 is needed'
    """
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error" | "enum":
            return f"it may be {limits['expected']}"
        case "greater_than_equal":
            return f"at least {limits['ge']} is needed"
        case "less_than_equal":
            return f"at most {limits['le']} is allowed"
        case "int_parsing" | "int_from_float" | "int_type":
            return "a whole number is needed"
        case "bool_parsing" | "bool_type":
            return "true or false is needed"
        case _:
            return detail["msg"].removeprefix(_PREFIX)
