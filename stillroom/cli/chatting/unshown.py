"""What of an answer was not shown yet, where markers of its sources were put in after it was written.

Pure; it compares texts.
"""

from __future__ import annotations

import re
from typing import Final

# "[1]", "[1, 2]" or "【1】", which stand for a source; "[1](link)" is Markdown's.
_MARKER: Final = re.compile(r"\[\d{1,3}(?:[ ]?[,，、;][ ]?\d{1,3})*\](?!\()|【\d{1,3}】")


def unshown(answer: str, shown: str) -> str | None:
    """The rest of the answer behind what was shown of it; None where that is no beginning of it.

    Blanks and markers do not count: the check puts markers in, and takes wrong ones out.

    Example:
        >>> unshown("Salt is white [1]. It is sold.", "Salt is white.")
        ' It is sold.'
    """
    wanted = _bare(shown)
    position = matched = 0
    while matched < len(wanted):
        if marker := _MARKER.match(answer, position):
            position = marker.end()
        elif position == len(answer):
            return None
        elif answer[position].isspace():
            position += 1
        elif answer[position] == wanted[matched]:
            position, matched = position + 1, matched + 1
        else:
            return None
    # A marker right behind it belongs to what was shown.
    while shown and (marker := _MARKER.match(answer, position)):
        position = marker.end()
    return answer[position:]


def _bare(text: str) -> str:
    return "".join(_MARKER.sub("", text).split())
