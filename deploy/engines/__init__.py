"""The engines, by name.

Siblings behind one protocol (``deploy.engines.base``) that never import each other; only this module
knows all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.engines.embedded import Embedded
from deploy.engines.ollama import Ollama
from deploy.engines.vllm import Vllm

if TYPE_CHECKING:
    from deploy.engines.base import Engine
    from deploy.spec import EngineName


def engines() -> tuple[Engine, ...]:
    """Every engine, in the order in which the planner prefers them when all else is equal."""
    return (Ollama(), Vllm(), Embedded())


def engine(name: EngineName) -> Engine:
    """The engine of that name.

    Example:
        >>> engine("embedded").name
        'embedded'
    """
    return {candidate.name: candidate for candidate in engines()}[name]
