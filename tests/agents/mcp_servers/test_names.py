"""Every foreign tool gets a name that models' servers take, once, and the same in every run."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from agents.mcp_servers.names import tool_names

ACCEPTED = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


def test_plain_names_only_get_the_server_in_front() -> None:
    assert tool_names("git", ["log", "read-file"]) == {"log": "git__log", "read-file": "git__read-file"}


def test_chinese_names_stay_apart() -> None:
    names = tool_names("天气", ["查询", "预报"])
    assert len(set(names.values())) == 2
    assert all(ACCEPTED.match(name) for name in names.values())


def test_two_servers_whose_names_meet_are_told_apart() -> None:
    first = tool_names("a", ["b__c"])
    second = tool_names("a__b", ["c"], taken=first.values())
    assert first["b__c"] == "a__b__c" != second["c"]


@given(st.text(), st.lists(st.text(), unique=True), st.integers(0, 3))
def test_any_names_become_accepted_and_distinct(server: str, tools: list[str], repeat: int) -> None:
    names = tool_names(server, tools + tools[:repeat])
    assert all(ACCEPTED.match(name) for name in names.values())
    assert len(set(names.values())) == len(names) == len(tools)
    assert tool_names(server, tools) == names
