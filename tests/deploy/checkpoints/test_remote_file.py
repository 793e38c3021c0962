"""A file is read in parts over HTTP: from servers that behave, and from those that do not."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

import pytest

from deploy.checkpoints.http_reader import shown_url
from deploy.checkpoints.patience import Patience
from deploy.checkpoints.remote_file import RemoteFile
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.deploy.checkpoints.conftest import FileServer

    OpenRemote: TypeAlias = Callable[..., RemoteFile]

PATH = "/big.gguf"
HEAD = bytes(range(256)) * 32768  # 8 MiB
SIZE = 40_000_000_000
TOKEN = "hf_made_up"


@pytest.fixture
def remote(hasty: Patience) -> Iterator[OpenRemote]:
    """Open a file by its URL, without waits between attempts; it is closed after the test."""
    with ExitStack() as stack:

        def open_file(url: str, *, token: str | None = None, patience: Patience = hasty) -> RemoteFile:
            file = RemoteFile(url, token=token, patience=patience)
            stack.callback(file.close)
            return file

        yield open_file


@pytest.fixture
def url(server: FileServer) -> str:
    return server.put(PATH, HEAD, size=SIZE)


def test_a_header_of_megabytes_takes_a_few_requests_and_little_more_than_its_bytes(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    file = remote(url)

    header = b"".join(file.read(offset, 65536) for offset in range(0, 6_000_000, 65536))

    assert header == HEAD[: len(header)]
    assert file.size_bytes() == SIZE
    assert file.requests == len(server.seen) <= 6
    assert file.bytes_fetched <= 10_000_000


def test_the_length_of_a_small_file_and_all_of_it_come_with_one_request(
    server: FileServer, remote: OpenRemote
) -> None:
    file = remote(server.put("/config.json", b"{}"))

    assert (file.size_bytes(), file.read(0, 2)) == (2, b"{}")
    assert file.requests == 1


def test_a_far_part_is_read_without_what_lies_before_it(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    file = remote(url)

    assert file.read(30_000_000_000, 4) == bytes(4)
    assert file.read(5, 3) == HEAD[5:8]
    assert server.sent_bytes < 3_000_000


def test_reading_past_the_end_says_where_the_end_is(server: FileServer, remote: OpenRemote) -> None:
    file = remote(server.put("/short.gguf", b"GGUF"))

    with pytest.raises(WeightsError, match=r"short\.gguf ends after 4 bytes, and 12 are needed"):
        file.read(2, 10)
    with pytest.raises(WeightsError, match=r"ends after 4 bytes, and 1,010 are needed"):
        remote(file.url).read(1000, 10)


def test_an_empty_file_has_no_bytes(server: FileServer, remote: OpenRemote) -> None:
    assert remote(server.put("/empty.gguf", b"")).size_bytes() == 0


def test_a_broken_connection_is_resumed_where_it_stopped(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.scripts[PATH] = [server.part(cut_after=100_000)]
    file = remote(url)

    assert file.read(0, 200_000) == HEAD[:200_000]
    assert [seen.range for seen in server.seen] == ["bytes=0-262143", "bytes=100000-262143"]


def test_a_connection_that_keeps_breaking_without_progress_is_given_up(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.always[PATH] = server.part(cut_after=0)

    with pytest.raises(WeightsError, match=r"could not be read after 3 attempts") as caught:
        remote(url).read(0, 10)
    assert "run the same command again" in caught.value.hint


def test_a_server_that_drips_a_byte_a_connection_does_not_hold_us_for_ever(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.always[PATH] = server.part(cut_after=1)

    with pytest.raises(WeightsError, match="could not be read after 20 attempts"):
        remote(url).read(0, 200_000)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(
    server: FileServer, url: str, remote: OpenRemote, status: int
) -> None:
    server.scripts[PATH] = [server.status(status, {"Retry-After": "0"}), server.status(status)]

    assert remote(url).read(0, 4) == HEAD[:4]


def test_a_server_that_does_not_answer_in_time_is_tried_again(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.scripts[PATH] = [server.stall()]
    patience = Patience(timeout_seconds=2.0, attempts=2, backoff_seconds=0.0)

    assert remote(url, patience=patience).read(0, 4) == HEAD[:4]


def test_a_server_that_never_answers_is_named_with_what_was_waited_for(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.always[PATH] = server.stall()
    patience = Patience(timeout_seconds=0.1, attempts=2, backoff_seconds=0.0)

    with pytest.raises(
        WeightsError, match=r"big\.gguf could not be read after 2 attempts: no answer in time"
    ):
        remote(url, patience=patience).size_bytes()


def test_no_server_at_all_points_to_the_network(remote: OpenRemote) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        file = remote(f"http://127.0.0.1:{taken.getsockname()[1]}/x.gguf")

        with pytest.raises(WeightsError, match=r"x\.gguf could not be read") as caught:
            file.size_bytes()

    assert "HTTPS_PROXY" in caught.value.hint
    assert "HF_ENDPOINT" in caught.value.hint


def test_a_server_that_refuses_ranges_is_read_from_its_start_and_no_further_than_needed(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.always[PATH] = server.whole()
    file = remote(url)

    assert file.size_bytes() == SIZE
    assert file.read(1_000_000, 4) == HEAD[1_000_000:1_000_004]
    assert file.bytes_fetched < 4_000_000


def test_a_server_that_refuses_ranges_is_not_read_to_a_far_part(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.always[PATH] = server.whole()

    with pytest.raises(WeightsError, match="does not serve parts of a file, and byte 100,") as caught:
        remote(url).read(100_000_000, 4)
    assert caught.value.hint == "fetch the file and give its path"


def test_a_whole_answer_that_breaks_off_is_continued(server: FileServer, remote: OpenRemote) -> None:
    url = server.put("/small.gguf", HEAD[:5000])
    server.scripts["/small.gguf"] = [server.whole(cut_after=3000), server.whole()]

    assert remote(url).read(0, 5000) == HEAD[:5000]


def test_a_whole_answer_without_a_length_ends_where_the_connection_does(
    server: FileServer, remote: OpenRemote
) -> None:
    url = server.put("/small.gguf", HEAD[:5000])
    server.always["/small.gguf"] = server.whole(headers={"Content-Length": "", "Connection": "close"})

    assert remote(url).size_bytes() == 5000


def test_a_server_that_promises_more_than_it_has_is_not_believed(
    server: FileServer, remote: OpenRemote
) -> None:
    url = server.put("/short.gguf", HEAD[:5000])
    server.always["/short.gguf"] = server.whole(headers={"Content-Length": "9000"})

    with pytest.raises(WeightsError, match="could not be read after"):
        remote(url).read(0, 8000)


@pytest.mark.parametrize(
    "content_range",
    ["", "bytes 7-262150/40000000000", "bytes 0-262143/1000", "bytes a-b/c", "bytes 5-3/9", "items 0-1/2"],
)
def test_an_answer_for_other_bytes_than_were_asked_for_is_refused(
    server: FileServer, url: str, remote: OpenRemote, content_range: str
) -> None:
    server.always[PATH] = server.part(headers={"Content-Range": content_range})

    with pytest.raises(WeightsError, match="Content-Range"):
        remote(url).read(0, 4)


def test_a_total_that_changes_between_answers_is_refused(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    file = remote(url)
    file.read(0, 4)
    server.put(PATH, HEAD, size=SIZE - 1)

    with pytest.raises(WeightsError, match=r"had 40,000,000,000 bytes, and now has 39,999,999,999"):
        file.read(1_000_000, 4)


def test_a_file_that_is_replaced_by_one_of_the_same_length_is_noticed(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.scripts[PATH] = [server.part(headers={"ETag": f'"{tag}"'}) for tag in ("a", "b")]
    file = remote(url)
    file.read(0, 4)

    with pytest.raises(WeightsError, match="was replaced while it was read"):
        file.read(1_000_000, 4)


def test_an_answer_that_was_compressed_on_the_way_is_refused(
    server: FileServer, url: str, remote: OpenRemote
) -> None:
    server.always[PATH] = server.part(headers={"Content-Encoding": "gzip"})

    with pytest.raises(WeightsError, match="compresses"):
        remote(url).read(0, 4)


def test_a_sign_in_page_is_told_from_a_file(server: FileServer, url: str, remote: OpenRemote) -> None:
    server.always[PATH] = server.status(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>")

    with pytest.raises(WeightsError, match=r"answers with a web page \(text/html\)") as caught:
        remote(url).read(0, 4)
    assert "sign in" in caught.value.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_file_names_the_settings_for_a_token(
    server: FileServer, url: str, remote: OpenRemote, status: int
) -> None:
    server.always[PATH] = server.status(status)

    with pytest.raises(WeightsError, match=rf"{url} answers with status {status}") as caught:
        remote(url).size_bytes()
    assert "HF_TOKEN" in caught.value.hint
    assert "STILLROOM_HUB_TOKEN" in caught.value.hint
    assert len(server.seen) == 1


def test_a_missing_file_is_not_asked_for_twice(server: FileServer, remote: OpenRemote) -> None:
    with pytest.raises(WeightsError, match="status 404: there is no such file"):
        remote(f"{server.url}/none.gguf").size_bytes()
    assert len(server.seen) == 1


def test_a_token_goes_to_the_files_own_host_and_not_to_where_it_redirects(
    make_server: Callable[[], FileServer], remote: OpenRemote
) -> None:
    hub, storage = make_server(), make_server()
    stored = storage.put("/object", HEAD[:100])
    hub.always[PATH] = hub.redirect(stored)

    assert remote(hub.url + PATH, token=TOKEN).read(0, 100) == HEAD[:100]
    assert [seen.authorization for seen in hub.seen] == [f"Bearer {TOKEN}"]
    assert [seen.authorization for seen in storage.seen] == [None]


def test_redirects_in_a_circle_are_left(server: FileServer, url: str, remote: OpenRemote) -> None:
    server.always[PATH] = server.redirect(PATH)

    with pytest.raises(WeightsError, match="redirects more than 10 times"):
        remote(url).size_bytes()
    assert len(server.seen) == 11


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_a_redirect_away_from_the_web_is_not_followed(
    server: FileServer, url: str, remote: OpenRemote, target: str
) -> None:
    server.always[PATH] = server.redirect(target)

    with pytest.raises(WeightsError, match="no web address"):
        remote(url).size_bytes()


@pytest.mark.parametrize("bad", ["nonsense", "http://", f"http://{'a' * 70}.example/x", "http://[::1/x"])
def test_what_is_no_address_is_an_error_of_ours(bad: str, remote: OpenRemote) -> None:
    with pytest.raises(WeightsError):
        remote(bad).size_bytes()


def test_a_proxy_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, remote: OpenRemote
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://proxy:1")

    with pytest.raises(WeightsError, match="proxy or certificate settings") as caught:
        remote("https://example.com/x.gguf")
    assert "HTTPS_PROXY" in caught.value.hint


def test_the_environments_proxy_is_asked_for_other_hosts_and_never_for_this_machine(
    make_server: Callable[[], FileServer], monkeypatch: pytest.MonkeyPatch, remote: OpenRemote
) -> None:
    proxy, here = make_server(), make_server()
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxy.put("/x.gguf", b"from the proxy")
    url = here.put("/x.gguf", b"from here")

    assert remote("http://models.example/x.gguf").read(0, 14) == b"from the proxy"
    assert remote(url).read(0, 9) == b"from here"
    assert len(proxy.seen) == 1


def test_messages_show_no_password_and_no_signature() -> None:
    shown = shown_url("https://me:secret@host.example/a.gguf?X-Amz-Signature=abc")

    assert shown == "https://host.example/a.gguf"
