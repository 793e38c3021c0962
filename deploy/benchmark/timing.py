"""What one request and one round of requests took: frozen values, and the stopwatch that makes them.

Both clients use the same stopwatch, so that taking the time costs them the same. Times are read from
``time.perf_counter``, in seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

ClientName = Literal["raw", "toolkit"]
CLIENTS: tuple[ClientName, ...] = ("raw", "toolkit")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server counted.

    Attributes:
        cached_tokens: of the prompt, that it did not compute again; 0 also where it does not say.
    """

    prompt_tokens: int
    output_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """A request whose answer came to its end.

    Attributes:
        first_token_s: from sending to the first text, of reasoning or of the answer.
        last_token_s: from sending to the last text.
        chunks: how often text came.
        usage: None where the server gave none.
    """

    first_token_s: float
    last_token_s: float
    chunks: int
    usage: Usage | None

    @property
    def output_tokens(self) -> int:
        """As the server counted, else one a chunk: text that came is no answer of 0 tokens."""
        counted = self.usage.output_tokens if self.usage else 0
        return counted or self.chunks

    @property
    def s_per_output_token(self) -> float | None:
        """Between tokens, the first one's wait left out; None for an answer of one token.

        Example:
            >>> Answered(0.5, 1.5, 11, None).s_per_output_token
            0.1
        """
        if self.output_tokens < 2:  # noqa: PLR2004  one token has no time between tokens
            return None
        return (self.last_token_s - self.first_token_s) / (self.output_tokens - 1)


@dataclass(frozen=True, slots=True)
class Failed:
    """A request without a complete answer.

    Attributes:
        status: of HTTP; None where the failure was another.
        reached: whether the server was there.
    """

    reason: str
    status: int | None = None
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """So many requests through one client, so many at once.

    Attributes:
        number: from 0; a round through the raw API and one through the toolkit have the same.
        wall_s: from the first request to the last one's end.
        cpu_s: processor time of this process meanwhile, all threads.
    """

    client: ClientName
    concurrency: int
    number: int
    requests: tuple[Answered | Failed, ...]
    wall_s: float
    cpu_s: float

    @property
    def answered(self) -> tuple[Answered, ...]:
        """The requests that got their answers."""
        return tuple(request for request in self.requests if isinstance(request, Answered))

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The others."""
        return tuple(request for request in self.requests if isinstance(request, Failed))

    @property
    def output_tokens(self) -> int:
        """Of all answers."""
        return sum(request.output_tokens for request in self.answered)

    @property
    def tokens_per_s(self) -> float:
        """All answers' tokens over the whole round, waiting for prompts included."""
        return self.output_tokens / self.wall_s


@dataclass(slots=True)
class Stopwatch:
    """Runs from its making to the last text that it is told of."""

    started: float = field(default_factory=time.perf_counter)
    first: float | None = None
    last: float = 0.0
    chunks: int = 0
    usage: Usage | None = None
    finished: bool = False

    def text_came(self) -> None:
        """Note the time of one chunk of text."""
        self.last = time.perf_counter()
        self.chunks += 1
        if self.first is None:
            self.first = self.last

    def result(self) -> Answered | Failed:
        """What it measured, once the stream has ended."""
        if self.first is None:
            return Failed("the answer has no token")
        if not self.finished:
            return Failed(f"the stream broke off after {self.chunks} chunks of text")
        return Answered(self.first - self.started, self.last - self.started, self.chunks, self.usage)
