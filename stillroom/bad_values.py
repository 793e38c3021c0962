"""Why a value was refused, in plain words, where pydantic found it bad.

Pure: it reads one of pydantic's error details. It does not know what the value was of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PREFIX: Final = "Value error, "
_KINDS: Final = {
    **dict.fromkeys(("int_parsing", "int_from_float", "int_type"), "a whole number is needed"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false is needed"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "an object is needed"),
    "string_type": "a text is needed",
}


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
        case _:
            return _KINDS.get(detail["type"]) or detail["msg"].removeprefix(_PREFIX)
