"""Secrets, by the variables that a person sets: what is exported names them and never holds their values.

It reads no variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deploy.spec import LaunchSpec

# Only gated weights need it, and engines take it from their environment where it is.
HUB_TOKEN: Final = "HF_TOKEN"  # noqa: S105  a name

# The setting that ``stillroom up`` takes the engine's key from, whatever the engine itself calls it.
API_KEY: Final = "STILLROOM_ENGINE_API_KEY"


def needed(spec: LaunchSpec) -> dict[str, str]:
    """Without which nothing may start: for each of the engine's variables the one that a person sets.

    Example:
        >>> needed(spec)  # doctest: +SKIP
        {'VLLM_API_KEY': 'STILLROOM_ENGINE_API_KEY'}
    """
    return {name: API_KEY for name in spec.secrets if name != HUB_TOKEN}


def named(spec: LaunchSpec) -> tuple[str, ...]:
    """All that a person sets."""
    return tuple(dict.fromkeys(HUB_TOKEN if name == HUB_TOKEN else API_KEY for name in spec.secrets))
