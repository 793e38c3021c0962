"""What the tools work on, opened when a tool first needs it.

It knows the nouns of the rooms below and how none of them is made: whoever builds a ``Services``
(the command line, a test) says that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from deploy.calibration.corrections import UNCALIBRATED
from deploy.spec import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.calling.way import CallingWay
    from agents.running.recorder import Recorder
    from deploy.calibration.corrections import Calibration
    from deploy.catalog import Catalog
    from deploy.endpoint import Endpoint
    from deploy.measurement import Measurement
    from deploy.spec import Machine
    from deploy.supervision.deployment import Deployment
    from rag.library import Library
    from rag.retrieval.options import RetrievalOptions


T = TypeVar("T")


class OpenedOnce(Generic[T]):
    """Calls ``opening`` at the first call and gives its value ever after; an error is not kept.

    Two threads that come first at the same time get one value.
    """

    def __init__(self, opening: Callable[[], T]) -> None:
        self._opening = opening
        self._lock = Lock()
        self._opened: list[T] = []

    def __call__(self) -> T:
        """The one value."""
        with self._lock:
            if not self._opened:
                self._opened.append(self._opening())
            return self._opened[0]

    def peek(self) -> T | None:
        """The one value, if somebody has asked for it; waits for nobody who is opening it."""
        return self._opened[0] if self._opened else None


def _uncalibrated(_machine: Machine) -> Calibration:
    return UNCALIBRATED


def _none_deployed() -> Deployment | None:
    return None


def _not_measured(_deployment: Deployment) -> Measurement | None:
    return None


def _no_recorder() -> Recorder | None:
    return None


def _plain_retrieval() -> RetrievalOptions:
    from rag.retrieval.options import RetrievalOptions

    return RetrievalOptions()


@dataclass(frozen=True, slots=True)
class Services:
    """Callables that open what a tool needs; making a ``Services`` opens nothing.

    Attributes:
        library: the private library; it may be used from several threads.
        endpoint: where a model answers now, or None where none runs.
        machine: what this machine has at this moment.
        catalog: the models that the planner knows.
        workload: context and sequences where a tool's caller names none.
        calibration: what launches measured, for plans on a machine.
        retrieval: how the library is searched.
        deployment: what ``stillroom up`` started, in whatever state; None where nothing.
        measured: the memory that a deployment takes now; None where it cannot be told.
        calling: in which way an agent's model calls tools; ``auto`` for that of the endpoint.
        recorder: what keeps a record of one run of the agent; None where nobody wants one.
        library_name: by which people and addresses call the library.
    """

    library: Callable[[], Library]
    endpoint: Callable[[], Endpoint | None]
    machine: Callable[[], Machine]
    catalog: Callable[[], Catalog]
    workload: Workload = field(default_factory=Workload)
    calibration: Callable[[Machine], Calibration] = _uncalibrated
    retrieval: Callable[[], RetrievalOptions] = _plain_retrieval
    deployment: Callable[[], Deployment | None] = _none_deployed
    measured: Callable[[Deployment], Measurement | None] = _not_measured
    calling: CallingWay | Literal["auto"] = "auto"
    recorder: Callable[[], Recorder | None] = _no_recorder
    library_name: str = "default"

    def for_threads(self) -> Services:
        """The same services, what is slow to open opened once whichever thread asks first."""
        return replace(
            self,
            library=OpenedOnce(self.library),
            catalog=OpenedOnce(self.catalog),
            retrieval=OpenedOnce(self.retrieval),
        )
