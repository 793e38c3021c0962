"""Which of three ways a model is made to call tools in.

It turns a wish into an endpoint's capabilities, from which all else follows. It asks no server:
``deploy.probing`` did, and what it found is the way that ``auto`` takes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint, Finding

# native: the server shows the tools to the model and reads its calls. constrained: the model replies under a
# JSON schema. prompted: it is only told what to reply, and its text is searched for that.
CallingWay: TypeAlias = Literal["native", "constrained", "prompted"]
CALLING_WAYS: Final[tuple[CallingWay, ...]] = ("native", "constrained", "prompted")

_WISH: Final = "as agent_calling says"


def calling_way(endpoint: Endpoint) -> CallingWay:
    """The way that the endpoint's capabilities lead to."""
    if endpoint.capabilities.native_tools:
        return "native"
    return "constrained" if endpoint.capabilities.json_schema else "prompted"


def called_by(endpoint: Endpoint, way: CallingWay | Literal["auto"]) -> Endpoint:
    """The endpoint, made to be called in that way whatever it can do; ``auto`` leaves it as it is.

    What was found of its tools says so, too. It is for the agent alone: an answer from the library is bound
    to a schema wherever the server can do that.
    """
    if way == "auto":
        return endpoint
    known = endpoint.capabilities
    capabilities = replace(
        known,
        native_tools=way == "native",
        json_schema=way == "constrained" or (way == "native" and known.json_schema),
        findings=tuple(_wished(item, way) for item in known.findings),
    )
    return replace(endpoint, capabilities=capabilities)


def _wished(item: Finding, way: CallingWay) -> Finding:
    if item.name != "tools" or item.how.startswith(_WISH):
        return item
    return replace(item, value=way, how=f"{_WISH}; auto would be {item.value}: {item.how}")
