"""A floor for decode speed on a CPU, so that nothing is planned that fits and cannot be used.

Decoding reads every weight once a token, so memory bandwidth bounds it. This is a bound for planning, not a
prediction: it does not know the machine's memory, and it says nothing of prompts or GPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.spec import Architecture, Artefact

# llama.cpp decoded R1-Distill-Qwen-1.5B at Q4_K_M (0.98 GB read a token) at 14.4 tokens/s on two shared
# server cores: 7 GB/s a core, of which less than three quarters are counted on.
_BYTES_PER_SECOND_AND_CORE = 5e9
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
