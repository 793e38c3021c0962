"""The engines, by name.

Siblings behind one protocol (``deploy.engines.base``) that never import each other; only this module
knows all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.engines.embedded import Embedded
from deploy.engines.ollama import DEFAULT_URL, Ollama
from deploy.engines.vllm import Vllm

if TYPE_CHECKING:
    from deploy.engines.base import Engine
    from deploy.spec import EngineName


def engines(*, ollama_url: str = DEFAULT_URL) -> tuple[Engine, ...]:
    """Every engine, in the order in which the planner prefers them when all else is equal.

    Args:
        ollama_url: where a server of Ollama that runs already is looked for.
    """
    return (Ollama(ollama_url), Vllm(), Embedded())


def engine(name: EngineName, *, ollama_url: str = DEFAULT_URL) -> Engine:
    """The engine of that name; ``ollama_url`` as for ``engines``.

    Example:
        >>> engine("embedded").name
        'embedded'
    """
    return {candidate.name: candidate for candidate in engines(ollama_url=ollama_url)}[name]
