"""Who calls: the person of this machine, or the holder of a token, with their scopes."""

from __future__ import annotations

import pytest
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from mcp_server.callers import LOCAL, SCOPES, Caller, current_caller
from stillroom.errors import ToolError


def test_request_without_a_token_is_from_the_person_of_this_machine_who_may_everything() -> None:
    assert current_caller() == LOCAL
    assert all(LOCAL.may(scope) for scope in SCOPES)


def test_request_with_a_verified_token_is_from_its_holder() -> None:
    held = AccessToken(token="", client_id="ci", scopes=["read", "agent", "of-another-kind"])
    token = auth_context_var.set(AuthenticatedUser(held))
    try:
        assert current_caller() == Caller("ci", frozenset({"read", "agent"}))
    finally:
        auth_context_var.reset(token)


@pytest.mark.parametrize(
    ("tool", "scope"), [("search_library", "read"), ("ingest", "ingest"), ("run_agent", "agent")]
)
def test_tool_that_needs_another_scope_is_refused_with_the_command_that_gives_it(
    tool: str, scope: str
) -> None:
    held = frozenset(other for other in SCOPES if other != scope)
    with pytest.raises(
        ToolError, match=f"{tool} needs the scope '{scope}', and the token 'ci' has "
    ) as caught:
        Caller("ci", held).require(tool)
    assert caught.value.hint == f"stillroom mcp token add NAME --scope {scope}"
    LOCAL.require(tool)
