"""The reranker with a real cross-encoder: a tiny BERT that is trained here, in seconds, to look for bread.

`make test-sentence-transformers` runs this in an environment that has torch; `make test` leaves it out.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from rag.embedders import open_embedder
from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.options import RetrievalOptions
from rag.retrieval.reranker import open_reranker
from rag.retrieval.retrieve import search
from stillroom.errors import LibraryError
from tests.extras.test_sentence_transformers import NOTES, model

__all__ = ["model"]

SUBJECTS = ("tea", "trains", "bread", "night")
FILLERS = (
    *("green", "the", "is", "at", "for", "two", "minutes", "to", "from", "leaves", "platform", "nine"),
    *("rises", "in", "a", "cool", "room", "what", "about"),
)


def _passage(subject: str, chance: random.Random) -> str:
    words = [*chance.sample(FILLERS, 6), subject]
    chance.shuffle(words)
    return " ".join(words)


def _trained(folder: Path, *, labels: int = 1) -> None:
    """Save a cross-encoder that scores passages on bread above the others."""
    torch.manual_seed(7)
    # Tensors this small are slower on several threads, and much slower on cores that others use too.
    torch.set_num_threads(1)
    chance = random.Random(7)  # noqa: S311 (no secret)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SUBJECTS, *FILLERS]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        num_labels=labels,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    network = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(0 if labels > 1 else 80):
        subjects = [chance.choice(("bread", chance.choice(SUBJECTS))) for _ in range(16)]
        passages = [_passage(subject, chance) for subject in subjects]
        questions = ["what about bread"] * len(passages)
        inputs = tokenizer(questions, passages, padding=True, return_tensors="pt")
        wanted = torch.tensor([subject == "bread" for subject in subjects], dtype=torch.float32)
        scores = network(**inputs).logits[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the trained model."""
    folder = tmp_path_factory.mktemp("models") / "bread"
    _trained(folder)
    return str(folder)


def test_the_passage_that_answers_scores_above_the_others(cross_encoder: str) -> None:
    reranker = open_reranker(cross_encoder, device="cpu", batch=2)
    scores = reranker.scores(
        "what about bread", ["the tea is cool", "bread rises in a room", "trains leaves"]
    )
    assert all(0 <= score <= 1 for score in scores)
    assert scores[1] == max(scores)
    assert scores[1] > 0.5 > min(scores)
    assert reranker.scores("bread", []) == []


def test_batches_do_not_change_scores(cross_encoder: str) -> None:
    passages = ["the tea is cool", "bread rises in a room", "trains leaves at nine", "night"]
    one = open_reranker(cross_encoder, device="cpu", batch=1).scores("what about bread", passages)
    four = open_reranker(cross_encoder, device="cpu", batch=4).scores("what about bread", passages)
    assert one == pytest.approx(four, abs=1e-4)


def test_a_search_is_reranked_and_tells_so(model: str, cross_encoder: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / f"{name}.txt").write_text(f"{text} {name}", encoding="utf-8")
    with Library.open(tmp_path / "library", embedder=open_embedder(model, cache_dir=tmp_path)) as library:
        ingest(library, [notes])
        options = RetrievalOptions(reranker=open_reranker(cross_encoder, device="cpu"))
        found = search(library, "what about bread", options)
    assert Path(found.hits[0].passage.path).stem == "bread"
    scores = [hit.rerank_score for hit in found.hits]
    assert scores == sorted(scores, key=lambda score: -(score or 0))
    assert "rerank" in [stage.name for stage in found.stages]


def test_a_model_with_several_scores_is_refused(tmp_path: Path) -> None:
    _trained(tmp_path / "classifier", labels=3)
    with pytest.raises(LibraryError, match="gives 3 scores a pair; a reranker gives 1"):
        open_reranker(str(tmp_path / "classifier"), device="cpu")


def test_a_reranker_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no-model"):
        open_reranker(str(tmp_path / "no-model"))
