"""Serves over HTTP as ``stillroom mcp serve --http`` does: a library, and a machine that never answers.

An ingest works until it is ended. Jobs are kept beside the tokens.

Prints where it listens as one line of JSON, as the command does.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agents.running.limits import Limits
from agents.toolbox import Access, Services
from deploy.catalog import load_catalog
from mcp_server.http.exposure import Exposure
from mcp_server.http.serving import HttpOptions, Listening, serve_http
from mcp_server.http.tls import Certificate
from mcp_server.http.tokens import TokenFile
from mcp_server.http.verifier import FileTokenVerifier
from mcp_server.job_kinds import job_kinds
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from mcp_server.server import build_server, going_on
from tests.mcp_server.serving import no_library, no_machine, open_library

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from rag.library import Library


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path)
    parser.add_argument("--ingest-root", type=Path)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--allow-origin", action="append", default=[])
    parser.add_argument("--trust-proxy", action="append", default=[])
    parser.add_argument("--public-url", default="")
    parser.add_argument("--per-minute", type=int, default=0)
    parser.add_argument("--tls", type=Path, nargs=2)
    return parser.parse_args()


def serve(given: argparse.Namespace) -> None:
    def library() -> Library:
        return no_library() if given.library is None else open_library(given.library)

    services = Services(library, lambda: None, no_machine, load_catalog)
    kinds = job_kinds(
        services,
        Access(),
        ingest_command=(sys.executable, "-c", "import time; time.sleep(600)"),
        ingest_environment={},
        agent_limits=Limits(seconds=60),
    )
    jobs = JobRunner(JobStore(given.tokens.with_name("jobs.sqlite3")), kinds)
    roots = [given.ingest_root] if given.ingest_root else None

    def make_server() -> MCPServer[object]:
        return build_server(services, jobs=jobs, ingest_roots=roots)

    def tell(listening: Listening) -> None:
        sys.stdout.write(json.dumps(asdict(listening)) + "\n")
        sys.stdout.flush()

    exposure = Exposure(
        given.host,
        allowed_origins=tuple(given.allow_origin),
        trusted_proxies=tuple(given.trust_proxy),
        public_url=given.public_url,
    )
    options = HttpOptions(
        exposure=exposure,
        port=0,
        requests_per_minute=given.per_minute,
        certificate=Certificate(*given.tls) if given.tls else None,
    )
    with going_on(jobs):
        verifier = FileTokenVerifier(TokenFile(given.tokens))
        serve_http(make_server, options, verifier=verifier, on_listening=tell)


if __name__ == "__main__":
    serve(arguments())
