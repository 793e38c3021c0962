"""What the tools work on, opened when a tool first needs it.

It knows the nouns of the rooms below and how none of them is made: whoever builds a ``Services``
(the command line, a test) says that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deploy.spec import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.catalog import Catalog
    from deploy.endpoint import Endpoint
    from deploy.spec import Machine
    from rag.library import Library


@dataclass(frozen=True, slots=True)
class Services:
    """Callables that open what a tool needs; making a ``Services`` opens nothing.

    Attributes:
        library: the private library; the same object on every call, safe to call from several threads.
        endpoint: where a model answers now, or None where none runs.
        machine: what this machine has at this moment.
        catalog: the models that the planner knows.
        workload: context and sequences where a tool's caller names none.
    """

    library: Callable[[], Library]
    endpoint: Callable[[], Endpoint | None]
    machine: Callable[[], Machine]
    catalog: Callable[[], Catalog]
    workload: Workload = field(default_factory=Workload)
