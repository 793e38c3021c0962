"""Run a benchmark: warm the endpoint up, then send rounds of requests through both clients in turn.

Threads, for both clients alike: the library and the agent call the chat model synchronously, and reading a
raw stream token by token took 0.26 ms of processor time a token in threads against 0.52 ms with asyncio
(embedded engine on two busy cores, 2026-11-26). It computes no figures and prints nothing.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import TYPE_CHECKING, Final, Protocol, Self

from deploy.benchmark.raw_api import RawApi
from deploy.benchmark.timing import CLIENTS, Answered, ClientName, Failed, Round
from deploy.benchmark.toolkit import Toolkit
from deploy.benchmark.workload import FEWEST_WORDS, TokensPerWord, prompt
from stillroom.errors import EngineUnavailableError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from deploy.benchmark.workload import BenchWorkload
    from deploy.endpoint import Endpoint

_TRIAL_TOKENS: Final = 4
_TRIAL_WORDS: Final = (FEWEST_WORDS, FEWEST_WORDS + 50)
_WARM_UP_TOKENS: Final = 8

# What servers answer to a field that they do not know or do not take.
_REFUSED: Final = (400, 422)


class Client(Protocol):
    """Something that a prompt can be sent through."""

    def ask(self, prompt: str, *, output_tokens: int, stop: Event) -> Answered | Failed:
        """Send the prompt and wait for the whole answer."""


class Benchmark:
    """One benchmark of one endpoint; leaving the context closes its connections.

    Args:
        timeout_seconds: of each wait for the server.
        first_number: of its prompts: another one each time, so that no server remembers them.

    Example:
        >>> with Benchmark(endpoint, workload, timeout_seconds=300, first_number=0) as benchmark:
        ...     benchmark.warm_up()
        ...     rounds = list(benchmark.rounds())  # doctest: +SKIP
    """

    def __init__(
        self, endpoint: Endpoint, workload: BenchWorkload, *, timeout_seconds: float, first_number: int
    ) -> None:
        self._endpoint = endpoint
        self._workload = workload
        self._timeout_seconds = timeout_seconds
        self._numbers = itertools.count(first_number)
        self._words = workload.prompt_tokens
        self._clients: dict[ClientName, Client] = {}
        self._stack = ExitStack()
        self._stop = Event()
        # Ollama has no such option.
        self.ignores_eos = endpoint.engine != "ollama"

    def warm_up(self) -> None:
        """Learn how long prompts become and what the server takes, and let both clients ask once unmeasured.

        Raises:
            EngineUnavailableError: nothing answers there.
            ModelError: the prompts and answers do not fit into its context, or a trial request fails.
        """
        _require_room(self._endpoint, self._workload)
        self._open_clients()
        few, many = _TRIAL_WORDS
        counts = [(words, self._trial(words)) for words in (few, many)]
        self._words = TokensPerWord.fitted(counts[0], counts[1]).words(self._workload.prompt_tokens)
        most = max(self._workload.concurrency)
        with self._threads(most) as pool:
            for client in CLIENTS:
                self._round(pool, client, most, number=0, requests=most, output_tokens=_WARM_UP_TOKENS)

    def rounds(self) -> Iterator[Round]:
        """The measured rounds, each given out when it ends.

        Both clients have a round in turn, and each second time in the other order: a machine that grows
        slower or faster meanwhile does so for both.
        """
        workload = self._workload
        for concurrency in workload.concurrency:
            with self._threads(concurrency) as pool:
                for number in range(workload.rounds):
                    for client in CLIENTS if number % 2 == 0 else reversed(CLIENTS):
                        yield self._round(
                            pool,
                            client,
                            concurrency,
                            number=number,
                            requests=workload.requests_at(concurrency),
                            output_tokens=workload.output_tokens,
                        )

    @contextmanager
    def _threads(self, count: int) -> Iterator[ThreadPoolExecutor]:
        """Threads that nobody waits for at the end: after a Ctrl-C, streams end at their next token."""
        pool = ThreadPoolExecutor(count)
        try:
            yield pool
        except BaseException:
            self._stop.set()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _round(
        self,
        pool: ThreadPoolExecutor,
        name: ClientName,
        concurrency: int,
        *,
        number: int,
        requests: int,
        output_tokens: int,
    ) -> Round:
        client = self._clients[name]
        prompts = [prompt(next(self._numbers), words=self._words) for _ in range(requests)]
        started, cpu_started = time.perf_counter(), time.process_time()
        waiting = [
            pool.submit(client.ask, text, output_tokens=output_tokens, stop=self._stop) for text in prompts
        ]
        results = tuple(future.result() for future in waiting)
        return Round(
            client=name,
            concurrency=concurrency,
            number=number,
            requests=results,
            wall_s=time.perf_counter() - started,
            cpu_s=time.process_time() - cpu_started,
        )

    def _trial(self, words: int) -> int:
        """The tokens of a prompt of so many words; 0 where the server does not say."""
        text = prompt(next(self._numbers), words=words)
        result = self._clients["raw"].ask(text, output_tokens=_TRIAL_TOKENS, stop=self._stop)
        if isinstance(result, Answered):
            return result.usage.prompt_tokens if result.usage else 0
        if self.ignores_eos and result.status in _REFUSED:
            self.ignores_eos = False
            self._open_clients()
            return self._trial(words)
        where = self._endpoint.address
        if not result.reached:
            raise EngineUnavailableError(f"no model answers at {where}: {result.reason}", hint="stillroom up")
        raise ModelError(
            f"{self._endpoint.model} at {where} did not answer a trial request: {result.reason}",
            hint="stillroom logs",
        )

    def _open_clients(self) -> None:
        self._stack.close()
        raw = RawApi(self._endpoint, timeout_seconds=self._timeout_seconds, ignore_eos=self.ignores_eos)
        self._clients["raw"] = self._stack.enter_context(raw)
        self._clients["toolkit"] = Toolkit(
            self._endpoint, timeout_seconds=self._timeout_seconds, ignore_eos=self.ignores_eos
        )

    def __enter__(self) -> Self:
        """Return the benchmark itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._stop.set()
        self._stack.close()


def _require_room(endpoint: Endpoint, workload: BenchWorkload) -> None:
    needed = workload.prompt_tokens + workload.output_tokens
    if needed > endpoint.context_tokens:
        raise ModelError(
            f"prompts of {workload.prompt_tokens:,} tokens and answers of {workload.output_tokens:,} are "
            f"{needed:,} together, and the context of {endpoint.model} has {endpoint.context_tokens:,}",
            hint=f"stillroom bench --prompt-tokens {endpoint.context_tokens // 2} "
            f"--output-tokens {endpoint.context_tokens // 4}",
        )
