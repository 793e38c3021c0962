"""The published rule of thumb for GPU memory: M = P · 4 · 1.2 / (32 / Q).

It is shown beside every plan because people know it. It knows nothing of context, architecture or engine,
and the planner does not use it: its 20 % is used up by the mixed precision of 4-bit files alone.
"""

from __future__ import annotations

from stillroom.errors import PlanError

_BYTES_PER_FULL_PARAMETER = 4
_FULL_PRECISION_BITS = 32
_WHATEVER_ELSE_IS_LOADED = 1.2
# Far above any model; infinity would print as no JSON number.
_MOST_PARAMS_BILLION = 100_000
# Binary fractions would print 7 · 0.6 as 4.199999999999999; a kilobyte is far below the rule's own precision.
_DECIMALS = 6


def rule_of_thumb_gb(params_billion: float, bits: float) -> float:
    """GPU memory in GB of 10**9 bytes for ``params_billion`` parameters loaded with ``bits`` bits each.

    Raises:
        PlanError: a quantity is not positive, or beyond any model.

    Example:
        >>> rule_of_thumb_gb(7, 4)
        4.2
    """
    if not (0 < params_billion <= _MOST_PARAMS_BILLION and 0 < bits <= _FULL_PRECISION_BITS):
        raise PlanError(
            f"the rule of thumb takes 0 to {_MOST_PARAMS_BILLION:,} billion parameters at up to "
            f"{_FULL_PRECISION_BITS:g} bits, not {params_billion:g} billion at {bits:g}",
            hint="stillroom plan --rule-of-thumb --params 7 --bits 4",
        )
    memory_gb = (
        params_billion * _BYTES_PER_FULL_PARAMETER * _WHATEVER_ELSE_IS_LOADED / (_FULL_PRECISION_BITS / bits)
    )
    return round(memory_gb, _DECIMALS)
