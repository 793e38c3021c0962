"""Prompts that no cache can help with, and how long they become."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.benchmark.workload import FEWEST_WORDS, PROMPT_NUMBERS, BenchWorkload, TokensPerWord, prompt


@given(
    number=st.integers(0, PROMPT_NUMBERS - 2),
    words=st.integers(FEWEST_WORDS, 400),
)
def test_neighbouring_prompts_begin_differently_and_are_equally_long(number: int, words: int) -> None:
    one, other = prompt(number, words=words).split(), prompt(number + 1, words=words).split()

    assert one[0] != other[0]
    assert len(one) == len(other)


def test_no_two_numbers_make_the_same_prompt() -> None:
    numbers = [*range(5000), *range(PROMPT_NUMBERS - 5000, PROMPT_NUMBERS)]

    assert len({prompt(number, words=FEWEST_WORDS) for number in numbers}) == len(numbers)


def test_numbers_beyond_the_last_go_on_from_the_first() -> None:
    assert prompt(PROMPT_NUMBERS, words=20) == prompt(0, words=20)


def test_words_are_counted_by_what_two_trials_took() -> None:
    # 7 words took 47 tokens and 57 took 147: 2 tokens a word, and 33 besides.
    per_word = TokensPerWord.fitted((7, 47), (57, 147))

    assert per_word == TokensPerWord(fixed=33.0, slope=2.0)
    assert per_word.words(233) == 100


def test_a_prompt_has_its_fewest_words_where_even_they_are_too_many_tokens() -> None:
    assert TokensPerWord(fixed=60, slope=1).words(16) == FEWEST_WORDS


def test_a_server_that_does_not_count_makes_a_word_a_token() -> None:
    assert TokensPerWord.fitted((7, 0), (57, 0)).words(128) == 128


def test_a_round_is_made_of_full_turns() -> None:
    workload = BenchWorkload(requests=3)

    assert [workload.requests_at(level) for level in (1, 2, 4, 8)] == [3, 4, 4, 8]
