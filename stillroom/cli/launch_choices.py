"""What is typed of a launch beside the plan, and whether the planned engine has any use for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import typer

if TYPE_CHECKING:
    from deploy.spec import EngineName

# Go's durations, as Ollama reads them: seconds where no unit is named, negative for ever.
_DURATION: Final = re.compile(r"-?\d+(\.\d+)?(ns|us|ms|s|m|h)?")
# Of host names by RFC 1123, IPv4 and IPv6 addresses.
_HOST: Final = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?|[0-9A-Fa-f:.]+(%[0-9A-Za-z]+)?")


@dataclass(frozen=True)
class LaunchChoices:
    """What was typed of the launch itself.

    Attributes:
        port: 0 attaches to a server that runs, or finds a free port.
        host: the address to listen on.
        quantize: what Ollama turns 16-bit weights into while it imports them; empty for nothing.
        keep_alive: how long Ollama keeps an idle model.
        exact_kv_cache: vLLM gets its cache's size in bytes.
        prefix_caching: computed starts of prompts are kept.
        nodes: machines that serve together.
        node_launcher: what joins them.
        head_address: of the first of them.
        elsewhere: the engine is started on a machine that was described, not here.
    """

    port: int = 0
    host: str = "127.0.0.1"
    quantize: str = ""
    keep_alive: str = "-1"
    exact_kv_cache: bool = False
    prefix_caching: bool = True
    nodes: int = 1
    node_launcher: Literal["nnodes", "ray"] = "nnodes"
    head_address: str = ""
    elsewhere: bool = False


def refuse_beside_bundled(*others: object) -> None:
    """Return if nothing was typed beside ``--bundled`` that it settles itself.

    Raises:
        BadParameter: something was: one of these is neither None nor empty.
    """
    if any(others):
        raise typer.BadParameter(
            "--bundled is one model, quantization and engine, on this machine: name no other beside it"
        )


def refuse_beside_plan(*others: object) -> None:
    """Return if nothing was typed beside ``--plan`` that the plan says.

    Raises:
        BadParameter: something was: one of these is not None.
    """
    if any(value is not None for value in others):
        raise typer.BadParameter(
            "--plan says it all: name no model, adapter, quantization, engine, context, users, KV cache or "
            "machine beside it"
        )


def check_choices(choices: LaunchChoices, engine: EngineName) -> None:
    """Return if all that was typed means something to the planned engine.

    Raises:
        BadParameter: an option belongs to another engine, or its value cannot be one.
    """
    usual = LaunchChoices()
    for name, owner in (
        ("quantize", "ollama"),
        ("keep_alive", "ollama"),
        ("exact_kv_cache", "vllm"),
        ("nodes", "vllm"),
        ("node_launcher", "vllm"),
        ("head_address", "vllm"),
    ):
        value = getattr(choices, name)
        if value != getattr(usual, name) and engine != owner:
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{option} is for {owner}, and the plan is for the {engine} engine")
    if not _DURATION.fullmatch(choices.keep_alive):
        raise typer.BadParameter(
            f"--keep-alive takes a duration such as 10m or -1, not {choices.keep_alive!r}"
        )
    if choices.nodes == 1 and (choices.head_address or choices.node_launcher != usual.node_launcher):
        raise typer.BadParameter("--head-address and --node-launcher belong to --nodes, of 2 or more")
    for option, host in (("--host", choices.host), ("--head-address", choices.head_address)):
        if (host or option == "--host") and not _HOST.fullmatch(host):
            raise typer.BadParameter(f"{option} takes an address or a name such as 127.0.0.1, not {host!r}")
