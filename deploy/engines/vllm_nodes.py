"""One vLLM over several machines: what a person types on each of them.

Pure. Machines are taken to have the same GPUs, in the same order. Stillroom starts none of these commands:
it reaches no other machine. Once they run, ``stillroom up`` attaches to the first by its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.spec import NodeCommands
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.engines.base import LaunchOptions
    from deploy.serving import Placement

# Ray's own default, and vLLM's for the address at which its processes meet.
_RAY_PORT: Final = 6379
_MEETING_PORT: Final = 29501


def across_nodes(
    serve: tuple[str, ...], environment: Mapping[str, str], placement: Placement, options: LaunchOptions
) -> tuple[NodeCommands, ...]:
    """The commands of each machine, the one that answers requests first.

    Args:
        serve: ``vllm serve`` as it would be typed if one machine had all the GPUs.
        environment: what each command gets beside the GPUs that it sees.
        placement: one GPU a rank, those of the first machine first.
        options: how many machines, what joins them, and the first one's address.

    Raises:
        EngineError: the ranks cannot be divided among so many machines, or the first has no address.
    """
    ranks, nodes = len(placement.gpus), options.nodes
    each = ranks // nodes
    if not each or ranks % nodes or each % placement.tensor_parallel:
        raise EngineError(
            f"{ranks} GPUs with a tensor parallel size of {placement.tensor_parallel} cannot be divided "
            f"among {nodes} machines",
            hint="name as many GPUs for each machine: --gpus",
        )
    if not options.head_address:
        raise EngineError(
            f"{nodes} machines need the address of the first, as the others reach it",
            hint="--head-address 10.0.0.1",
        )
    visible = {**environment, "CUDA_VISIBLE_DEVICES": ",".join(str(index) for index in range(each))}
    env = ("env", *(f"{name}={value}" for name, value in visible.items()))
    if options.node_launcher == "ray":
        return _by_ray(serve, env, options)
    return _by_nnodes(serve, env, options)


def _by_ray(serve: tuple[str, ...], env: tuple[str, ...], options: LaunchOptions) -> tuple[NodeCommands, ...]:
    head = (*env, "ray", "start", "--head", f"--port={_RAY_PORT}")
    joined = (*env, "ray", "start", f"--address={options.head_address}:{_RAY_PORT}", "--block")
    served = (*env, *serve, "--distributed-executor-backend", "ray")
    others = tuple(NodeCommands(rank, (joined,)) for rank in range(1, options.nodes))
    return (NodeCommands(0, (head, served)), *others)


def _by_nnodes(
    serve: tuple[str, ...], env: tuple[str, ...], options: LaunchOptions
) -> tuple[NodeCommands, ...]:
    def command(rank: int) -> tuple[str, ...]:
        meeting = ("--master-addr", options.head_address, "--master-port", str(_MEETING_PORT))
        joined = (*env, *serve, "--nnodes", str(options.nodes), "--node-rank", str(rank), *meeting)
        return joined if rank == 0 else (*joined, "--headless")

    return tuple(NodeCommands(rank, (command(rank),)) for rank in range(options.nodes))
