"""What decisions found out about a server and its model, for those that follow: finding out costs requests.

An agent is made anew for each question, so it is kept for the process, and of the model as its server
identifies it: another digest of the same name, or another engine at the same address, is met as a stranger.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agents.calling.choice import Baselines

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint

# As many as reports of probes are kept; who talks with more models than these learns of the oldest again.
_MOST_MODELS: Final = 64


@dataclass
class Learned:
    """What is known by now; threads may add to it.

    Attributes:
        baselines: what the model names for an empty message.
        chooses: the server takes the request for a first choice.
        has_system: its template has a place for instructions.
    """

    baselines: Baselines = field(default_factory=Baselines)
    chooses: bool = True
    has_system: bool = True


class LearnedOfModels:
    """What was learned of each model, the last used ones; threads may share it."""

    def __init__(self, most_models: int = _MOST_MODELS) -> None:
        self._most_models = most_models
        self._kept: OrderedDict[str, Learned] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, endpoint: Endpoint) -> Learned:
        """What was learned of the model that answers there, to be added to.

        Of a server that nobody asked who it is, nothing is kept: the next model may have its address.
        """
        identity = endpoint.capabilities.identity
        if not identity:
            return Learned()
        with self._lock:
            found = self._kept.setdefault(identity, Learned())
            self._kept.move_to_end(identity)
            if len(self._kept) > self._most_models:
                self._kept.popitem(last=False)
        return found


_LEARNED: Final = LearnedOfModels()


def learned_of(endpoint: Endpoint) -> Learned:
    """What this process has learned of the model that answers there, to be added to."""
    return _LEARNED.of(endpoint)
