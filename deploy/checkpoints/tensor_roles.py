"""What a tensor does, by its name in a GGUF file or in a Hugging Face checkpoint.

Names are those of gguf-py's constants.py (``TENSOR_NAMES``) and tensor_mapping.py, which lists what each
family's checkpoint calls the same tensor. Roles agree with ``deploy.architectures.tensors``. A name that is
not known has the role ``other``, and so has what is no part of the decoder: vision, audio, draft layers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from deploy.architectures.tensor import Role

Rules: TypeAlias = "tuple[tuple[re.Pattern[str], Role], ...]"

_GGUF_BLOCK: Final = re.compile(r"blk\.(\d{1,5})\.(.+)")
_GGUF_OUTSIDE: Final[dict[str, Role]] = {
    "token_embd": "token_embedding",
    "output": "output",
    "rope_freqs": "rope_factors",
    "rope_factors_long": "rope_factors",
    "rope_factors_short": "rope_factors",
    "per_layer_token_embd": "per_layer_input",
    "per_layer_model_proj": "per_layer_input",
}
_GGUF_WITHIN: Final[dict[str, Role]] = {
    "attn_q": "attention_q",
    "attn_k": "attention_k",
    "attn_v": "attention_v",
    "attn_qkv": "attention_qkv",
    "attn_output": "attention_output",
    "attn_gate": "attention_gate",
    "attn_sinks": "attention_sinks",
    "attn_q_a": "latent_q_a",
    "attn_q_b": "latent_q_b",
    "attn_kv_a_mqa": "latent_kv_a",
    "attn_kv_b": "latent_k_b",
    "attn_k_b": "latent_k_b",
    "attn_v_b": "latent_v_b",
    "indexer.attn_q_b": "latent_index",
    "indexer.attn_k": "latent_index",
    "indexer.proj": "latent_index",
    "ssm_in": "linear_attention",
    "ssm_out": "linear_attention",
    "ssm_x": "linear_state",
    "ssm_dt": "linear_state",
    "ssm_a": "linear_state",
    "ssm_d": "linear_state",
    "ssm_ba": "linear_state",
    "ssm_alpha": "linear_state",
    "ssm_beta": "linear_state",
    "ssm_conv1d": "linear_state",
    "ffn_gate": "ffn_gate",
    "ffn_up": "ffn_up",
    "ffn_down": "ffn_down",
    "ffn_gate_inp": "router",
    "ffn_gate_exps": "expert_gate",
    "ffn_up_exps": "expert_up",
    "ffn_gate_up_exps": "expert_up",
    "ffn_down_exps": "expert_down",
    "ffn_gate_shexp": "shared_expert_gate",
    "ffn_up_shexp": "shared_expert_up",
    "ffn_down_shexp": "shared_expert_down",
    "ffn_gate_inp_shexp": "shared_router",
    "inp_gate": "per_layer_input",
    "proj": "per_layer_input",
    "rope_freqs": "rope_factors",
    "rope_factors_long": "rope_factors",
    "rope_factors_short": "rope_factors",
}
# Old files of Mixtral hold one tensor an expert.
_GGUF_ONE_EXPERT: Final = re.compile(r"ffn_(gate|up|down)\.\d+")
_GGUF_EXPERT_ROLES: Final[dict[str, Role]] = {
    "gate": "expert_gate",
    "up": "expert_up",
    "down": "expert_down",
}

# Wrappers around a decoder: multimodal models nest it, GPT-2 and its kin name it otherwise.
_HF_WRAPPERS: Final = (
    r"(?:model\.|language_model\.|text_model\.|transformer\.|gpt_neox\.|backbone\.|decoder\.)*"
)
_HF_LAYER: Final = re.compile(_HF_WRAPPERS + r"(?:encoder\.)?(?:layers|h|blocks)\.(\d{1,5})\.(.+)")
_HF_OUTSIDE: Final = re.compile(_HF_WRAPPERS + r"(?P<name>[a-z_A-Z0-9.]+)")
_EXPERT_NUMBER: Final = re.compile(r"\.\d+\.")
_HF_NOT_THE_DECODER: Final = re.compile(
    r"vision|visual|audio|image|mm_|multi_modal|projector|\bmtp\b|rotary_emb|draft"
)

# What stands beside a weight or in its place in a quantized checkpoint.
PARAMETER_SUFFIX: Final = re.compile(
    r"\.(?:weight(?:_packed|_scale(?:_inv|_2)?|_shape|_zero_point|_g_idx|_global_scale|_format)?"
    r"|qweight|qzeros|scales|g_idx|zeros|SCB|input_scale|input_global_scale|output_scale|[kv]_scale"
    r"|weight\.(?:absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.bitsandbytes__(?:nf4|fp4)))$"
    r"|(?<=_proj)_(?:blocks|scales)$"
)


def _rules(*rows: tuple[str, Role]) -> Rules:
    return tuple((re.compile(rf"(?:.*\.)?(?:{pattern})"), role) for pattern, role in rows)


_HF_OUTSIDE_RULES: Final = _rules(
    ("embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|embedding", "token_embedding"),
    ("embed_tokens_per_layer|per_layer_model_projection", "per_layer_input"),
    ("lm_head|output|embed_out|output_layer", "output"),
    (r"norm|ln_f|final_layer_norm|final_layernorm|\w*_norm|norm_f", "norm"),
)
# The first rule that matches the whole name within the layer, or the end of it after a dot, decides.
_HF_RULES: Final = _rules(
    (r"(?:linear_attn|mamba|mixer)\.norm", "norm"),
    (r"\w*norm\w*|ln_?\d|ln_attn|ln_mlp", "norm"),
    (r"indexer\.\w+", "latent_index"),
    (r"linear_attn\.in_proj_z", "attention_gate"),
    (r"linear_attn\.(?:in_proj_qkvz?|out_proj)|(?:mamba|mixer)\.(?:in_proj|out_proj)", "linear_attention"),
    (r"linear_attn\.\w+|(?:mamba|mixer)\.\w+", "linear_state"),
    (r"(?:self_attn|attn|attention)\.sinks", "attention_sinks"),
    (r"q_a_proj", "latent_q_a"),
    (r"q_b_proj", "latent_q_b"),
    (r"kv_a_proj_with_mqa", "latent_kv_a"),
    (r"kv_b_proj", "latent_k_b"),
    (r"qkv_proj|query_key_value|W_pack|Wqkv|wqkv|qkv|(?:attn|attention)\.c_attn", "attention_qkv"),
    (r"(?:self_attn|attn|attention)\.(?:q_proj|wq|query|q)", "attention_q"),
    (r"(?:self_attn|attn|attention)\.(?:k_proj|wk|key|k)", "attention_k"),
    (r"(?:self_attn|attn|attention)\.(?:v_proj|wv|value|v)", "attention_v"),
    (r"(?:self_attn|attn|attention)\.g(?:ate)?_proj", "attention_gate"),
    (
        r"(?:self_attn|self_attention|attn|attention)\.(?:o_proj|out_proj|wo|dense|c_proj|output)",
        "attention_output",
    ),
    (r"shared_expert_gate", "shared_router"),
    (r"shared_(?:experts?|mlp)\.(?:\d+\.)?(?:gate_proj|w1)", "shared_expert_gate"),
    (r"shared_(?:experts?|mlp)\.(?:\d+\.)?(?:up_proj|w3|gate_up_proj|input_linear)", "shared_expert_up"),
    (r"shared_(?:experts?|mlp)\.(?:\d+\.)?(?:down_proj|w2|output_linear)", "shared_expert_down"),
    (r"experts\.(?:\d+\.)?(?:gate_proj|w1)", "expert_gate"),
    (r"experts\.(?:\d+\.)?(?:up_proj|w3|gate_up_proj)|block_sparse_moe\.input_linear", "expert_up"),
    (r"experts\.(?:\d+\.)?(?:down_proj|w2)|block_sparse_moe\.output_linear", "expert_down"),
    (r"(?:mlp|block_sparse_moe|feed_forward|moe|ffn)\.(?:gate|router)(?:\.(?:layer|wg|gate))?", "router"),
    (r"router(?:\.(?:proj|classifier|linear|layer))?", "router"),
    (r"per_layer_input_gate|per_layer_projection", "per_layer_input"),
    # The first Qwen calls them mlp.w2 and mlp.w1.
    (r"gate_proj|feed_forward\.w1|mlp\.w2", "ffn_gate"),
    (r"up_proj|gate_up_proj|feed_forward\.w3|mlp\.w1|fc1|fc_in|c_fc|dense_h_to_4h", "ffn_up"),
    (r"down_proj|feed_forward\.w2|fc2|fc_out|mlp\.c_proj|dense_4h_to_h", "ffn_down"),
)


def role_of_gguf(name: str) -> tuple[Role, int | None]:
    """The role and the layer of a tensor, by its GGUF name.

    An ``attn_qkv`` is taken for softmax attention; whether its layer is a linear one, its neighbours tell.

    Example:
        >>> role_of_gguf("blk.3.ffn_down_exps.weight"), role_of_gguf("token_embd.weight")
        (('expert_down', 3), ('token_embedding', None))
    """
    match = _GGUF_BLOCK.fullmatch(name)
    layer, within = (int(match[1]), match[2]) if match else (None, name)
    stem, _, ending = within.rpartition(".")
    stem = stem or ending
    if stem.endswith("norm") or re.search(r"norm_\d$", stem):
        return ("bias" if stem.startswith("indexer") and ending == "bias" else "norm"), layer
    if stem.startswith("ssm_"):  # ssm_dt.bias is a parameter of the recurrence, not of a projection
        return _GGUF_WITHIN.get(stem, "other"), layer
    if ending == "bias":
        return "bias", layer
    if layer is None:
        return _GGUF_OUTSIDE.get(stem, "other"), None
    expert = _GGUF_ONE_EXPERT.fullmatch(stem)
    return (_GGUF_EXPERT_ROLES[expert[1]] if expert else _GGUF_WITHIN.get(stem, "other")), layer


def role_of_safetensors(name: str) -> tuple[Role, int | None]:
    """The role and the layer of a tensor, by its name in a Hugging Face checkpoint, of any quantization.

    Example:
        >>> role_of_safetensors("model.layers.7.self_attn.q_proj.qweight")
        ('attention_q', 7)
    """
    if _HF_NOT_THE_DECODER.search(name):
        return "other", None
    module = PARAMETER_SUFFIX.sub("", name)
    match = _HF_LAYER.fullmatch(module)
    if match is not None:
        # Experts differ in their number only: one of them decides for all.
        return _role(_EXPERT_NUMBER.sub(".0.", match[2]), _HF_RULES), int(match[1])
    outside = _HF_OUTSIDE.fullmatch(module)
    return (_role(outside["name"], _HF_OUTSIDE_RULES) if outside else "other"), None


@lru_cache(maxsize=1024)
def _role(module: str, rules: Rules) -> Role:
    """The role of a module; of its bias where the name ends in one, a norm's and a recurrence's apart."""
    is_bias = module.endswith(("bias", "_bias"))
    stem = re.sub(r"[._]bias$", "", module) if is_bias else module
    role = next((role for pattern, role in rules if pattern.fullmatch(stem)), None)
    if is_bias and role not in {"norm", "linear_state"}:
        return "bias"
    return role or "other"
