"""How well questions that the library answers are told from others, before a model reads anything.

    python bench/refusals.py EVAL_DIR [--cache DIR] [--out FILE.json] [--fit]

EVAL_DIR holds the question sets `en` (SQuAD 2.0), `zh` (CMRC 2018) and `en_unanswerable` (questions written
against SQuAD paragraphs that do not answer them). One library is made of every other English article, half of
the Chinese paragraphs, and the cross-language set beside this file. Four kinds of questions are asked: those
whose paragraph is there; those whose article is not there, so that they are off topic; near misses; and those
whose answer is there in the other language only.

Questions are halved by their paragraph. ``--fit`` fits a logistic model to the first half and prints the
weights and thresholds that `rag/answering/evidence.py` could commit; the figures are always of the committed
rule on the second half, which no fit has seen. ROC AUC is the chance that an answerable question scores
higher than one that is not; "answered" is the share that passes the threshold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.results_file import results_file
from rag.answering.evidence import WORDS_ALONE, Evidence, Rule, gather_evidence, rule_for
from rag.embedders import BUNDLED_EMBEDDER, open_embedder
from rag.evaluation.reading import read_question_set
from rag.evaluation.set_library import fill
from rag.library import Library
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rag.evaluation.question_set import QuestionSet
    from rag.language import Language

Kind = Literal["answerable", "near miss", "off topic", "cross"]

_CROSS_LANGUAGE = Path(__file__).parent / "sets" / "cross_language"
# As many passages as `stillroom ask` looks at.
_HITS = 6
_MOST_OF_A_KIND = 600
# Of the answerable questions of the first half, so many may be refused.
_FALSE_REFUSALS = 0.025
# Of those off topic, so many may be taken for answered by a passage in the other language.
_FALSE_CROSSINGS = 0.05
# A near miss counts less in a fit than a question off topic: hardly anything tells it from an answerable one,
# and with its full weight the fit gives up telling the others apart.
_NEAR_MISS_WEIGHT = 0.3
_RIDGE = 0.1


@dataclass(frozen=True)
class Asked:
    """A question, what kind it is, and what the library held for it.

    Attributes:
        first_half: it is one of those that a fit may see.
    """

    kind: Kind
    language: Language
    first_half: bool
    evidence: Evidence


def main() -> None:
    """Measure, print a table, and write the figures where asked."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        asked = _ask_all(arguments.eval_dir, Path(folder), arguments.cache or Path(folder))
    if arguments.fit:
        for columns in (("dense", "coverage", "sentence"), ("coverage", "sentence")):
            _print_fit(asked, columns)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "embedder": BUNDLED_EMBEDDER,
        "hits": _HITS,
        "calibrated": _figures(asked, rule_for(BUNDLED_EMBEDDER)),
        "words_alone": _figures(asked, WORDS_ALONE),
    }
    print(json.dumps(report, indent=1, ensure_ascii=False))
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("eval_dir", type=Path)
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs")
    parser.add_argument("--out", type=results_file, help="write the figures as JSON")
    parser.add_argument("--fit", action="store_true", help="print a fit to the first half, too")
    return parser.parse_args()


def _ask_all(eval_dir: Path, folder: Path, cache: Path) -> list[Asked]:
    english, chinese = read_question_set(eval_dir / "en"), read_question_set(eval_dir / "zh")
    cross = read_question_set(_CROSS_LANGUAGE)
    articles = sorted({document.title for document in english.documents})[::2]
    held = [document for document in english.documents if document.title in articles]
    held += [document for document in chinese.documents if _digest(document.id) % 4 < 2]  # noqa: PLR2004
    asked: list[Asked] = []
    with Library.open(
        folder / "library", embedder=open_embedder(BUNDLED_EMBEDDER, cache_dir=cache)
    ) as library:
        fill(library, (*held, *cross.documents), folder / "documents")
        ids = {document.id for document in held}
        questions = [*_of_set(english, "en", ids), *_of_set(chinese, "zh", ids)]
        questions += _near_misses(eval_dir / "en_unanswerable" / "queries.jsonl", ids)
        for kind, language, document, text in questions:
            hits = retrieve(library, text, limit=_HITS)
            first = _digest(document) // 4 % 2 == 0
            asked.append(Asked(kind, language, first, gather_evidence(text, hits)))
        for question in cross.questions:
            evidence = gather_evidence(question.text, retrieve(library, question.text, limit=_HITS))
            asked.append(Asked("cross", evidence.language, _digest(question.id) % 2 == 0, evidence))
    return asked


def _of_set(
    questions: QuestionSet, language: Language, held: set[str]
) -> list[tuple[Kind, Language, str, str]]:
    """Questions whose paragraph is held, and those whose paragraph is not."""
    drawn = sorted(questions.questions, key=lambda question: _digest(question.id))
    rows: list[tuple[Kind, Language, str, str]] = []
    for question in drawn:
        document = next(iter(question.grades))
        kind: Kind = "answerable" if document in held else "off topic"
        rows.append((kind, language, document, question.text))
    return [
        row
        for kind in ("answerable", "off topic")
        for row in [r for r in rows if r[0] == kind][:_MOST_OF_A_KIND]
    ]


def _near_misses(path: Path, held: set[str]) -> list[tuple[Kind, Language, str, str]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines.sort(key=lambda line: _digest(line["id"]))
    near = [line for line in lines if line["near_doc_id"] in held]
    return [("near miss", "en", line["near_doc_id"], line["text"]) for line in near[:_MOST_OF_A_KIND]]


def _figures(asked: Sequence[Asked], rule: Rule) -> dict[str, object]:
    """Of the second half: how many of each kind are answered, and how well the score parts them."""
    held_out = [one for one in asked if not one.first_half]

    def scores(kind: Kind, language: Language) -> list[float]:
        return [rule.score(one.evidence) for one in held_out if (one.kind, one.language) == (kind, language)]

    kinds: list[tuple[Kind, Language]] = sorted({(one.kind, one.language) for one in held_out})
    answered = {}
    for kind, language in kinds:
        of_kind = [one for one in held_out if (one.kind, one.language) == (kind, language)]
        passed = sum(rule.is_enough(one.evidence) for one in of_kind)
        answered[f"{kind}, {language}"] = {
            "questions": len(of_kind),
            "answered": round(passed / len(of_kind), 3),
        }
    pairs: tuple[tuple[Kind, Language], ...] = (("near miss", "en"), ("off topic", "en"), ("off topic", "zh"))
    return {
        "roc_auc": {
            f"{kind}, {language}": round(auc(scores("answerable", language), scores(kind, language)), 3)
            for kind, language in pairs
        },
        "answered": answered,
    }


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive scores higher than a negative, equal scores counting half."""
    above = np.array(positive)[:, None] - np.array(negative)
    return float((above > 0).mean() + (above == 0).mean() / 2)


def _print_fit(asked: Sequence[Asked], columns: tuple[str, ...]) -> None:
    """Weights by ridge-regularized logistic regression, thresholds by the false refusals allowed."""
    first = [one for one in asked if one.first_half and one.kind != "cross"]
    rows = np.array(
        [[getattr(one.evidence, column) for column in columns] + [one.language == "zh"] for one in first],
        dtype=float,
    )
    truth = np.array([one.kind == "answerable" for one in first], dtype=float)
    weights = np.array([_NEAR_MISS_WEIGHT if one.kind == "near miss" else 1.0 for one in first])
    fitted = logistic(rows, truth, weights)[1:-1]
    thresholds = {
        language: np.quantile(
            [
                row[:-1] @ fitted
                for row, one in zip(rows, first, strict=True)
                if one.kind == "answerable" and one.language == language
            ],
            _FALSE_REFUSALS,
        )
        for language in ("en", "zh")
    }
    print("weights", dict(zip(columns, fitted.round(2).tolist(), strict=True)))
    print("thresholds", {language: round(float(value), 2) for language, value in thresholds.items()})
    crossings = {
        language: np.quantile(
            [
                one.evidence.other_language or 0.0
                for one in first
                if one.kind == "off topic" and one.language == language
            ],
            1 - _FALSE_CROSSINGS,
        )
        for language in ("en", "zh")
    }
    print("other language", {language: round(float(value), 2) for language, value in crossings.items()})


def logistic(
    rows: NDArray[np.float64], truth: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intercept and coefficients that fit best, by Newton's method."""
    rows = np.column_stack([np.ones(len(rows)), rows])
    ridge = np.diag([0.0] + [_RIDGE] * (rows.shape[1] - 1))
    fitted = np.zeros(rows.shape[1])
    for _ in range(50):
        expected = 1 / (1 + np.exp(-rows @ fitted))
        gradient = rows.T @ (weights * (truth - expected)) - ridge @ fitted
        curvature = (rows.T * (weights * expected * (1 - expected))) @ rows + ridge
        fitted += np.linalg.solve(curvature, gradient)
    return fitted


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


if __name__ == "__main__":
    main()
