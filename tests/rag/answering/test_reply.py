"""Claims are read as they are written, and the same ones whatever the pieces that they come in."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from rag.answering.reply import ReplyReader, read_reply

CLAIMS = [
    {"passage": "P1", "quote": 'A dict is written {"a": 1} or {}.', "text": "It is written {}."},
    {"passage": "P2", "quote": '反斜杠 \\ 和引号 " 都在。', "text": "都在。"},
]
WHOLE = json.dumps({"answer": CLAIMS}, ensure_ascii=False)


def test_a_claim_is_there_as_soon_as_it_is_complete() -> None:
    reader = ReplyReader()
    end_of_first = WHOLE.index("}, {") + 1

    assert reader.feed(WHOLE[: end_of_first - 1]) == []
    assert [claim.text for claim in reader.feed(WHOLE[end_of_first - 1 : end_of_first])] == [
        "It is written {}."
    ]


@given(
    st.lists(st.integers(0, len(WHOLE)), max_size=12),
    st.sampled_from(["", "Sure: ", 'Here\'s the "JSON":\n']),
)
def test_pieces_make_no_difference(cuts: list[int], prose: str) -> None:
    text = prose + WHOLE
    edges = [0, *sorted(cuts), len(text)]
    reader = ReplyReader()
    found = [claim for start, end in itertools.pairwise(edges) for claim in reader.feed(text[start:end])]
    rest = reader.finish()

    assert (*found, *rest.claims) == read_reply(text).claims
    assert len(found) == 2


def test_a_reply_that_says_it_found_nothing_is_read_as_that() -> None:
    reader = ReplyReader()
    assert reader.feed('{"not_answ') == reader.feed('ered": true}') == []
    assert reader.finish().not_answered
