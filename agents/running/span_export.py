"""How spans leave: the exporter that OpenTelemetry's variables name, counting what does not arrive.

Importing this module imports OpenTelemetry's SDK: it is imported where its variables ask for it.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class CountedExporter(SpanExporter):
    """Hands spans on, and counts those that were lost."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As the exporter does."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        """As the exporter does."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As the exporter does."""
        return self._exporter.force_flush(timeout_millis)


def chosen_exporter(environ: Mapping[str, str]) -> SpanExporter:
    """The exporter for the protocol that is set; HTTP where none is, or where gRPC's package is missing.

    Endpoint, headers, certificates and timeouts it reads itself.
    """
    named = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", ""
    )
    if named.strip().lower() == "grpc" and find_spec("opentelemetry.exporter.otlp.proto.grpc"):
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter()


def silence() -> None:
    """Keep the SDK's log off the terminal: it prints a traceback for each batch that a collector refuses."""
    logger = logging.getLogger("opentelemetry")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
