"""``ask_library`` as an IDE's model gets it: an answer with checked quotes, no longer than a result may be.

It does not know how an answer is made (``agents.toolkit.library_tools`` asks the library).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from agents.toolkit.library_tools import LibraryTools, Name, Query
from mcp_server.result_size import beginning, first_that_fit, json_characters, shortened
from mcp_server.tools.citing import STRUCTURED_NOTE, ServedCitation, harmless, served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.services import Services
    from rag.document import Citation

# Of an answer with its citations: what else is told has the rest of what a result may hold. An answer is
# seldom longer than a thousand tokens; one that is leaves room for three citations.
_TOGETHER_CHARACTERS: Final = 6_200
_ANSWER_CHARACTERS: Final = 5_000
# A slow model writes an answer for minutes; who waits less gives up sooner.
ANSWER_SECONDS: Final = 600.0
_QUESTION_CHARACTERS: Final = 300
_DROPPED_CHARACTERS: Final = 600
_NOTICE_CHARACTERS: Final = 400
# An answer of ours may come back whole, and a follow-up leans on fewer turns than these.
_EARLIER_CHARACTERS: Final = 6_000
_MOST_TURNS: Final = 8


@dataclass(frozen=True, slots=True)
class EarlierTurn:
    """A question of the conversation so far, and what was answered.

    Attributes:
        question: as it was asked, or standalone if the answer had that.
        answer: its text, or empty.
    """

    question: Query
    answer: Annotated[str, Field(max_length=_EARLIER_CHARACTERS)] = ""


History = Annotated[tuple[EarlierTurn, ...], Field(max_length=_MOST_TURNS)]


@dataclass(frozen=True, slots=True)
class ServedAnswer:
    """An answer with its checked quotes, or a refusal that says why.

    Attributes:
        kind: written by the model, extractive (the documents' own sentences), or refused.
        citations: each quote was found in its document, word for word.
        dropped: claims that failed the check, each with the reason.
        notice: what the reader should know of the answer, or empty.
        standalone: the question that was answered, where history made it another one; or empty.
        left_out: citations and dropped claims that there was no room for.
    """

    question: str
    kind: Literal["written", "extractive", "refused"]
    answer: str
    citations: tuple[ServedCitation, ...]
    dropped: tuple[str, ...]
    notice: str
    standalone: str = ""
    left_out: int = 0
    data_note: str = STRUCTURED_NOTE

    def to_text(self) -> str:
        """The answer, then its sources, then what the reader should know."""
        head = f"No answer: {self.answer}" if self.kind == "refused" else self.answer
        asked = [f"Answered as: {self.standalone}"] if self.standalone else []
        sources = [citation.to_text() for citation in self.citations]
        notes = [f"Note: {self.notice}"] if self.notice else []
        more = [f"[{self.left_out} citations and dropped claims left out]"] if self.left_out else []
        data = [self.data_note] if sources else []
        return "\n".join([*asked, head, *sources, *notes, *more, *data])


@dataclass(frozen=True, slots=True)
class AskingTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def ask_library(
        self,
        question: Query,
        path: Name = "",
        language: Literal["en", "zh"] | None = None,
        history: History = (),
    ) -> ServedAnswer:
        """Answer a question from the user's private library; each quote was checked against its document.

        The user's local model writes the answer, which takes seconds to minutes; without a model the
        documents' own sentences are given. One that takes long becomes a job: then call job_status with its
        job_id. Where the library holds no evidence the answer is a refusal:
        then do not fill the gap from memory. search_library is quicker if you can write the answer.

        Args:
            question: one question, in English or Chinese.
            path: only from files such as *.pdf or reports/*.
            language: only from documents of this language.
            history: for a follow-up such as "How large is it?": the turns before it, oldest first. They say
                what is meant; nothing is answered from them.
        """
        from rag.answering.followup import Turn

        turns = [Turn(turn.question, turn.answer) for turn in history]
        made = LibraryTools(self.services).answer(question, path=path, language=language, history=turns)
        answer, citations = fitted(made.answer, made.citations, self.services.library_name)
        dropped = first_that_fit(map(harmless, made.dropped), _DROPPED_CHARACTERS)
        return ServedAnswer(
            question=beginning(question, _QUESTION_CHARACTERS),
            kind=made.kind,
            answer=answer,
            citations=citations,
            dropped=dropped,
            notice=shortened(made.notice, _NOTICE_CHARACTERS),
            standalone=harmless(beginning(made.standalone, _QUESTION_CHARACTERS)),
            left_out=len(made.citations) - len(citations) + len(made.dropped) - len(dropped),
        )


def fitted(
    answer: str, citations: Sequence[Citation], library: str
) -> tuple[str, tuple[ServedCitation, ...]]:
    """An answer and its citations as far as a result holds them; a cut answer ends with three dots.

    An answer may be the documents' own sentences, so it is made harmless like them.
    """
    short = shortened(harmless(answer), _ANSWER_CHARACTERS)
    room = _TOGETHER_CHARACTERS - json_characters(short)
    return short, first_that_fit((served(citation, library) for citation in citations), room)
