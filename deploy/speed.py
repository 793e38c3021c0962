"""A floor for decode speed on a CPU, so that nothing is planned that fits and cannot be used.

Decoding reads every weight once a token, so memory bandwidth bounds it. This is a bound for planning, not a
prediction: it does not know the machine's memory, and it says nothing of prompts or GPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.spec import Architecture, Artefact

# Measured with llama.cpp: SmolLM2 135M at Q4_1 (96.6 MB read a token) wrote 42 to 48 tokens/s on two shared
# server cores, 4.0 to 4.7 GB/s. A desktop's cores do better.
_BYTES_PER_SECOND_AND_CORE = 2.2e9
# More cores stop helping once memory is saturated: about half of the 38.4 GB/s of two channels of DDR4-2400.
_BYTES_PER_SECOND = 20e9

# Slow reading, about 180 words a minute; a reasoning model below that thinks for many minutes.
MINIMUM_TOKENS_PER_S = 4.0


def cpu_decode_tokens_per_s(architecture: Architecture, artefact: Artefact, *, cores: int) -> float:
    """Tokens per second that a CPU with ``cores`` cores decodes at least, one sequence at a short context."""
    read_bytes = artefact.total_bytes
    if not architecture.tied_embeddings:
        # One row of the token embedding is looked up; a tied one is read whole as the output projection.
        read_bytes -= artefact.cpu_resident_bytes
    return min(cores * _BYTES_PER_SECOND_AND_CORE, _BYTES_PER_SECOND) / read_bytes
