"""What people write with thousands and percentages is the plain arithmetic that they mean by it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.toolkit.calculator import evaluate
from stillroom.errors import ToolError


class Written(NamedTuple):
    """Arithmetic as a person writes it, and its exact value."""

    text: str
    value: Fraction


def _whole(number: int) -> st.SearchStrategy[Written]:
    return st.sampled_from([f"{number:,}", str(number)]).map(lambda text: Written(text, Fraction(number)))


def _with_cents(cents: int) -> Written:
    return Written(f"{cents // 100:,}.{cents % 100:02}", Fraction(cents, 100))


def _per_cent(tenths: int, blank: str) -> Written:
    return Written(f"{tenths / 10:g}{blank}%", Fraction(tenths, 1000))


def _of(share: Written, number: Written, *, chinese: bool) -> Written:
    text = f"{number.text}的{share.text}" if chinese else f"{share.text} of {number.text}"
    return Written(f"({text})", share.value * number.value)


def _product(factors: list[tuple[str, Written]]) -> Written:
    text, value = factors[0][1]
    for sign, factor in factors[1:]:
        text += f" {sign} {factor.text}"
        value = value * factor.value if sign in "*×" else value / factor.value
    return Written(text, value)


def _sum(terms: list[tuple[str, Written]]) -> Written:
    text, value = terms[0][1]
    for sign, term in terms[1:]:
        text += f" {sign} {term.text}"
        value += term.value if sign == "+" else -term.value
    return Written(text, value)


def _signed(signs: str, written: st.SearchStrategy[Written], most: int) -> st.SearchStrategy[Written]:
    pairs = st.tuples(st.sampled_from(signs), written)
    return st.lists(pairs, min_size=1, max_size=most).map(_product if "×" in signs else _sum)


NUMBERS = st.integers(1, 9_999_999).flatmap(_whole) | st.integers(1, 99_999_999).map(_with_cents)
SHARES = st.builds(_per_cent, st.integers(1, 1_500), st.sampled_from(["", " "]))
PARTS = st.builds(_of, SHARES, NUMBERS, chinese=st.booleans())
# At least one number in each term: a sum of numbers and percentages is refused.
TERMS = st.tuples(NUMBERS | PARTS, _signed("*×/÷", NUMBERS | SHARES, 2)).map(
    lambda both: _product([("×", both[0]), ("×", Written(f"({both[1].text})", both[1].value))])
)
SUMS = _signed("+-", TERMS, 3)


@given(SUMS)
def test_a_sum_with_thousands_and_percentages_is_plain_arithmetic(written: Written) -> None:
    assert evaluate(written.text) == pytest.approx(float(written.value), rel=1e-9, abs=1e-3)


@given(NUMBERS, st.lists(st.tuples(st.sampled_from("+-"), SHARES), min_size=1, max_size=4))
def test_so_many_per_cent_more_and_less_add_up(number: Written, shares: list[tuple[str, Written]]) -> None:
    rate = _sum([("+", Written("1", Fraction(1))), *shares])
    assert evaluate(f"{number.text} * ({rate.text})") == pytest.approx(
        float(number.value * rate.value), rel=1e-9, abs=1e-3
    )
    with pytest.raises(ToolError, match="of what"):
        evaluate(f"1{number.text.replace(',', '')}" + rate.text[1:])


@given(st.lists(st.integers(0, 9_999_999), min_size=1, max_size=4), st.booleans())
def test_the_numbers_of_a_function_are_those_written_or_refused(numbers: list[int], apart: bool) -> None:  # noqa: FBT001
    text = f"max({(', ' if apart else ',').join(map(str, numbers))})"
    try:
        assert evaluate(text) == max(numbers)
    except ToolError as refused:
        assert not apart
        assert "may mean two things" in refused.message  # noqa: PT017


@given(st.integers(1_000, 9_999_999), st.sampled_from(["sqrt({})", "max({}, 5)", "min(5, {})", "round({})"]))
def test_thousands_in_a_function_are_refused(number: int, form: str) -> None:
    with pytest.raises(ToolError, match="may mean two things"):
        evaluate(form.format(f"{number:,}"))
    assert evaluate(form.format(f"({number:,})")) == pytest.approx(evaluate(form.format(number)))
