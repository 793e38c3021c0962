"""What is known of a model's thought while it grows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.prompt_text import estimate_tokens
from stillroom.cli.chatting.thinking import Thought


@given(st.text(), st.lists(st.text(max_size=9), max_size=30))
def test_a_thought_in_pieces_has_as_many_tokens_as_the_whole(first: str, pieces: list[str]) -> None:
    thought = Thought(0.0, first)
    for piece in pieces:
        thought.add(piece)
    assert thought.text == first + "".join(pieces)
    assert thought.tokens == estimate_tokens(thought.text)
