"""Shared by the tests of commands: a web server of files, as the tests of checkpoints use it."""

from __future__ import annotations

from tests.deploy.checkpoints.conftest import make_server, server

__all__ = ["make_server", "server"]
