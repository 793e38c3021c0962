"""``stillroom eval``: how well and how fast a search finds, on a question set or on one's own library."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options
from stillroom.cli.bench import picture
from stillroom.cli.evaluation_page import show_evaluation
from stillroom.cli.output import Output
from stillroom.cli.pace import paced
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rag.document import Passage
    from rag.evaluation.question_set import Question
    from rag.evaluation.report import Evaluation
    from rag.evaluation.stages import StageName
    from rag.library import Library
    from rag.retrieval.options import RetrievalOptions

DEFAULT_STAGES = "lexical,dense,hybrid"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("eval", rich_help_panel="Library")(evaluate)


def stages_of(text: str) -> tuple[StageName, ...]:
    """The stages of a list such as ``lexical,hybrid``, each once.

    Raises:
        typer.BadParameter: one of them does not exist.
    """
    from rag.evaluation.stages import STAGE_NAMES

    asked = dict.fromkeys(part.strip() for part in text.split(","))
    if unknown := [name for name in asked if name not in STAGE_NAMES]:
        raise typer.BadParameter(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGE_NAMES)}")
    return tuple(name for name in STAGE_NAMES if name in asked)


def checked_stages(text: str) -> str:
    """The text itself, once it is known to be such a list."""
    stages_of(text)
    return text


def evaluate(
    context: typer.Context,
    question_set: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A question set: documents.jsonl, queries.jsonl, qrels.tsv.",
            show_default=False,
        ),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option("--questions", help="Questions about your own library."),
    ] = None,
    stages: Annotated[
        str,
        typer.Option("--stages", callback=checked_stages, help="Which searches to measure."),
    ] = DEFAULT_STAGES,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Only the first documents, and their questions."),
    ] = None,
    queries: Annotated[int | None, typer.Option("--queries", min=1, help="Only the first questions.")] = None,
    embedder: Annotated[str | None, typer.Option("--embedder", help="What turns text into vectors.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", callback=picture, help="Also draw the figures, as SVG.")
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", help="Also write rankings here, as trec_eval reads them."),
    ] = None,
    library: options.Library = None,
    json: options.Json = False,
) -> None:
    """Measure how well and how fast the library finds: a question set, or your own questions."""
    if (question_set is None) == (questions is None):
        raise typer.BadParameter("name a question set's folder, or --questions FILE about your own library")
    if question_set is not None and library is not None:
        raise typer.BadParameter("a question set is searched in a library of its own: leave out --library")
    if questions is not None and limit is not None:
        raise typer.BadParameter("--limit is about a question set's documents: leave it out")
    output = Output(as_json=json)
    rooms = open_rooms(context, library=library, embedder=embedder)
    chosen = stages_of(stages)
    if question_set is not None:
        asked, evaluation = _of_set(output, rooms, question_set, chosen, limit, queries)
    else:
        asked, evaluation = _of_library(output, rooms, questions or Path(), chosen, queries)
    output.result(evaluation.as_json(), lambda console: show_evaluation(console, evaluation))
    if json:
        for note in evaluation.notes:
            output.note(f"note: {note}")
    if plot is not None:
        _draw(evaluation, plot, title=f"{(question_set or rooms.library_dir).name}, {evaluation.embedder}")
        output.note(f"drawn to {plot}")
    if runs is not None:
        _write_runs(evaluation, asked, runs)
        output.note(f"rankings written to {runs}")


def _of_set(
    output: Output,
    rooms: Rooms,
    folder: Path,
    stages: Sequence[StageName],
    limit: int | None,
    queries: int | None,
) -> tuple[Sequence[Question], Evaluation]:
    """A question set, in a library that is there for as long as it takes."""
    from rag.evaluation.question_set import subset
    from rag.evaluation.reading import read_question_set
    from rag.evaluation.set_library import fill
    from rag.library import Library

    asked = subset(read_question_set(folder), documents=limit, questions=queries)
    if not asked.questions:
        raise typer.BadParameter(f"none of the questions has its document among the first {limit}")
    options = _options(rooms, stages)
    # Its vectors stay here, whatever server the settings name: nothing of it shall be left anywhere.
    with (
        tempfile.TemporaryDirectory(prefix="stillroom-eval-") as temporary,
        Library.open(Path(temporary) / "library", embedder=rooms.embedder()) as library,
    ):
        with paced(output, "Indexing the documents", noun="documents") as pace:
            filled = fill(
                library,
                asked.documents,
                Path(temporary) / "documents",
                on_progress=lambda progress: pace.tell(progress.files_done, progress.files_total),
            )
        notes = list(asked.notes)
        if failed := filled.report.failed:
            notes.append(f"{len(failed)} documents were not indexed; the first: {failed[0].reason}")
        evaluation = _measured(
            output,
            library,
            asked.questions,
            stages,
            filled.documents_of,
            options=options,
            documents=len(asked.documents),
            indexing_seconds=filled.report.seconds,
            notes=notes,
        )
    return asked.questions, evaluation


def _of_library(
    output: Output, rooms: Rooms, path: Path, stages: Sequence[StageName], queries: int | None
) -> tuple[Sequence[Question], Evaluation]:
    """A person's own questions about their own library."""
    from rag.evaluation.own_questions import read_own_questions

    documents = rooms.library.documents()
    asked, left_out = read_own_questions(path, documents)
    asked = asked[:queries]
    notes = [f"{left_out} questions that are said to have no answer were not asked"] if left_out else []
    evaluation = _measured(
        output,
        rooms.library,
        asked,
        stages,
        lambda passage: (passage.document_id,),
        options=_options(rooms, stages),
        documents=len(documents),
        notes=notes,
    )
    return asked, evaluation


def _options(rooms: Rooms, stages: Sequence[StageName]) -> RetrievalOptions:
    from rag.evaluation.stages import check_reranker

    options = rooms.retrieval_options()
    check_reranker(stages, options)
    return options


def _measured(
    output: Output,
    library: Library,
    questions: Sequence[Question],
    stages: Sequence[StageName],
    documents_of: Callable[[Passage], Iterable[str]],
    *,
    options: RetrievalOptions,
    documents: int,
    indexing_seconds: float | None = None,
    notes: Sequence[str] = (),
) -> Evaluation:
    from rag.evaluation.measurement import measure
    from rag.evaluation.report import Evaluation
    from rag.evaluation.stages import library_stages

    with paced(output, f"Asking {len(questions):,} questions", noun="questions") as pace:
        figures = measure(
            questions,
            library_stages(library, stages, documents_of, options=options),
            on_asked=lambda done: pace.tell(done, len(questions)),
        )
    return Evaluation(
        documents=documents,
        passages=library.counts().passages,
        queries=len(questions),
        embedder=library.embedder.name,
        stages=figures,
        indexing_seconds=indexing_seconds,
        notes=tuple(notes),
    )


def _draw(evaluation: Evaluation, path: Path, *, title: str) -> None:
    from rag.evaluation.plot import plot

    _write(path, plot(evaluation.stages, title=title))


def _write_runs(evaluation: Evaluation, questions: Sequence[Question], folder: Path) -> None:
    from rag.evaluation.trec_run import judgements_text, run_text

    _write(folder / "qrels.txt", judgements_text(questions))
    for name, figures in evaluation.stages.items():
        _write(folder / f"{name}.run", run_text(figures.rankings, name=name))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentUnfitError(
            f"cannot write {path}: {error.strerror}", hint="stillroom eval --help"
        ) from error
