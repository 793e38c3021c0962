"""Whole runs: against the real embedded engine, and against servers that do not take everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.benchmark.figures import levels
from deploy.benchmark.run import Benchmark
from deploy.benchmark.workload import BenchWorkload
from deploy.ports import free_port
from stillroom.errors import EngineUnavailableError, ModelError
from tests.deploy.benchmark.conftest import Streaming, recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from deploy.benchmark.timing import Round
    from deploy.endpoint import Endpoint

    Serve = Callable[[Streaming], AbstractContextManager[Streaming]]


def measured(endpoint: Endpoint, workload: BenchWorkload) -> list[Round]:
    with Benchmark(endpoint, workload, timeout_seconds=60, first_number=11) as benchmark:
        benchmark.warm_up()
        return list(benchmark.rounds())


def test_both_clients_get_the_same_work_in_turn(bundled_endpoint: Endpoint) -> None:
    workload = BenchWorkload(prompt_tokens=80, output_tokens=12, rounds=2, concurrency=(1, 2))

    rounds = measured(bundled_endpoint, workload)

    assert [(each.concurrency, each.number, each.client) for each in rounds] == [
        (level, number, client)
        for level in (1, 2)
        for number, clients in enumerate((("raw", "toolkit"), ("toolkit", "raw")))
        for client in clients
    ]
    for each in rounds:
        assert not each.failed
        for answer in each.answered:
            assert answer.usage is not None
            assert answer.usage.output_tokens == 12
            assert answer.usage.prompt_tokens == pytest.approx(80, abs=3)
            # The chat template is all that the engine may remember.
            assert answer.usage.cached_tokens < 40
    for level in levels(rounds):
        assert level.overhead is not None
        assert level.raw.tokens_per_s is not None
        assert level.raw.tokens_per_s.median > 0


def test_a_server_that_refuses_ignore_eos_is_measured_without(streaming: Serve) -> None:
    stream = Streaming(recorded("vllm/chat_stream_usage"), cut_at=4096, refused_field="ignore_eos")
    workload = BenchWorkload(rounds=1, concurrency=(1,))
    with (
        streaming(stream) as server,
        Benchmark(server.endpoint(), workload, timeout_seconds=120, first_number=0) as benchmark,
    ):
        benchmark.warm_up()
        rounds = list(benchmark.rounds())

    assert not benchmark.ignores_eos
    assert [len(each.answered) for each in rounds] == [1, 1]


def test_a_failed_request_does_not_end_the_run(streaming: Serve) -> None:
    workload = BenchWorkload(rounds=2, concurrency=(1, 2))
    with (
        streaming(Streaming(recorded("vllm/chat_stream_usage"), cut_at=4096)) as server,
        Benchmark(server.endpoint(), workload, timeout_seconds=120, first_number=0) as benchmark,
    ):
        benchmark.warm_up()
        rounds = []
        for each in benchmark.rounds():
            rounds.append(each)
            server.status = 503  # from the second round on

    assert [len(each.answered) for each in rounds] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert [len(each.failed) for each in rounds] == [0, 1, 1, 1, 2, 2, 2, 2]


def test_an_endpoint_that_is_not_there_is_said_before_anything_is_measured() -> None:
    endpoint = Streaming(b"", url=f"http://127.0.0.1:{free_port()}").endpoint()

    with pytest.raises(EngineUnavailableError, match="no model answers at") as caught:
        measured(endpoint, BenchWorkload())

    assert caught.value.hint == "stillroom up"


def test_a_model_that_is_not_there_is_said_in_the_servers_words(streaming: Serve) -> None:
    with (
        streaming(Streaming(b"", status=404)) as server,
        pytest.raises(ModelError, match="did not answer a trial request: that is refused"),
    ):
        measured(server.endpoint(), BenchWorkload())


def test_more_tokens_than_the_context_holds_are_refused_with_what_would_fit() -> None:
    endpoint = Streaming(b"", url=f"http://127.0.0.1:{free_port()}").endpoint()

    with pytest.raises(ModelError, match="2,064 together, and the context of tiny has 2,048") as caught:
        measured(endpoint, BenchWorkload(prompt_tokens=2000))

    assert caught.value.hint == "stillroom bench --prompt-tokens 1024 --output-tokens 512"
