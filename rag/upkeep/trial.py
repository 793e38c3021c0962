"""Read every vector of an index and search it, as a program: a damaged file may end the process.

    python -P -m rag.upkeep.trial INDEX

Chroma reads its graph in native code, which a flipped byte sends astray. `rag.upkeep.checking` starts it.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from rag.store.vectors import VectorIndex
from stillroom.errors import StillroomError

_NEAREST = 64
# Searches from all over the graph, a second's worth of them.
_SEARCHES = 500


def main() -> None:
    """Exit code 0, unless a signal ends it: what Chroma itself notices is told elsewhere."""
    folder = Path(sys.argv[1]) / "vectors"
    with contextlib.suppress(StillroomError), contextlib.closing(VectorIndex(folder)) as index:
        ids = list(index.ids())
        vectors = list(index.vectors(ids).values())
        for vector in vectors[:: max(1, len(vectors) // _SEARCHES)]:
            index.search(vector, _NEAREST)


if __name__ == "__main__":
    main()
