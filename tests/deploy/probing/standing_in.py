"""Servers that are not here, stood in for by what real ones answered: a recording for each request."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from deploy.endpoint import Endpoint
from tests.deploy.conftest import RECORDINGS
from tests.deploy.raw_server import reply

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.deploy.raw_server import Request

Answer = tuple[int, Any]
NOT_FOUND: Answer = (404, {"detail": "Not Found"})


def recorded(name: str) -> Answer:
    """Status and body of an answer that was recorded."""
    recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return recording["status"], recording["body"]


def saying(answer: Answer, content: str) -> Answer:
    """The same answer with another text of the model's."""
    status, body = copy.deepcopy(answer)
    message = body["choices"][0]["message"] if "choices" in body else body["message"]
    message["content"] = content
    return status, body


def uncounted(answer: Answer) -> Answer:
    """The same answer of a server that does not count the prompt's tokens."""
    status, body = copy.deepcopy(answer)
    body.pop("prompt_eval_count", None)
    body.pop("usage", None)
    return status, body


def is_told_to_call(request: Request) -> bool:
    """Whether a request with tools tells the model to call one."""
    return "Call the tool" in request.body["messages"][-1]["content"]


def serving(choose: Callable[[Request], Answer]) -> Callable[[Request, socket.socket], None]:
    """Answers with what ``choose`` picks for a request."""

    def answer(request: Request, connection: socket.socket) -> None:
        status, body = choose(request)
        kind = "text/html" if isinstance(body, str) and body.startswith("<") else "application/json"
        connection.sendall(reply(body, status=status, content_type=kind))

    return answer


def kept_to_schema(request: Request) -> str:
    """What a server writes that keeps to the schema of a request; its only value is an enumeration."""
    wrapped = request.body.get("response_format", {}).get("json_schema", {}).get("schema")
    schema = request.body.get("format") or wrapped
    return json.dumps({name: field["enum"][0] for name, field in schema["properties"].items()})


def endpoint(url: str, model: str = "tiny", **fields: Any) -> Endpoint:  # noqa: ANN401
    """An endpoint as the settings name it: nothing is known of it."""
    return Endpoint(f"{url}/v1", model, "vllm", 8192, **fields)


def found(of: Endpoint) -> dict[str, tuple[str, str]]:
    """Findings by name: the value, and how it was told."""
    return {item.name: (item.value, item.how) for item in of.capabilities.findings}
