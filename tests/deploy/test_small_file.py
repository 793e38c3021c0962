"""A file that somebody named is read only where it is a file, and small."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from deploy.small_file import read_small_file


def test_a_file_of_the_most_bytes_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345678")

    assert read_small_file(path, most_bytes=8) == b"12345678"


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "file")

    assert read_small_file(tmp_path / "link", most_bytes=8) == b"1"


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123456789")

    with pytest.raises(OSError, match="more than 8 bytes"):
        read_small_file(path, most_bytes=8)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(OSError, match="it is a device"):
        read_small_file(Path("/dev/zero"), most_bytes=8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="it is a pipe"):
        read_small_file(tmp_path / "pipe", most_bytes=8)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no sockets in its file system")
def test_a_folder_and_a_socket_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a folder"):
        read_small_file(tmp_path, most_bytes=8)
    # A socket's path is short, and a test's folder may not be.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        with pytest.raises(OSError, match="it is a socket"):
            read_small_file(Path(folder) / "s", most_bytes=8)
