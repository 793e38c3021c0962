"""What the rounds of a benchmark say: each client's figures at each concurrency, and the toolkit's overhead.

Pure: rounds in, frozen values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deploy.benchmark.spread import Spread, median_interval, spread
from deploy.benchmark.timing import CLIENTS, ClientName, Round

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The targets: the issue that asked for this benchmark.
MOST_TOKENS_PER_S_RATIO = 1.03
MOST_FIRST_TOKEN_MS = 10.0

Verdict = Literal["met", "missed", "unclear"]


@dataclass(frozen=True, slots=True)
class ClientFigures:
    """One client at one concurrency; None where no answer gives the figure.

    Attributes:
        answered: requests with a complete answer.
        failed: the others.
        prompt_tokens: of all answered requests together; 0 where the server does not count.
        cached_tokens: of these, that the server did not compute again.
        output_tokens: of all answers together.
        counted_by_server: else a chunk of text counts as a token.
        first_token_ms: of each request, from sending it to its first text.
        per_token_ms: of each request, between its first and its last text.
        tokens_per_s: of each round, all its output tokens over its whole time.
        cpu_ms_per_token: of each round, the processor time that the client itself took.
    """

    answered: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    counted_by_server: bool
    first_token_ms: Spread | None
    per_token_ms: Spread | None
    tokens_per_s: Spread | None
    cpu_ms_per_token: Spread | None


@dataclass(frozen=True, slots=True)
class Overhead:
    """What the toolkit costs beside the raw API, of pairs of rounds in which nothing failed.

    Attributes:
        tokens_per_s_ratio: raw over toolkit: 1.03 where the raw API is 3 % faster.
        first_token_difference_ms: the toolkit's median less the raw one's, in each pair.
        cpu_difference_ms_per_token: the processor time that it takes more, which what else runs on the
            machine hardly changes; a token is delayed by about that much where the engine has no other core.
    """

    tokens_per_s_ratio: Spread
    first_token_difference_ms: Spread
    cpu_difference_ms_per_token: Spread
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Level:
    """All that was measured at one concurrency.

    Attributes:
        overhead: None before there is a pair of rounds.
    """

    concurrency: int
    raw: ClientFigures
    toolkit: ClientFigures
    overhead: Overhead | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Requests of one client at one concurrency that failed for one reason."""

    client: ClientName
    concurrency: int
    reason: str
    count: int


def levels(rounds: Sequence[Round]) -> tuple[Level, ...]:
    """The figures of each concurrency, in the order in which they were measured."""
    found = dict.fromkeys(each.concurrency for each in rounds)
    return tuple(_level(level, [each for each in rounds if each.concurrency == level]) for level in found)


def failures(rounds: Sequence[Round]) -> tuple[Failure, ...]:
    """What went wrong, and how often."""
    counts: dict[tuple[ClientName, int, str], int] = {}
    for each in rounds:
        for failed in each.failed:
            key = each.client, each.concurrency, failed.reason
            counts[key] = counts.get(key, 0) + 1
    return tuple(Failure(*key, count) for key, count in counts.items())


def verdict(tokens_per_s_ratios: Sequence[float], first_token_differences_ms: Sequence[float]) -> Verdict:
    """Whether both medians meet their targets, by the figures of each pair of rounds.

    Missed where one median is above its target with 95 % confidence, met where both are within; unclear
    between, and with fewer pairs than give such confidence.

    Example:
        >>> verdict([1.01, 1.02, 1.0, 0.99, 1.01, 1.02], [1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
        'met'
    """
    judged = [
        (median_interval(values), spread(values), most)
        for values, most in (
            (tokens_per_s_ratios, MOST_TOKENS_PER_S_RATIO),
            (first_token_differences_ms, MOST_FIRST_TOKEN_MS),
        )
    ]
    if any(interval is None for interval, _, _ in judged):
        return "unclear"
    if any(interval is not None and interval[0] > most for interval, _, most in judged):
        return "missed"
    return "met" if all(seen is not None and seen.median <= most for _, seen, most in judged) else "unclear"


def _level(concurrency: int, rounds: Sequence[Round]) -> Level:
    by_client = {client: [each for each in rounds if each.client == client] for client in CLIENTS}
    return Level(
        concurrency=concurrency,
        raw=_figures(by_client["raw"]),
        toolkit=_figures(by_client["toolkit"]),
        overhead=_overhead(
            {each.number: each for each in by_client["raw"]},
            {each.number: each for each in by_client["toolkit"]},
        ),
    )


def _figures(rounds: Sequence[Round]) -> ClientFigures:
    answers = [answer for each in rounds for answer in each.answered]
    usages = [answer.usage for answer in answers if answer.usage]
    waits = [answer.s_per_output_token for answer in answers]
    productive = [each for each in rounds if each.output_tokens]
    return ClientFigures(
        answered=len(answers),
        failed=sum(len(each.failed) for each in rounds),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        output_tokens=sum(answer.output_tokens for answer in answers),
        counted_by_server=len(usages) == len(answers),
        first_token_ms=spread(1000 * answer.first_token_s for answer in answers),
        per_token_ms=spread(1000 * wait for wait in waits if wait is not None),
        tokens_per_s=spread(each.tokens_per_s for each in productive),
        cpu_ms_per_token=spread(_cpu_ms_per_token(each) for each in productive),
    )


def _overhead(raw: Mapping[int, Round], toolkit: Mapping[int, Round]) -> Overhead | None:
    pairs = [
        (raw[number], toolkit[number])
        for number in raw.keys() & toolkit.keys()
        if not raw[number].failed and not toolkit[number].failed
    ]
    ratios = [one.tokens_per_s / other.tokens_per_s for one, other in pairs]
    differences = [_first_token_ms(other) - _first_token_ms(one) for one, other in pairs]
    ratio, difference = spread(ratios), spread(differences)
    cpu = spread(_cpu_ms_per_token(other) - _cpu_ms_per_token(one) for one, other in pairs)
    if ratio is None or difference is None or cpu is None:
        return None
    return Overhead(ratio, difference, cpu, verdict(ratios, differences))


def _cpu_ms_per_token(each: Round) -> float:
    return 1000 * each.cpu_s / each.output_tokens


def _first_token_ms(each: Round) -> float:
    seen = spread(1000 * answer.first_token_s for answer in each.answered)
    if seen is None:
        raise ValueError("a round without requests has no time to a first token")
    return seen.median
