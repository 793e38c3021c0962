"""Which of this process's variables an ingest is given: what it runs and embeds with, and no more.

It reads documents that anybody may have written, with parsers that other people wrote; the keys of other
services and the tokens of this server are not for it. Settings are added by whoever knows them. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.mcp_servers.environment import inherited

if TYPE_CHECKING:
    from collections.abc import Mapping

# Which file the settings are read from is no secret, and another one would change them.
_OURS: Final = "STILLROOM_CONFIG"
_PLACES: Final = frozenset(
    {"CONDA_PREFIX", "VIRTUAL_ENV", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ANONYMIZED_TELEMETRY", _OURS}
)
# How a server of embeddings is reached.
_PROXIES: Final = frozenset({"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})
_PREFIXES: Final = (
    # The interpreter, and where shared libraries are.
    *("PYTHON", "LD_", "DYLD_", "NIX_LD"),
    # Graphics cards.
    *("CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_"),
    # sentence-transformers, and where it has its models; HF_TOKEN opens those that are gated.
    *("HF_", "HUGGING", "SENTENCE_TRANSFORMERS_", "TOKENIZERS_", "TORCH_", "PYTORCH_", "TRANSFORMERS_"),
    # Threads of what computes.
    *("KMP_", "MKL_", "OMP_", "OPENBLAS_", "ORT_"),
    # Text in pictures.
    "TESSDATA_",
)


def for_ingest(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that it may have.

    Example:
        >>> for_ingest({"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0", "STILLROOM_MCP_TOKEN": "s"})
        {'PATH': '/bin', 'CUDA_VISIBLE_DEVICES': '0'}
    """
    own = {name: value for name, value in environment.items() if _is_needed(name.upper())}
    return {**inherited(environment), **own}


def _is_needed(name: str) -> bool:
    return name in _PLACES or name in _PROXIES or name.startswith(_PREFIXES)
