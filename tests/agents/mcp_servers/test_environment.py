"""A server's process is given what programs need to run, and no key of another service."""

from __future__ import annotations

from agents.mcp_servers.environment import inherited


def test_only_harmless_variables_pass() -> None:
    ours = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_CTYPE": "C.UTF-8",
        "XDG_CONFIG_HOME": "/c",
        "SystemRoot": "C:\\Windows",
        "OPENAI_API_KEY": "sk-1",
        "STILLROOM_HUB_TOKEN": "hf_1",
        "AWS_SECRET_ACCESS_KEY": "a",
        "LD_PRELOAD": "/home/me/x.so",
        "PYTHONPATH": "/home/me",
        "SSH_AUTH_SOCK": "/run/ssh",
    }
    assert set(inherited(ours)) == {"PATH", "HOME", "LC_CTYPE", "XDG_CONFIG_HOME", "SystemRoot"}


def test_function_that_a_shell_exported_does_not_pass() -> None:
    assert inherited({"TERM": "() { :; }; evil"}) == {}
