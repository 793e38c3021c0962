"""Which Ollama can do what, by its version. Pure.

A build from source calls itself 0.0.0: nothing is concluded from that, and Ollama's own words decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stillroom.addresses import shown_address
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from deploy.spec import DerivedModel

# The first release after chat learned "truncate": false (ollama/ollama#12582, of 11 October 2025). Others cut
# long prompts, and nobody can tell; the context that is served stands in /api/ps since 0.10 (#11331).
_OLDEST: Final = (0, 12, 6)

# Since then Ollama neither converts, nor quantizes, nor takes LoRA adapters while it makes a model
# (ollama/ollama#14969, of September 2026). Models that were made before go on being served.
_NO_CONVERSION: Final = (0, 34, 1)
_LAST_CONVERSION: Final = "0.34.0"

_NUMBERS: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_FROM_SOURCE: Final = (0, 0, 0)

UPDATE_HINT: Final = "update it: https://ollama.com/download"


def version_in(answer: object) -> str | None:
    """What ``GET /api/version`` answered; None where that is not Ollama's answer."""
    version = answer.get("version") if isinstance(answer, dict) else None
    return version if isinstance(version, str) else None


def shortcoming(version: str) -> str:
    """Why that version cannot be used, as a sentence; empty where it can.

    Example:
        >>> shortcoming("0.33.0-rc2")
        ''
    """
    numbers = _numbers(version)
    if numbers is None or numbers >= _OLDEST:
        return ""
    oldest = ".".join(map(str, _OLDEST))
    return f"it is Ollama {version}, and {oldest} or newer is needed: it cuts long prompts without telling"


def require_usable(version: str, *, url: str) -> None:
    """Return if that version can be used.

    Raises:
        EngineUnavailableError: it is too old.
    """
    if reason := shortcoming(version):
        raise EngineUnavailableError(
            f"the server at {shown_address(url)} cannot be used: {reason}", hint=UPDATE_HINT
        )


def require_able(version: str, derived: DerivedModel, *, safetensors: bool) -> None:
    """Return if that version can make the model.

    Args:
        version: of the server.
        derived: what it is to make.
        safetensors: its base is a folder of safetensors.

    Raises:
        EngineError: it no longer takes adapters, or no longer quantizes or converts.
    """
    numbers = _numbers(version)
    if numbers is None or numbers < _NO_CONVERSION:
        return
    last = f"{_LAST_CONVERSION} was the last that did"
    if derived.adapters:
        raise EngineError(
            f"Ollama {version} takes no LoRA adapters, and the plan has {derived.adapters[0]}; {last}",
            hint="stillroom plan --engine embedded, or --engine vllm, with the same --lora",
        )
    if safetensors:
        raise EngineError(
            f"Ollama {version} does not convert safetensors to GGUF, and {derived.base} holds them; {last}",
            hint=f"convert_hf_to_gguf.py {derived.base}  # of llama.cpp's sources",
        )
    if derived.quantize:
        raise EngineError(
            f"Ollama {version} does not quantize, and {derived.base} was to become {derived.quantize}; "
            f"{last}",
            hint=f"llama-quantize {derived.base} model.gguf {derived.quantize}  # of llama.cpp",
        )


def _numbers(version: str) -> tuple[int, ...] | None:
    """None where the version says nothing."""
    match = _NUMBERS.match(version)
    numbers = tuple(int(part) for part in match.groups()) if match else None
    return None if numbers == _FROM_SOURCE else numbers
