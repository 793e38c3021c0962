"""Figures of a measurement of tool calling: rates by category and language, for each way of calling.

Values in, values and lines of text out. A rate is of the cases that it can be told of: right tools where a
call is right, right refusals where none is, validity where something was called.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.toolcalling_cases import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.calling.way import CallingWay
    from bench.toolcalling_cases import Case
    from bench.toolcalling_scoring import Score

_P95: Final = 0.95
RATES: Final = ("valid", "right_tool", "right_arguments", "right_refusal")
_TITLES: Final = {
    "valid": "valid calls",
    "right_tool": "right tool",
    "right_arguments": "right arguments",
    "right_refusal": "right refusals",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One case, one way.

    Attributes:
        error: why no reply came: the server refused, or the tools did not fit its context; else empty.
        shown: the calls, the answer or the raw reply, in short.
    """

    case: Case
    way: CallingWay
    score: Score
    requests: int
    seconds: float
    shown: str
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the data; what was right in it needs no reason."""
        verdicts = {name: getattr(self.score, name) for name in RATES}
        told = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
        row = {"id": self.case.id, "way": self.way, **told, "requests": self.requests}
        row |= {"seconds": round(self.seconds, 2), "reply": self.shown}
        why = self.error or self.score.why
        return {**row, "why": why[:200]} if why else row


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """All figures: for each way those of all cases, of each category and of each language; then ratios."""
    ways = list(dict.fromkeys(row.way for row in rows))
    of_ways = {way: _of_way([row for row in rows if row.way == way]) for way in ways}
    result: dict[str, Any] = {"ways": of_ways}
    if {"constrained", "prompted"} <= set(ways):
        result["constrained/prompted"] = {
            rate: _ratio(of_ways["constrained"]["all"][rate], of_ways["prompted"]["all"][rate])
            for rate in RATES
        }
    return result


def lines(figures: dict[str, Any]) -> Iterable[str]:
    """The figures as a table for a terminal, and for a page of Markdown."""
    yield "| way | cases | valid calls | right tool | right arguments | right refusals | requests | seconds |"
    yield "|---|---|---|---|---|---|---|---|"
    for way, of_way in figures["ways"].items():
        for group in ("all", *of_way["by_language"], *of_way["by_category"]):
            found = (of_way["by_language"] | of_way["by_category"] | {"all": of_way["all"]})[group]
            name = f"**{way}**" if group == "all" else f"{way}, {group}"
            rates = " | ".join(_shown(found[rate]) for rate in RATES)
            pace = f"{found['requests_per_case']:.2f} | {found['seconds_per_case']:.2f}"
            yield f"| {name} | {found['cases']} | {rates} | {pace} |"
    for way, of_way in figures["ways"].items():
        if of_way["errors"]:
            yield f"{way}: {of_way['errors']} cases had no reply: {of_way['first_error']}"
    if ratios := figures.get("constrained/prompted"):
        first, second = (figures["ways"][way]["all"] for way in ("constrained", "prompted"))
        for rate, ratio in ratios.items():
            both = f"{_shown(first[rate])} constrained, {_shown(second[rate])} prompted"
            yield f"{_TITLES[rate]}: {both}" + (f" (×{ratio:g})" if ratio is not None else "")


def _of_way(rows: Sequence[Row]) -> dict[str, Any]:
    errors = [row.error for row in rows if row.error]

    def grouped(key: Callable[[Row], str], order: Iterable[str]) -> dict[str, Any]:
        groups = {name: [row for row in rows if key(row) == name] for name in order}
        return {name: _figures(group) for name, group in groups.items() if group}

    return {
        "all": _figures(rows),
        "by_category": grouped(lambda row: row.case.category, CATEGORIES),
        "by_language": grouped(lambda row: row.case.language, ("en", "zh")),
        "seconds_per_case_p95": round(_quantile([row.seconds for row in rows], _P95), 2),
        "errors": len(errors),
        "first_error": errors[0] if errors else "",
    }


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    found: dict[str, Any] = {"cases": len(rows), "attempted": sum(row.score.attempted for row in rows)}
    for rate in RATES:
        verdicts = [verdict for row in rows if (verdict := getattr(row.score, rate)) is not None]
        found[rate] = round(sum(verdicts) / len(verdicts), 3) if verdicts else None
    found["requests_per_case"] = round(statistics.mean(row.requests for row in rows), 2)
    found["seconds_per_case"] = round(statistics.median(row.seconds for row in rows), 2)
    return found


def _quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share does not exceed."""
    return sorted(values)[max(0, round(share * len(values)) - 1)]


def _ratio(first: float | None, second: float | None) -> float | None:
    """None where either is not known, or the second is 0."""
    return round(first / second, 2) if first is not None and second else None


def _shown(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"
