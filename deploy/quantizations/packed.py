"""What safetensors checkpoints take in each packed format, from FP8 to NF4.

Only the projections of decoder layers are packed, experts' too; embeddings, output, norms, biases and routers
stay in 16 bits, as in the checkpoints of Neural Magic, casperhansen, DeepSeek and OpenAI. It knows no GGUF.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING

from deploy.architectures.tensor import EXPERT_ROLES

if TYPE_CHECKING:
    from deploy.architectures.tensor import Tensor

# What is a linear projection within a decoder layer. Latent attention's indexer and per-layer inputs are
# small and stay as they are.
LINEAR_ROLES = frozenset({
    "attention_q",
    "attention_k",
    "attention_v",
    "attention_qkv",
    "attention_output",
    "attention_gate",
    "latent_q_a",
    "latent_q_b",
    "latent_kv_a",
    "latent_k_b",
    "latent_v_b",
    "linear_attention",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
    "expert_gate",
    "expert_up",
    "expert_down",
    "shared_expert_gate",
    "shared_expert_up",
    "shared_expert_down",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packing:
    """How a projection is stored.

    Attributes:
        kind: what the tensors are called: a safetensors dtype or a format's name.
        weight_bits: of one weight, without scales.
        group: how many weights of a row share a scale; 0 for one scale a row or none.
        scale_bits: of a group's scale.
        zero_points: a group has a zero point too, in as many bits as a weight.
        scale_block: side of a square of weights that shares a 32-bit scale (DeepSeek's FP8); 0 for none.
        outer_group_bits: a second level of scales, over ``outer_group`` groups.
        experts_only: in a mixture of experts only the experts are packed (gpt-oss).
        packs: False for plain 16- and 32-bit checkpoints, where everything is stored alike.
    """

    kind: str
    weight_bits: int
    group: int = 0
    scale_bits: int = 0
    zero_points: bool = False
    scale_block: int = 0
    outer_group: int = 0
    outer_group_bits: int = 0
    experts_only: bool = False
    packs: bool = True

    def stored_bytes(self, shape: tuple[int, ...]) -> int:
        """What a projection of that shape takes, scales and zero points included.

        Scales that are one a row (FP8, INT8) or one a tensor (NVFP4) are left out: they are less than 0.1 %.
        So is GPTQ's ``g_idx``, one index an input feature.
        """
        elements = prod(shape)
        bits = elements * self.weight_bits
        if self.group:
            groups = elements // shape[-1] * ceil(shape[-1] / self.group)
            bits += groups * (self.scale_bits + (self.weight_bits if self.zero_points else 0))
            if self.outer_group:
                bits += ceil(groups / self.outer_group) * self.outer_group_bits
        if self.scale_block:
            rows, columns = (ceil(size / self.scale_block) for size in shape[-2:])
            bits += prod(shape[:-2]) * rows * columns * 32
        return ceil(bits / 8)


PACKINGS = {
    "BF16": Packing("BF16", 16, packs=False),
    "F16": Packing("F16", 16, packs=False),
    "F32": Packing("F32", 32, packs=False),
    "FP8": Packing("F8_E4M3", 8),
    # DeepSeek V3 and R1: ``weight_block_size`` [128, 128] in their config.json.
    "FP8_BLOCK": Packing("F8_E4M3", 8, scale_block=128),
    "INT8": Packing("I8", 8),
    # A 16-bit scale and a 4-bit zero point a group: AutoAWQ's ``scales`` and ``qzeros``, and GPTQ's alike.
    "AWQ": Packing("AWQ", 4, group=128, scale_bits=16, zero_points=True),
    "GPTQ": Packing("GPTQ", 4, group=128, scale_bits=16, zero_points=True),
    "GPTQ-G32": Packing("GPTQ", 4, group=32, scale_bits=16, zero_points=True),
    # Compressed tensors, symmetric: no zero points.
    "W4A16": Packing("I4", 4, group=128, scale_bits=16),
    # OCP Microscaling: an 8-bit exponent for 32 weights.
    "MXFP4": Packing("MXFP4", 4, group=32, scale_bits=8, experts_only=True),
    # An FP8 scale for 16 weights.
    "NVFP4": Packing("NVFP4", 4, group=16, scale_bits=8),
    # bitsandbytes: a 32-bit maximum for 64 weights, or an 8-bit one and another 32 bits for 256 of those.
    "NF4": Packing("NF4", 4, group=64, scale_bits=32),
    "NF4-DQ": Packing("NF4", 4, group=64, scale_bits=8, outer_group=256, outer_group_bits=32),
}


def is_packed(tensor: Tensor, packing: Packing, *, mixture: bool) -> bool:
    """Whether a packed checkpoint stores this tensor in its format and not in 16 bits."""
    if not packing.packs or len(tensor.shape) < 2:  # noqa: PLR2004 -- a vector
        return False
    return tensor.role in (EXPERT_ROLES if mixture and packing.experts_only else LINEAR_ROLES)
