"""``stillroom bench`` as a person runs it, against the real embedded engine."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.endpoint import Endpoint
    from tests.conftest import Home

SMALL = ("--prompt-tokens", "64", "--output-tokens", "8", "--rounds", "1")


@pytest.fixture
def served(home: Home, bundled_endpoint: Endpoint) -> Home:
    """A house whose settings name the embedded engine that these tests share."""
    home.environment["STILLROOM_ENDPOINT_URL"] = bundled_endpoint.base_url
    home.environment["STILLROOM_ENDPOINT_MODEL"] = bundled_endpoint.model
    home.environment["STILLROOM_ENDPOINT_ENGINE"] = bundled_endpoint.engine
    home.environment["STILLROOM_CONTEXT_TOKENS"] = str(bundled_endpoint.context_tokens)
    return home


@contextmanager
def relay(endpoint: Endpoint, *, most_streams: int) -> Iterator[str]:
    """A server before the engine that answers so many streamed requests and refuses the others."""
    streams = 0

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            nonlocal streams
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            streams += b'"stream":true' in asked.replace(b" ", b"")
            if streams > most_streams:
                self.reply(500, b'{"error": {"message": "enough for today"}}', "application/json")
                return
            root = endpoint.base_url.removesuffix("/v1")
            said = httpx.request(self.command, root + self.path, content=asked, timeout=60, trust_env=False)
            self.reply(said.status_code, said.content, said.headers["Content-Type"])

        def reply(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_one  # noqa: N815  the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_both_clients_are_measured_at_each_concurrency(served: Home, bundled_endpoint: Endpoint) -> None:
    report = served.json("bench", "--concurrency", "1,2", *SMALL)

    assert report["schema_version"] == 1
    assert report["complete"]
    assert report["model"] == bundled_endpoint.model
    assert report["workload"]["concurrency"] == [1, 2]
    assert [level["concurrency"] for level in report["levels"]] == [1, 2]
    for level in report["levels"]:
        for client in ("raw", "toolkit"):
            assert level[client]["answered"] == level["concurrency"]
            assert level[client]["output_tokens"] == 8 * level["concurrency"]
            assert level[client]["counted_by_server"]
            assert level[client]["first_token_ms"]["median"] > 0
        assert level["overhead"]["tokens_per_s_ratio"]["count"] == 1
    assert report["verdict"] == "unclear"  # of one pair of rounds
    assert report["failures"] == report["predictions"] == []
    assert report["notes"] == ["no plan is known of this endpoint: nothing stands beside the measured speed"]


def test_the_table_and_the_picture_show_both_clients(served: Home) -> None:
    picture = served.folder / "speed.svg"

    done = served.run("bench", "--concurrency", "1", *SMALL, "--plot", str(picture))

    assert done.returncode == 0, done.stderr
    first_words = [line.split()[0] for line in done.stdout.splitlines()]
    at = first_words.index("toolkit")
    assert first_words[at - 1 : at + 2] == ["1", "toolkit", "overhead"]
    assert "measure more --rounds" in done.stdout
    assert f"drawn to {picture}" in done.stderr
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314  our own file


def test_the_plans_speed_stands_beside_the_measured_one(home: Home) -> None:
    try:
        assert home.run("up", "--bundled", "--context", "512").returncode == 0
        report = home.json("bench", "--concurrency", "1,2", *SMALL)
    finally:
        home.run("down")

    decode, prefill = report["predictions"]
    assert (decode["name"], prefill["name"]) == ("decode", "prefill")
    assert decode["predicted"]["expected_tokens_per_s"] > 0
    assert decode["measured"]["median"] > 0
    assert decode["conditions"].startswith("predicted after 512 tokens, measured after 6")
    assert prefill["measured"]["median"] > 0
    assert report["notes"] == [
        "the engine was planned for 1 at once: of more, the others wait for their turn"
    ]


def test_ctrl_c_prints_what_was_measured_so_far(served: Home) -> None:
    arguments = ("--concurrency", "1", "--prompt-tokens", "64", "--output-tokens", "8", "--rounds", "5000")
    with served.start("bench", *arguments, "--json") as process:
        assert process.stderr is not None
        seen = ""
        while "round 2, raw" not in seen:  # the second of two pairs
            line = process.stderr.readline()
            assert line, seen
            seen += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "Traceback" not in err
    report = json.loads(out)
    assert not report["complete"]
    assert report["levels"][0]["overhead"]["tokens_per_s_ratio"]["count"] >= 2
    assert report["failures"] == []


def test_failed_requests_are_listed_beside_what_was_measured(
    served: Home, bundled_endpoint: Endpoint
) -> None:
    # Two trials, a request of either client to warm up, the first raw round, and no more.
    with relay(bundled_endpoint, most_streams=5) as url:
        served.environment["STILLROOM_ENDPOINT_URL"] = url
        done = served.run("bench", "--concurrency", "1", *SMALL)

    assert done.returncode == 1, done.stderr
    assert any(line.startswith("1 raw") for line in done.stdout.splitlines())
    assert "failed: 1 through toolkit with 1 at once:" in done.stdout
    assert "enough for today" in done.stdout
    assert "1 of 2 requests failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_engine_the_way_to_one_is_named(home: Home) -> None:
    refused(home.run("bench"), "there is no endpoint to measure: no engine is running", "stillroom up")


def test_an_endpoint_that_does_not_answer_is_named(home: Home) -> None:
    home.environment["STILLROOM_ENDPOINT_URL"] = "http://127.0.0.1:9/v1"
    home.environment["STILLROOM_ENDPOINT_MODEL"] = "tiny"

    refused(home.run("bench"), "no model answers at http://127.0.0.1:9/v1", "stillroom up")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plot", "speed.png"), "speed.svg"),
        (("--plot", "nowhere/speed.svg"), "there is no folder nowhere"),
        (("--concurrency", "1,two"), "'1,two' is no list of numbers"),
        (("--concurrency", "0"), "0 at once is not between 1 and 256"),
        (("--output-tokens", "1"), "--output-tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_measured(
    home: Home, options: tuple[str, str], said: str
) -> None:
    done = home.run("bench", *options)

    assert done.returncode == 2
    refused(done, said)


def test_more_tokens_than_the_context_holds_are_refused(served: Home, bundled_endpoint: Endpoint) -> None:
    done = served.run("bench", "--prompt-tokens", str(bundled_endpoint.context_tokens))

    assert done.returncode == 1
    refused(done, f"the context of {bundled_endpoint.model} has 4,096", "--prompt-tokens 2048")
