"""What a broken-off run leaves becomes a conversation that every server takes."""

from __future__ import annotations

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from agents.memory.mending import mended


def call(*identities: str) -> AIMessage:
    return AIMessage(
        "", tool_calls=[{"name": "weigh", "args": {"thing": one}, "id": one} for one in identities]
    )


def kinds(messages: list[AnyMessage]) -> list[str]:
    return [message.type for message in messages]


def test_a_whole_conversation_stays_as_it_is() -> None:
    whole: list[AnyMessage] = [
        HumanMessage("one"),
        call("1", "2"),
        ToolMessage("5 g", tool_call_id="1"),
        ToolMessage("6 g", tool_call_id="2"),
        AIMessage("5 g and 6 g"),
        HumanMessage("two"),
    ]
    assert mended(whole) == whole


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    made = mended(
        [HumanMessage("one"), call("1", "2"), ToolMessage("5 g", tool_call_id="1"), HumanMessage("two")]
    )
    assert kinds(made) == ["human", "ai", "tool", "tool", "ai", "human"]
    assert isinstance(made[3], ToolMessage)
    assert (made[3].tool_call_id, made[3].status) == ("2", "error")
    assert "interrupted" in made[3].text


def test_a_question_without_an_answer_gets_one_so_that_turns_alternate() -> None:
    assert kinds(mended([HumanMessage("one"), HumanMessage("two")])) == ["human", "ai", "human"]
    assert kinds(mended([HumanMessage("one"), AIMessage(""), HumanMessage("two")])) == [
        "human",
        "ai",
        "human",
    ]


def test_a_result_without_its_call_is_left_out() -> None:
    made = mended(
        [HumanMessage("one"), ToolMessage("5 g", tool_call_id="9"), AIMessage("5 g"), HumanMessage("two")]
    )
    assert kinds(made) == ["human", "ai", "human"]
