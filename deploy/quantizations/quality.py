"""How much of a model's ability a quantization costs: more with fewer bits, and more in smaller models.

Two published series are joined. How the loss shrinks with size is measured on reasoning benchmarks (AIME
2024, MATH-500, GPQA Diamond) for 4-bit weights with a scale for 128 of them; how formats compare is
llama.cpp's perplexity of Llama-3-8B in each (``deploy.quantizations.quantization``). Everything between and
beyond the measured sizes, and the product of the two series, is interpolation: good for a ranking, not for a
promise about one benchmark.
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, expm1, log, log1p
from typing import TYPE_CHECKING, NamedTuple

from deploy.quantizations.quantization import find_quantization
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.quantizations.quantization import Quantization


class Measured(NamedTuple):
    """The share of its 16-bit benchmark average that a model of a size loses in 4 bits."""

    params_billion: float
    loss: float


# Neural Magic, "Quantized DeepSeek-R1 Models", 27 February 2025 (https://neuralmagic.com/?p=7899): INT4
# recovers about 94 % at 1.5B and at least 97 % from 7B on. ISTA-DASLab's card of
# DeepSeek-R1-0528-GPTQ-4b-128g-experts: 99.82 % of the published model's average (in FP8) at 671B.
FOUR_BIT_LOSSES = (Measured(1.5, 0.06), Measured(7.6, 0.03), Measured(671.0, 0.0018))

# Those checkpoints are GPTQ with groups of 128; by bits and by perplexity its relative in llama.cpp's table
# is Q4_K_S.
_FOUR_BIT_RELATIVE = "Q4_K_S"


def ability_loss(
    quantization: Quantization | str, params_billion: float, *, published_in: str = "BF16"
) -> float:
    """The share of a model's benchmark scores that a quantization is expected to cost, from 0 to below 1.

    Args:
        quantization: a format, or its name.
        params_billion: all parameters of the model, in billions.
        published_in: the quantization that the model's makers published and scored, ``MXFP4`` for gpt-oss: it
            costs nothing, and nor does more precision.

    Raises:
        PlanError: the quantization is unknown, or the size is not positive.

    Example:
        >>> [round(ability_loss("Q4_K_M", size), 3) for size in (1.5, 7.6, 32.0)]
        [0.04, 0.02, 0.008]
    """
    chosen = find_quantization(quantization) if isinstance(quantization, str) else quantization
    published = find_quantization(published_in)
    if chosen.base_type == published.base_type or chosen.nominal_bits > published.nominal_bits:
        return 0.0
    severity = chosen.perplexity_increase / find_quantization(_FOUR_BIT_RELATIVE).perplexity_increase
    # Losses of independent errors multiply in what remains, so that many of them approach 1 and never pass
    # it.
    return -expm1(severity * log1p(-_four_bit_loss(params_billion)))


def _four_bit_loss(params_billion: float) -> float:
    """The measured series, a straight line between its points with both axes logarithmic, and beyond them."""
    if params_billion <= 0:
        raise PlanError(
            f"a model has more than 0 parameters, not {params_billion} billion", hint="stillroom models list"
        )
    lines = tuple(pairwise(FOUR_BIT_LOSSES))
    left, right = next((line for line in lines if params_billion <= line[1].params_billion), lines[-1])
    slope = log(right.loss / left.loss) / log(right.params_billion / left.params_billion)
    return min(0.5, left.loss * exp(slope * log(params_billion / left.params_billion)))
