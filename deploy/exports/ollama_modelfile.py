"""A launch specification as Ollama's Modelfile: the model that carries the planned context.

Values in, text out. It does not know whether the base model is there, and it gives nothing to a server.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from stillroom.errors import EngineError

if TYPE_CHECKING:
    from deploy.spec import LaunchSpec


def ollama_modelfile(spec: LaunchSpec, *, hint: str) -> str:
    """The Modelfile, headed by the command that makes a model of it.

    Args:
        spec: of the Ollama engine.
        hint: what to type instead where it is of another.

    Raises:
        EngineError: the engine derives no model.

    Example:
        >>> print(ollama_modelfile(spec, hint=""), end="")  # doctest: +SKIP
        # ollama create stillroom-deepseek-r1-7b:ctx8192 -f Modelfile
        FROM deepseek-r1:7b
        PARAMETER num_ctx 8192
    """
    derived = spec.derived_model
    if derived is None:
        raise EngineError(
            f"a Modelfile is for Ollama, and this plan is for the {spec.engine} engine", hint=hint
        )
    quantize = ["--quantize", derived.quantize] if derived.quantize else []
    command = shlex.join(["ollama", "create", derived.name, *quantize, "-f", "Modelfile"])
    return f"# {command}\n{derived.modelfile()}\n"
