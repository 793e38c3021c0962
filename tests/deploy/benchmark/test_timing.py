"""What one request and one round took, from made-up times."""

from __future__ import annotations

from deploy.benchmark.timing import Answered, Failed, Stopwatch, Usage
from tests.deploy.benchmark.conftest import a_round


def test_the_wait_for_the_first_token_is_no_time_between_tokens() -> None:
    # 11 tokens have 10 spaces between them: 2 s over 10.
    assert Answered(3.0, 5.0, 11, None).s_per_output_token == 0.2


def test_an_answer_of_one_token_has_no_time_between_tokens() -> None:
    assert Answered(3.0, 3.0, 1, None).s_per_output_token is None


def test_the_servers_count_goes_before_the_chunks() -> None:
    # A token of half a Chinese character makes no chunk of text.
    assert Answered(1.0, 2.0, 10, Usage(5, 12)).output_tokens == 12
    assert Answered(1.0, 2.0, 10, None).output_tokens == 10
    assert Answered(1.0, 2.0, 10, Usage(0, 0)).output_tokens == 10


def test_throughput_is_over_the_whole_round_and_counts_only_complete_answers() -> None:
    one = a_round("raw", Answered(1.0, 2.0, 30, None), Failed("x"), Answered(1.0, 3.0, 50, None), wall_s=4.0)

    assert one.tokens_per_s == 20.0
    assert len(one.failed) == 1


def test_a_stopwatch_without_text_or_without_an_end_is_a_failure() -> None:
    silent, broken = Stopwatch(finished=True), Stopwatch()
    broken.text_came()
    broken.text_came()

    assert silent.result() == Failed("the answer has no token")
    assert broken.result() == Failed("the stream broke off after 2 chunks of text")
