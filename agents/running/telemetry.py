"""OpenTelemetry spans of runs, where its own variables ask for them.

Names and attributes are those of the semantic conventions for generative AI
(github.com/open-telemetry/semantic-conventions-genai, 2026-11): ``invoke_agent``, below it ``chat`` for each
decision of the model and ``execute_tool`` for each call. Questions, arguments and results go along only where
``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says so.

The SDK is imported only then, and reads its variables itself. What cannot be exported is counted and never
ends a run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.running.redaction import Redactor
    from agents.running.spans import SpanRecorder

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
# Of the variable's values, those by which content goes onto spans.
_CONTENT_VALUES: Final = frozenset({"true", "1", "span_only", "span_and_event"})
# What a command may take longer because a collector does not answer.
_CLOSE_SECONDS: Final = 3.0
# Spans of which a batch is sent while the program goes on; a chat should not wait for its end to be seen.
_BATCH_SECONDS: Final = 2.0


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the variables name a collector for spans and nothing switches them off.

    Example:
        >>> collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
        >>> is_asked_for(collector), is_asked_for({**collector, "OTEL_SDK_DISABLED": "true"})
        (True, False)
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = [name.strip().lower() for name in environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")]
    return "otlp" in exporters and any(environ.get(name, "").strip() for name in _ENDPOINTS)


class Telemetry:
    """The way to a collector, for the length of a program. Made where ``is_asked_for``.

    Args:
        environ: the process's environment; the SDK reads its own variables from the process itself.
        version: of Stillroom.
        tell: is given what a person should know when it is closed, such as that spans were lost.
    """

    def __init__(self, environ: Mapping[str, str], *, version: str, tell: Callable[[str], None]) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from agents.running.span_export import CountedExporter, chosen_exporter, silence

        silence()
        self._tell = tell
        named = environ.get("OTEL_SERVICE_NAME") or "stillroom"
        self._exported = CountedExporter(chosen_exporter(environ))
        self._with_content = environ.get(_CONTENT, "").strip().lower() in _CONTENT_VALUES
        # Not the global one: what other packages in this process would trace is their users' to ask for.
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: named, SERVICE_VERSION: version}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(self._exported, schedule_delay_millis=_BATCH_SECONDS * 1000)
        )
        self._tracer = self._provider.get_tracer("stillroom", version)

    def recorder(self, redactor: Redactor) -> SpanRecorder:
        """A recorder for one run at a time.

        Args:
            redactor: takes secrets out of content.
        """
        from agents.running.spans import SpanRecorder

        return SpanRecorder(self._tracer, redactor if self._with_content else None)

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        # In a thread of its own: an exporter that is in a request does not hear that it should end.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            self._tell(f"OpenTelemetry: the collector did not answer within {_CLOSE_SECONDS:.0f} seconds")
        elif lost := self._exported.lost:
            self._tell(f"OpenTelemetry: {lost} spans did not reach the collector")
