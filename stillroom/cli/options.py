"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import Annotated

import typer

# The same as over MCP; a longer text is no question, and embedding it would take minutes on a CPU.
MOST_QUESTION_CHARACTERS = 2_000


def asked(text: str | None) -> str | None:
    """A question without the blanks around it.

    Raises:
        BadParameter: it is empty or too long.
    """
    if text is None:
        return None
    stripped = text.strip()
    if not stripped:
        raise typer.BadParameter("it is empty")
    if len(stripped) > MOST_QUESTION_CHARACTERS:
        raise typer.BadParameter(
            f"it has {len(stripped):,} characters; at most {MOST_QUESTION_CHARACTERS:,} are read"
        )
    return stripped


Json = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
Library = Annotated[str | None, typer.Option("--library", help="The library's name.", show_default="default")]
Quantization = Annotated[str | None, typer.Option("--quant", help="Only this quantization, such as Q4_K_M.")]
Context = Annotated[
    int | None, typer.Option("--context", help="Tokens of prompt and answer together.", show_default="8192")
]
Sequences = Annotated[
    int | None, typer.Option("--sequences", help="Conversations in memory at once.", show_default="1")
]
Engine = Annotated[str | None, typer.Option("--engine", help="auto, ollama, vllm or embedded.")]
