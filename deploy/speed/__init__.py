"""How fast a model answers: decoding from memory bandwidth, prompts from arithmetic, both as intervals."""

from deploy.speed.decode import decode_speed
from deploy.speed.figures import MINIMUM_TOKENS_PER_S
from deploy.speed.prefill import prefill_speed

__all__ = ["MINIMUM_TOKENS_PER_S", "decode_speed", "prefill_speed"]
