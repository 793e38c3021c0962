"""A launch specification as a Compose file: the engine in a container, its GPUs, volumes and health check.

Values in, text out. The specification is that of an engine which listens on every address *within* its
container; the file publishes the port on this machine's loopback alone, unless ``PUBLISH_ADDRESS`` says more.
What each engine's container needs is in ``deploy.exports.compose_services``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy.exports import container_images
from deploy.exports.compose_services import services
from deploy.exports.secret_variables import API_KEY, needed
from deploy.exports.shell_script import one_line
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec, Machine

# Longer than any line: a folded one reads as two.
_WIDTH: Final = 2**16


def compose_file(
    spec: LaunchSpec,
    plan: Plan,
    machine: Machine,
    *,
    title: str,
    weights: Path | None,
    image: str = "",
    name: str = "FILE",
) -> str:
    """The file.

    Args:
        spec: made for the plan with ``host="0.0.0.0"``; its port is used inside and outside.
        plan: which GPUs, which adapters.
        machine: whose GPUs these are.
        title: one sentence: what is served.
        weights: a file or folder of the machine that the engine loads; None where it fetches them by name.
        image: in place of the engine's own.
        name: of the file, as it is typed.

    Raises:
        EngineError: a container cannot be given these GPUs, or the model is spread over several machines.
    """
    import yaml

    if spec.nodes:
        raise EngineError(
            f"a Compose file is for one machine, and the plan takes {len(spec.nodes)}",
            hint="stillroom export argv",
        )
    _require_reachable_gpus(plan, machine)
    document = {"name": f"stillroom-{spec.engine}", **services(spec, plan, weights=weights, image=image)}

    class Dumper(yaml.SafeDumper):
        """Lists stand further in than their names, and texts of several lines as they are."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  PyYAML's own
            super().increase_indent(flow, indentless=False)

    Dumper.add_representer(str, _represent_text)
    Dumper.add_representer(type(None), _represent_nothing)
    body = yaml.dump(
        document, Dumper=Dumper, sort_keys=False, default_flow_style=False, width=_WIDTH, allow_unicode=True
    )
    return f"{_head(spec, plan, title, name)}\n{body}"


def _require_reachable_gpus(plan: Plan, machine: Machine) -> None:
    foreign = [gpu for gpu in machine.gpus if gpu.index in plan.placement.gpus and gpu.vendor != "nvidia"]
    if foreign:
        raise EngineError(
            f"the Compose file reserves GPUs of NVIDIA, and gpu:{foreign[0].index} is {foreign[0].name}",
            hint="stillroom export argv",
        )


def _head(spec: LaunchSpec, plan: Plan, title: str, name: str) -> str:
    lines = [
        one_line(title),
        "Written by stillroom export compose. Start it:",
        "",
        *(f"  {command}" for command in start_commands(spec, name)),
        "",
        "Stillroom then uses it with these settings:",
        "",
        f"  STILLROOM_ENDPOINT_URL=http://127.0.0.1:{spec.port}/v1",
        f"  STILLROOM_ENDPOINT_ENGINE={spec.engine}",
        f"  STILLROOM_ENDPOINT_MODEL={one_line(spec.served_model)}",
        f"  STILLROOM_CONTEXT_TOKENS={plan.workload.context_tokens}",
    ]
    if needed(spec):
        lines += [
            f"  STILLROOM_ENDPOINT_API_KEY=${API_KEY}",
            "",
            f"{API_KEY} is to be set before, and is not in this file.",
            "PUBLISH_ADDRESS=0.0.0.0 opens the port to the network.",
        ]
    else:
        lines += ["", "PUBLISH_ADDRESS=0.0.0.0 opens the port to the network, where nothing asks for a key."]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def start_commands(spec: LaunchSpec, name: str) -> list[str]:
    """What is typed with the file of that name, to return once the model is there."""
    up = f"docker compose --file {name} up --detach"
    if spec.derived_model is not None:
        # `up --wait` takes a service that ends by itself for one that failed (docker/compose issue 10596).
        return [up, f"docker compose --file {name} wait ollama-model"]
    if spec.engine == "embedded":
        build = f"docker build --file docker/Dockerfile --tag {container_images.STILLROOM} ."
        return [f"{build}  # once, in a checkout of Stillroom", f"{up} --wait"]
    return [f"{up} --wait"]


def _represent_text(dumper: Any, text: str) -> Any:  # noqa: ANN401  PyYAML's own types are loose here
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_nothing(dumper: Any, _: None) -> Any:  # noqa: ANN401
    return dumper.represent_scalar("tag:yaml.org,2002:null", "")
