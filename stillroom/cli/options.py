"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import Annotated

import typer

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
