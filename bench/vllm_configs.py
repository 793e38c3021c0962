"""Configurations in Hugging Face's layout that ``bench/memory_vllm.py`` lets vLLM fill with made-up data.

Shapes are those of the models' published ``config.json`` files; where one is cut, its name says so.
"""

from __future__ import annotations

_DENSE: dict[str, object] = {"torch_dtype": "bfloat16", "hidden_act": "silu", "rms_norm_eps": 1e-6}
_LOCAL_TO_GLOBAL = 6  # Gemma 3: every sixth layer sees the whole context
_QWEN3 = _DENSE | {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_936,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": True,
    "rope_theta": 1_000_000,
}

CONFIGS: dict[str, dict[str, object]] = {
    "DeepSeek-R1-Distill-Qwen-1.5B": _DENSE
    | {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": 1536,
        "num_hidden_layers": 28,
        "intermediate_size": 8960,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": False,
        "rope_theta": 10_000,
    },
    "Qwen3-0.6B": _QWEN3 | {"hidden_size": 1024, "intermediate_size": 3072},
    "Qwen3-1.7B": _QWEN3 | {"hidden_size": 2048, "intermediate_size": 6144},
    "Llama-3.2-1B": _DENSE
    | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 2048,
        "num_hidden_layers": 16,
        "intermediate_size": 8192,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "vocab_size": 128_256,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": True,
        "rope_theta": 500_000,
    },
    "gemma-3-1b": _DENSE
    | {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "hidden_size": 1152,
        "num_hidden_layers": 26,
        "intermediate_size": 6912,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "query_pre_attn_scalar": 256,
        "sliding_window": 512,
        "layer_types": [
            "sliding_attention" if (number + 1) % _LOCAL_TO_GLOBAL else "full_attention"
            for number in range(26)
        ],
        "hidden_activation": "gelu_pytorch_tanh",
        "vocab_size": 262_144,
        "max_position_embeddings": 32_768,
        "tie_word_embeddings": True,
        "rope_theta": 1_000_000,
        "rope_local_base_freq": 10_000,
    },
    "DeepSeek-V2-Lite, 3 of 27 layers": _DENSE
    | {
        "architectures": ["DeepseekV2ForCausalLM"],
        "model_type": "deepseek_v2",
        "hidden_size": 2048,
        "num_hidden_layers": 3,
        "intermediate_size": 10_944,
        "moe_intermediate_size": 1408,
        "n_routed_experts": 64,
        "num_experts_per_tok": 6,
        "n_shared_experts": 2,
        "first_k_dense_replace": 1,
        "moe_layer_freq": 1,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "kv_lora_rank": 512,
        "q_lora_rank": None,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "topk_method": "greedy",
        "scoring_func": "softmax",
        "n_group": 1,
        "topk_group": 1,
        "norm_topk_prob": False,
        "routed_scaling_factor": 1.0,
        "vocab_size": 102_400,
        "max_position_embeddings": 163_840,
        "tie_word_embeddings": False,
        "rope_theta": 10_000,
    },
}
