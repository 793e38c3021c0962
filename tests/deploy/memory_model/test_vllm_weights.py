"""What each of vLLM's ranks holds of a model."""

from __future__ import annotations

from dataclasses import replace

from deploy.architectures.shape import Attention
from deploy.memory_model.vllm_kv import pipeline_stages
from deploy.memory_model.vllm_weights import padded_vocabulary, rank_weights
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.serving import Placement
from tests.deploy.memory_model.published import DEEPSEEK_V2_LITE, LLAMA3_8B, QWEN3_600M, R1_QWEN_1_5B, dense


def on_gpus(tensor_parallel: int, pipeline_parallel: int = 1) -> Placement:
    ranks = tensor_parallel * pipeline_parallel
    return Placement(
        tuple(range(ranks)), tensor_parallel=tensor_parallel, pipeline_parallel=pipeline_parallel
    )


def test_tensor_parallel_ranks_add_up_to_the_model_and_what_each_repeats() -> None:
    checkpoint = compute_checkpoint(LLAMA3_8B, "BF16", file_format="safetensors")
    repeated = sum(t.stored_bytes for t in checkpoint.tensors if t.role == "norm")
    for ranks in (1, 2, 4, 8):
        (rank,) = rank_weights(LLAMA3_8B, checkpoint, on_gpus(ranks))
        assert ranks * rank.stored_bytes == checkpoint.tensor_bytes + (ranks - 1) * repeated


def test_kv_heads_are_repeated_once_there_are_more_ranks_than_heads() -> None:
    checkpoint = compute_checkpoint(R1_QWEN_1_5B, "BF16", file_format="safetensors")
    size = {
        role: sum(t.stored_bytes for t in checkpoint.tensors if t.role == role)
        for role in ("attention_k", "attention_v", "norm")
    }
    biases = sum(
        t.stored_bytes for t in checkpoint.tensors if t.role == "bias" and not t.name.endswith("attn_q.bias")
    )
    (rank,) = rank_weights(R1_QWEN_1_5B, checkpoint, on_gpus(4))
    keys_and_values = size["attention_k"] + size["attention_v"] + biases
    cut = checkpoint.tensor_bytes - keys_and_values - size["norm"]
    assert rank.stored_bytes == cut // 4 + keys_and_values // 2 + size["norm"]


def test_down_projections_of_latent_attention_are_on_each_rank() -> None:
    checkpoint = compute_checkpoint(DEEPSEEK_V2_LITE, "BF16", file_format="safetensors")
    repeated = sum(
        t.stored_bytes
        for t in checkpoint.tensors
        if t.role in {"norm", "router", "latent_q_a", "latent_kv_a"}
    )
    (rank,) = rank_weights(DEEPSEEK_V2_LITE, checkpoint, on_gpus(4))
    assert 4 * rank.stored_bytes == checkpoint.tensor_bytes + 3 * repeated


def test_quantized_latent_projections_are_copied_in_16_bits() -> None:
    plain = compute_checkpoint(DEEPSEEK_V2_LITE, "BF16", file_format="safetensors")
    packed = compute_checkpoint(DEEPSEEK_V2_LITE, "FP8", file_format="safetensors")
    assert rank_weights(DEEPSEEK_V2_LITE, plain, on_gpus(1))[0].dequantized_bytes == 0
    (rank,) = rank_weights(DEEPSEEK_V2_LITE, packed, on_gpus(2))
    assert rank.dequantized_bytes == 27 * 512 * 16 * (128 + 128) * 2 // 2


def test_a_vocabulary_is_padded_to_64_rows() -> None:
    assert padded_vocabulary(50_257) == 50_304
    odd = dense("llama", 128, 50_257, 2, Attention(4, 4, 32, 32), 256, 8192)
    checkpoint = compute_checkpoint(odd, "BF16", file_format="safetensors")
    (rank,) = rank_weights(odd, checkpoint, on_gpus(1))
    assert rank.padding_bytes == 2 * (50_304 - 50_257) * 128 * 2


def test_layers_left_over_go_to_the_stages_before_the_last() -> None:
    assert [len(stage) for stage in pipeline_stages(61, 8)] == [7, 7, 8, 8, 8, 8, 8, 7]
    assert [len(stage) for stage in pipeline_stages(28, 3)] == [9, 10, 9]
    assert [list(stage) for stage in pipeline_stages(3, 1)] == [[0, 1, 2]]


def test_pipeline_stages_hold_every_layer_once_and_the_vocabulary_at_the_ends() -> None:
    checkpoint = compute_checkpoint(LLAMA3_8B, "BF16", file_format="safetensors")
    stages = rank_weights(LLAMA3_8B, checkpoint, on_gpus(1, 4))
    assert sum(stage.stored_bytes for stage in stages) == checkpoint.tensor_bytes
    vocabulary = 128_256 * 4096 * 2
    assert stages[0].stored_bytes == stages[1].stored_bytes + vocabulary
    assert stages[3].stored_bytes == stages[1].stored_bytes + vocabulary + 4096 * 2


def test_a_tied_embedding_is_on_the_first_and_the_last_stage() -> None:
    checkpoint = compute_checkpoint(QWEN3_600M, "BF16", file_format="safetensors")
    stages = rank_weights(QWEN3_600M, checkpoint, on_gpus(1, 2))
    assert sum(stage.stored_bytes for stage in stages) == checkpoint.tensor_bytes + 151_936 * 1024 * 2


def test_layers_that_predict_further_tokens_are_not_loaded() -> None:
    checkpoint = compute_checkpoint(LLAMA3_8B, "BF16", file_format="safetensors")
    extra = replace(checkpoint.tensors[5], name="model.layers.32.self_attn.q_proj.weight", layer=32)
    longer = replace(checkpoint, tensors=(*checkpoint.tensors, extra))
    assert rank_weights(LLAMA3_8B, longer, on_gpus(1)) == rank_weights(LLAMA3_8B, checkpoint, on_gpus(1))
