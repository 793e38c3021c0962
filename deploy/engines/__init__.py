"""The engines, by name.

Siblings behind one protocol (``deploy.engines.base``) that never import each other; only this module
knows all three.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.engines.embedded import Embedded
from deploy.engines.ollama import DEFAULT_URL, Ollama
from deploy.engines.vllm import Vllm, VllmHome

if TYPE_CHECKING:
    from deploy.engines.base import Engine
    from deploy.spec import EngineName


@dataclass(frozen=True, slots=True)
class EngineHomes:
    """Where a person's engines are.

    Attributes:
        ollama_url: where a server of Ollama that runs already is looked for.
        vllm: the program, image or server of vLLM.
    """

    ollama_url: str = DEFAULT_URL
    vllm: VllmHome = field(default_factory=VllmHome)


def engines(homes: EngineHomes | None = None) -> tuple[Engine, ...]:
    """Every engine, in the order in which the planner prefers them when all else is equal."""
    known = homes or EngineHomes()
    return (Ollama(known.ollama_url), Vllm(known.vllm), Embedded())


def engine(name: EngineName, homes: EngineHomes | None = None) -> Engine:
    """The engine of that name.

    Example:
        >>> engine("embedded").name
        'embedded'
    """
    return {candidate.name: candidate for candidate in engines(homes)}[name]
