"""How a search is to be made, and what it found: values that go along from the command line to the end.

It knows no library, no model and no index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rag.retrieval.fusion import DEFAULT_METHOD, FusionMethod
from rag.store.filters import Filter

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint
    from rag.document import Hit
    from rag.retrieval.reranker import Reranker

Stage = Literal["lexical", "dense", "hybrid"]
Expansion = Literal["fusion", "hyde", "translate"]

# A cross-encoder of 300M parameters reads about as many passages a second on a CPU core.
_RERANKED = 24


@dataclass(frozen=True, slots=True)
class RetrievalOptions:
    """What a person may choose of a search.

    Attributes:
        stage: ``lexical``: by words alone; ``dense``: by meaning alone; ``hybrid``: both.
        fusion: how both are blended; see `rag.retrieval.fusion.fuse`.
        dense_weight: the share of meaning, 0 to 1; None for what suits the fusion.
        only: which documents are looked into.
        reranker: judges the first passages anew; None for none.
        reranked: how many it judges.
        expansion: how a model widens the question first; None for not at all.
        endpoint: that model; without one nothing is widened, which is noted.
    """

    stage: Stage = "hybrid"
    fusion: FusionMethod = DEFAULT_METHOD
    dense_weight: float | None = None
    only: Filter = field(default_factory=Filter)
    reranker: Reranker | None = None
    reranked: int = _RERANKED
    expansion: Expansion | None = None
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one step of a search did.

    Attributes:
        name: ``filter``, ``expand``, ``embed``, ``dense``, ``lexical``, ``fuse``, ``rerank``, ``read``.
        candidates: how many passages it gave on; of ``filter`` documents, of ``expand`` and ``embed`` texts.
        milliseconds: that it took.
    """

    name: str
    candidates: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found, and how.

    Attributes:
        hits: best first.
        stages: in the order in which they ran.
        notes: what a person should know: a model that did not answer, a filter that lets nothing through.
        queries: what was searched for besides the question itself.
        lexical_trust: how far words were trusted in the blend, 0 to 1: see `rag.retrieval.evidence`.
    """

    hits: tuple[Hit, ...]
    stages: tuple[StageReport, ...] = ()
    notes: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    lexical_trust: float = 1.0
