"""Pages are fetched from real servers, and nothing inner is connected to, by whatever way it is named."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from agents.call_context import CallContext
from agents.toolbox import Access, Services, toolbox
from agents.toolkit.web_fetch import Fetched, WebFetcher, WebLimits, resolved
from agents.toolkit.web_tools import WebTools, is_readable
from agents.tools import tool
from stillroom.errors import ToolError
from tests.deploy.raw_server import RawServer, Request, raw_server, reply, stream_head

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.toolkit.web_addresses import Address

HERE = ipaddress.ip_address("127.0.0.1")


def only_here(address: Address) -> bool:
    """The tests' own server, and nothing else."""
    return address == HERE


def fetch(url: str, **options: object) -> Fetched:
    fetcher = WebFetcher(**{"allowed": only_here, **options})  # type: ignore[arg-type]
    return asyncio.run(fetcher.fetch(url, accepts=is_readable))


def says(content: bytes) -> Callable[[Request, socket.socket], None]:
    return lambda _, connection: connection.sendall(content)


def test_page_is_fetched_without_credentials_cookies_or_a_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer = reply("# Hi", content_type="text/markdown; charset=UTF-8", Set_Cookie="a=b")
    with raw_server(says(answer)) as server:
        fetched = fetch(f"{server.url}/a?b=c#part")
    assert fetched == Fetched(f"{server.url}/a?b=c", "text/markdown", "utf-8", b"# Hi", cut=False)
    (request,) = server.requests
    assert request.path == "/a?b=c"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert not {"authorization", "cookie", "proxy-authorization"} & request.headers.keys()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "0.0.0.0",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "１２７.0.0.1",
        "127。0。0。1",
    ],
)
def test_inner_address_is_not_connected_to_however_it_is_spelled(host: str) -> None:
    with raw_server(says(reply("secret", content_type="text/plain"))) as server, pytest.raises(ToolError):
        asyncio.run(WebFetcher().fetch(f"http://{host}:{server.port}/"))
    assert server.requests == []


def test_refusal_names_the_address_that_a_name_leads_to() -> None:
    with pytest.raises(
        ToolError, match=r"localhost/ is not fetched: (127\.0\.0\.1|::1) is not on the public"
    ):
        asyncio.run(WebFetcher().fetch("http://localhost/"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http:///x",
        "127.0.0.1/x",
        "javascript:1",
        "data:text/plain,x",
        "http://ada:secret@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://[::1",
        "http://a b/",
        "http://127.0.0.1\r\nX: y/",
        "http://" + "a" * 3_000,
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(ToolError):
        fetch(url)


def redirect(to: str, status: int = 302) -> bytes:
    return (
        f"HTTP/1.1 {status} So\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_by_name_and_by_path(status: int) -> None:
    def answer(request: Request, connection: socket.socket) -> None:
        here = {"/": redirect("/b", status), "/b": redirect(f"http://127.0.0.1:{server.port}/c?d", status)}
        connection.sendall(here.get(request.path, reply("end", content_type="text/plain")))

    with raw_server(answer) as server:
        assert fetch(server.url).url == f"{server.url}/c?d"
    assert [request.path for request in server.requests] == ["/", "/b", "/c?d"]


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/",
        "http://[::1]:{port}/",
        "//127.0.0.2:{port}/x",
        "http://2130706434:{port}/",
        "file:///etc/passwd",
        "http://ada:x@127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_redirect_to_an_address_that_is_not_allowed_is_not_followed(target: str) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(redirect(target.format(port=server.port)))

    with raw_server(answer) as server, pytest.raises(ToolError, match="not fetched"):
        fetch(server.url)
    assert len(server.requests) == 1


def test_redirects_without_an_end_are_given_up() -> None:
    with (
        raw_server(says(redirect("/again"))) as server,
        pytest.raises(ToolError, match="more than 5 redirects"),
    ):
        fetch(server.url)
    assert len(server.requests) == 6


def test_name_is_resolved_once_a_request_and_that_address_is_connected_to() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        asked.append(f"{host}:{port}")
        return [HERE if len(asked) == 1 else ipaddress.ip_address("127.0.0.2")]

    with raw_server(says(reply("page", content_type="text/plain"))) as server:
        url = f"http://rebinding.test:{server.port}/"
        assert fetch(url, resolve=rebinding).content == b"page"
        assert asked == [f"rebinding.test:{server.port}"]
        assert server.requests[0].headers["host"] == f"rebinding.test:{server.port}"
        with pytest.raises(ToolError, match=r"127\.0\.0\.2 is not on the public internet"):
            fetch(url, resolve=rebinding)
    assert len(server.requests) == 1


def test_name_with_one_inner_address_among_others_is_not_connected_to() -> None:
    async def mixed(_host: str, _port: int) -> Sequence[Address]:
        return [HERE, ipaddress.ip_address("10.0.0.1")]

    with raw_server(says(reply("page"))) as server, pytest.raises(ToolError, match=r"10\.0\.0\.1"):
        fetch(server.url, resolve=mixed)
    assert server.requests == []


def test_next_address_of_a_name_is_tried_where_one_cannot_be_reached() -> None:
    async def both(_host: str, _port: int) -> Sequence[Address]:
        return [ipaddress.ip_address("127.0.0.2"), HERE]

    def loopback(address: Address) -> bool:
        return address.is_loopback

    with raw_server(says(reply("page", content_type="text/plain"))) as server:
        url = f"http://name.test:{server.port}/"
        assert fetch(url, resolve=both, allowed=loopback).content == b"page"
        # An answer, be it an error, is an answer.
        assert len(server.requests) == 1


def test_address_of_ipv6_is_connected_to() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6, not even for itself")
    with listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply("six", content_type="text/plain"))

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://[::1]:{listener.getsockname()[1]}/"
        assert fetch(url, allowed=lambda address: address.is_loopback).content == b"six"


def test_numbers_in_any_spelling_resolve_to_addresses() -> None:
    assert set(asyncio.run(resolved("0x7f.1", 80))) == {HERE}


def test_host_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolError, match=r"there is no host 'nothing\.invalid'"):
        fetch("http://nothing.invalid/")


def test_endless_body_is_cut_at_the_limit() -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head("text/plain"))
        with suppress(OSError):
            while True:
                connection.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")

    with raw_server(answer) as server:
        fetched = fetch(server.url, limits=WebLimits(body_bytes=50_000))
    assert (len(fetched.content), fetched.cut) == (50_000, True)


def test_packed_page_is_unpacked_and_a_bomb_no_further_than_the_limit() -> None:
    for content, cut in ((b"page", False), (bytes(50_000_000), True)):
        packed = gzip.compress(content)
        head = (
            "HTTP/1.1 200 So\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n"
            f"Content-Length: {len(packed)}\r\nConnection: close\r\n\r\n"
        )
        with raw_server(says(head.encode() + packed)) as server:
            fetched = fetch(server.url, limits=WebLimits(body_bytes=10_000))
        assert fetched.content == content[:10_000]
        assert fetched.cut is cut


@pytest.mark.parametrize("head", [b"", stream_head("text/plain")])
def test_slow_drip_ends_with_the_time_in_total(head: bytes) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(head)
        drip = b"1\r\nx\r\n" if head else b"H"
        with suppress(OSError):
            while True:
                connection.sendall(drip)
                time.sleep(0.02)

    with raw_server(answer) as server, pytest.raises(ToolError, match=r"was not there within 0\.5 s"):
        fetch(server.url, limits=WebLimits(seconds=0.5))


def test_fetch_ends_soon_after_it_is_cancelled() -> None:
    context = CallContext()

    def answer(_: Request, connection: socket.socket) -> None:
        context.cancelled.set()
        connection.recv(1)

    fetching = tool(WebTools(WebFetcher(allowed=only_here)).fetch_page)
    with raw_server(answer) as server, pytest.raises(ToolError, match="nobody waits"):
        fetching.call({"url": server.url}, context)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply("x", status=404, content_type="text/html"), "answers 404"),
        (reply("x", status=500, content_type="text/html"), "answers 500"),
        (reply("x", content_type="application/pdf"), "is application/pdf; HTML, text and JSON are read"),
        (reply("x", content_type="image/svg+xml"), r"is image/svg\+xml"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "of no stated type"),
        (reply("x", content_type="text/plain", Content_Encoding="br"), "packed as 'br'"),
        (reply("page", content_type="text/plain", Content_Encoding="gzip"), "is no gzip"),
        (b"SSH-2.0-OpenSSH_9\r\n", "cannot be fetched"),
        (b"", "cannot be fetched"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nx", "cannot be fetched"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000, "cannot be fetched"),
    ],
)
def test_answer_that_is_no_page_is_an_error_that_says_why(answer: bytes, why: str) -> None:
    with raw_server(says(answer)) as server, pytest.raises(ToolError, match=why):
        fetch(server.url)


def test_https_is_not_fetched_from_a_server_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(reply("secret", content_type="text/plain"))
                connection.recv(65_536)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(ToolError, match="cannot be fetched"):
            fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/")


def test_certificate_is_checked_and_for_the_name_not_the_address(
    tls_server: tuple[RawServer, ssl.SSLContext],
) -> None:
    server, trusting = tls_server

    async def here(_host: str, _port: int) -> Sequence[Address]:
        return [HERE]

    page = f"https://page.test:{server.port}/"
    assert fetch(page, resolve=here, tls=trusting).content == b"over TLS"
    with pytest.raises(ToolError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(page, resolve=here)
    with pytest.raises(ToolError, match="Hostname mismatch"):
        fetch(page.replace("page.test", "other.test"), resolve=here, tls=trusting)


def test_fetch_page_is_there_only_where_the_web_is_switched_on_and_needs_a_yes() -> None:
    def unused() -> object:
        raise AssertionError

    services = Services(unused, unused, unused, unused)  # type: ignore[arg-type]
    tools = {entry.name: entry for entry in toolbox(services, Access(web=True))}
    fetching = tools["fetch_page"]
    assert (fetching.read_only, fetching.open_world, fetching.needs_consent) == (True, True, True)
    assert "fetch_page" not in {entry.name for entry in toolbox(services)}
    with pytest.raises(ToolError, match="not on the public internet"):
        fetching.call({"url": "http://127.0.0.1/"})
