"""A server over HTTP whose answer has no end is given up at a size, and that is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.deploy.raw_server import chunk, raw_server, stream_head

if TYPE_CHECKING:
    import socket

    from tests.agents.mcp_servers.conftest import Workshop
    from tests.deploy.raw_server import Request


def test_an_answer_without_end_is_given_up_at_a_size(workshop: Workshop) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head("application/json"))
        while True:  # until the reader hangs up, which ends this thread
            connection.sendall(chunk(" " * 1_000_000))

    with raw_server(answer) as server:
        workshop.entries["endless"] = {"type": "http", "url": f"{server.url}/mcp"}
        with workshop.servers() as servers:
            assert not servers.tools()
            (problem,) = servers.problems
    assert "it has more than 33,554,432 bytes, the most that is read" in problem.message
