"""A plan for a server that somebody else started: under which name it serves the planned model, if it does.

It asks the server for its models and starts nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.engines.base import attached
from deploy.launching import engine_http
from stillroom.addresses import shown_address
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from deploy.plan import Plan
    from deploy.spec import LaunchSpec


def attached_to(spec: LaunchSpec, plan: Plan, *, url: str) -> LaunchSpec:
    """How to use the server at that URL for the plan.

    A server that makes models on request, as Ollama does, is asked to make the planned one. Any other one
    serves what it was started with: the planned model is looked for among those that it names.

    Args:
        spec: what would start such a server here.
        plan: what is wanted.
        url: the server's root.

    Raises:
        EngineError: it serves other models, or a shorter context.
    """
    there = attached(spec, url=url)
    if there.derived_model is not None:
        return there
    shown = shown_address(url)
    served = engine_http.served_models(there)
    wanted = {name.lower() for name in (plan.model_tag, plan.model_id, plan.weights_name) if name}
    found = next((one for one in served if {one.name.lower(), one.root.lower()} & wanted), None)
    if found is None:
        names = ", ".join(one.name for one in served) or "no model that it names"
        raise EngineError(
            f"the server at {shown} serves {names}, and the plan is for {plan.model_id}",
            hint=f"stillroom up NAME, or use it as it is: STILLROOM_ENDPOINT_URL={there.address}",
        )
    asked = plan.workload.context_tokens
    if found.context_tokens is not None and found.context_tokens < asked:
        raise EngineError(
            f"the server at {shown} was started with {found.context_tokens} tokens of context, and the plan "
            f"is for {asked}",
            hint=f"stillroom up --context {found.context_tokens}",
        )
    return replace(there, served_model=found.name)
