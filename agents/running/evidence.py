"""What tool results hold that an answer can be checked against: passages with their citations, and all texts.

Pure. It knows how results look, and judges nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rag.passages.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agents.tools import ToolResult
    from rag.document import Citation

_LINE: Final = re.compile(r"line (\d+)")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that a tool gave.

    Attributes:
        citation: with the number that the model saw, and the sentence that the tool chose to quote.
        text: the whole passage, where the tool gave it; else the quote.
    """

    citation: Citation
    text: str

    @property
    def context(self) -> str:
        """What names the passage's subject."""
        return self.citation.document_title

    def quoting(self, better: Callable[[str], float]) -> Citation:
        """The citation, with the passage's own sentence for which ``better`` is largest.

        The tool quoted what answers its query; the answer may rest on the sentence after that.
        """
        citation = self.citation
        at = self.text.find(citation.quote)
        sentences = [(self.text[start:end], start) for start, end in split_sentences(self.text) if at >= 0]
        sentence, start = max([(citation.quote, at), *sentences], key=lambda candidate: better(candidate[0]))
        if sentence == citation.quote:
            return citation
        begin = citation.start + start - at
        lines = self.text.count("\n", 0, start) - self.text.count("\n", 0, at)
        locator = citation.locator
        if line := _LINE.fullmatch(locator):
            locator = f"line {int(line[1]) + lines}"
        elif lines and "row" in locator:
            return citation  # of another row, whose number only the library knows
        return replace(citation, quote=sentence, start=begin, end=begin + len(sentence), locator=locator)


def gather(results: Sequence[ToolResult]) -> tuple[Evidence, ...]:
    """The passages of all results, each place once, in the order in which the model saw them."""
    found: dict[tuple[str, int, int, int], Evidence] = {}
    for result in results:
        for citation in result.citations:
            text = _passage(result.data, citation)
            key = (citation.document_id, citation.start, citation.end, citation.marker)
            found.setdefault(key, Evidence(citation, text))
    return tuple(found.values())


def _passage(data: Mapping[str, Any], citation: Citation) -> str:
    """The text of the cited passage in a result's data, where it is there; else the quote."""
    passages = data.get("passages", ())
    for passage in passages if isinstance(passages, list | tuple) else ():
        if isinstance(passage, dict) and passage.get("marker") == citation.marker:
            text = passage.get("text")
            if isinstance(text, str) and citation.quote in text:
                return text
    return citation.quote
