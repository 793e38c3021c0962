"""Which of three ways a model is made to call tools in.

It turns a wish into an endpoint's capabilities, from which all else follows. It asks no server:
``deploy.probing`` did, and what it found is the way that ``auto`` takes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint

# native: the server shows the tools to the model and reads its calls. constrained: the model replies under a
# JSON schema. prompted: it is only told what to reply, and its text is searched for that.
CallingWay: TypeAlias = Literal["native", "constrained", "prompted"]
CALLING_WAYS: Final[tuple[CallingWay, ...]] = ("native", "constrained", "prompted")


def calling_way(endpoint: Endpoint) -> CallingWay:
    """The way that the endpoint's capabilities lead to."""
    if endpoint.capabilities.native_tools:
        return "native"
    return "constrained" if endpoint.capabilities.json_schema else "prompted"


def called_by(endpoint: Endpoint, way: CallingWay | Literal["auto"]) -> Endpoint:
    """The endpoint, made to be called in that way whatever it can do; ``auto`` leaves it as it is."""
    if way == "auto":
        return endpoint
    capabilities = replace(
        endpoint.capabilities, native_tools=way == "native", json_schema=way == "constrained"
    )
    return replace(endpoint, capabilities=capabilities)
