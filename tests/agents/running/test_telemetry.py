"""Spans of a run reach a collector where OpenTelemetry's variables name one, and harm nothing where not."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agents.agent import run_agent
from agents.running.redaction import Redactor
from agents.running.telemetry import Telemetry, is_asked_for
from agents.tools import tool
from deploy.ports import free_port
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Serve = Callable[..., AbstractContextManager[Any]]


def weigh(thing: str) -> str:
    """Weigh a thing."""
    if thing == "smoke":
        raise ModelError("smoke cannot be weighed with hunter22")
    return f"{thing}: 5 g by hunter22"


@dataclass
class Collector:
    """A real HTTP server that takes OTLP requests and decodes them."""

    url: str = ""
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    status: int = 200
    hangs: threading.Event = field(default_factory=threading.Event)

    @property
    def spans(self) -> dict[str, Any]:
        """Those that came, by name."""
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    @property
    def resource(self) -> dict[str, Any]:
        """What sent them."""
        return attributes(self.requests[0].resource_spans[0].resource)


def attributes(holder: Any) -> dict[str, Any]:  # noqa: ANN401 - protobuf's
    """The attributes of a span or a resource as plain values."""
    told = {}
    for each in holder.attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        told[each.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return told


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector for the length of a test."""
    collecting = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/slow/v1/traces":
                collecting.hangs.wait(120)
            if collecting.status == 200:
                collecting.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(collecting.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collecting.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield collecting
    collecting.hangs.set()
    server.shutdown()
    server.server_close()


@dataclass
class Program:
    """What runs the agent with the environment's telemetry, as Stillroom does."""

    monkeypatch: pytest.MonkeyPatch
    said: list[str] = field(default_factory=list)

    def run(self, chat: Any, **variables: str) -> str:  # noqa: ANN401 - the fixture's server
        """What ended the run; nobody's variables but these."""
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            self.monkeypatch.delenv(name)
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)
        telemetry = Telemetry(os.environ, version="1.2.3", tell=self.said.append)
        recorder = telemetry.recorder(Redactor(["hunter22"]))
        endpoint = chat.endpoint()
        try:
            run = run_agent("How heavy is salt?", endpoint=endpoint, tools=(tool(weigh),), recorder=recorder)
        except ModelError:
            return "failed"
        finally:
            telemetry.close()
        return run.ended_by


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Program:
    """One for a test."""
    return Program(monkeypatch)


def call(thing: str) -> str:
    return json.dumps({"action": "weigh", "args": {"thing": thing}})


def final(answer: str) -> str:
    return json.dumps({"action": "final_answer", "args": {"answer": answer}})


def test_a_run_its_decisions_and_its_calls_are_spans_of_one_trace(
    scripted_chat: Serve, collector: Collector, program: Program
) -> None:
    with scripted_chat(call("salt"), final("5 g")) as chat:
        program.run(chat, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="my-stillroom")
    assert program.said == []
    spans = collector.spans
    assert set(spans) == {"invoke_agent stillroom", "chat scripted", "execute_tool weigh"}
    whole = spans["invoke_agent stillroom"]
    assert {span.trace_id for span in spans.values()} == {whole.trace_id}
    assert {spans[name].parent_span_id for name in spans if name != whole.name} == {whole.span_id}
    for span in spans.values():
        assert whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= whole.end_time_unix_nano
    asked = attributes(spans["chat scripted"])
    assert (asked["gen_ai.operation.name"], asked["gen_ai.request.model"]) == ("chat", "scripted")
    assert min(asked["gen_ai.usage.input_tokens"], asked["gen_ai.usage.output_tokens"]) > 0
    assert asked["server.address"] == "127.0.0.1"
    called = attributes(spans["execute_tool weigh"])
    assert (called["gen_ai.tool.name"], called["gen_ai.tool.type"]) == ("weigh", "function")
    assert attributes(whole)["gen_ai.agent.name"] == "stillroom"
    assert collector.resource["service.name"] == "my-stillroom"


def test_content_stays_at_home_unless_it_is_asked_for(
    scripted_chat: Serve, collector: Collector, program: Program
) -> None:
    with scripted_chat(call("salt"), final("5 g")) as chat:
        program.run(chat, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    sent = str(collector.requests)
    assert "salt" not in sent
    assert collector.resource["service.name"] == "stillroom"


def test_content_that_is_asked_for_goes_without_secrets(
    scripted_chat: Serve, collector: Collector, program: Program
) -> None:
    with scripted_chat(call("salt"), final("5 g")) as chat:
        program.run(
            chat,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/v1/traces",
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true",
        )
    called = attributes(collector.spans["execute_tool weigh"])
    assert json.loads(called["gen_ai.tool.call.arguments"]) == {"thing": "salt"}
    assert called["gen_ai.tool.call.result"] == "salt: 5 g by [redacted]"
    whole = attributes(collector.spans["invoke_agent stillroom"])
    assert "How heavy is salt?" in whole["gen_ai.input.messages"]
    assert "5 g" in whole["gen_ai.output.messages"]
    assert "hunter22" not in str(collector.requests)


def test_what_failed_is_marked_as_an_error(
    scripted_chat: Serve, collector: Collector, program: Program
) -> None:
    with scripted_chat(call("smoke"), (500, "out of memory")) as chat:
        assert program.run(chat, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) == "failed"
    for name in ("execute_tool weigh", "invoke_agent stillroom"):
        assert collector.spans[name].status.code == 2
        assert "error.type" in attributes(collector.spans[name])
    assert "hunter22" not in str(collector.requests)


@pytest.mark.parametrize("trouble", ["nobody", "refuses", "hangs"])
def test_a_collector_in_trouble_costs_seconds_and_a_line(
    scripted_chat: Serve,
    collector: Collector,
    program: Program,
    capfd: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    collector.status = 400
    urls = {
        "nobody": f"http://127.0.0.1:{free_port()}",
        "refuses": collector.url,
        "hangs": f"{collector.url}/slow",
    }
    with scripted_chat(call("salt"), final("5 g")) as chat:
        assert program.run(chat, OTEL_EXPORTER_OTLP_ENDPOINT=urls[trouble]) == "answer"
    (said,) = program.said
    assert said.startswith("OpenTelemetry: ")
    assert "Traceback" not in capfd.readouterr().err


ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, False),
        (ON, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({**ON, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ON, "OTEL_SDK_DISABLED": "false"}, True),
        ({**ON, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ON, "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_SERVICE_NAME": "x"}, False),
    ],
)
def test_its_own_variables_switch_it_on_and_off(variables: dict[str, str], asked: bool) -> None:  # noqa: FBT001
    assert is_asked_for(variables) is asked


def test_a_collector_that_speaks_grpc_gets_the_same(scripted_chat: Serve, program: Program) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    collecting = Collector()

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:  # noqa: ARG002, N802
            collecting.requests.append(request)
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with scripted_chat(call("salt"), final("5 g")) as chat:
            ended_by = program.run(
                chat,
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
                OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            )
    finally:
        server.stop(None)
    assert (ended_by, program.said) == ("answer", [])
    assert set(collecting.spans) == {"invoke_agent stillroom", "chat scripted", "execute_tool weigh"}
