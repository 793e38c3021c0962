"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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


def _library_name(text: str | None) -> str | None:
    """The name after ``--library``.

    Raises:
        BadParameter: it can name no library.
    """
    if text is None:
        return None
    from stillroom.setting_types import library_name

    try:
        return library_name(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} can name no library: {error}") from error


def metadata(tags: list[str] | None, meta: list[str] | None) -> dict[str, tuple[str, ...]]:
    """What ``--tag`` and ``--meta`` say, by key.

    Raises:
        BadParameter: one has no key or no value.

    Example:
        >>> metadata(["tax"], ["year=2026"])
        {'tag': ('tax',), 'year': ('2026',)}
    """
    said: dict[str, tuple[str, ...]] = {}
    for text in [*(f"tag={tag}" for tag in tags or ()), *(meta or ())]:
        key, _, value = (part.strip() for part in text.partition("="))
        if not key or not value:
            raise typer.BadParameter(f"{text!r} needs KEY=VALUE")
        said[key] = (*said.get(key, ()), value)
    return said


Json = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", help="Only documents with KEY=VALUE or KEY!=VALUE, such as tag=tax; repeatable."),
]
Paths = Annotated[
    list[str] | None,
    typer.Option("--path", help="Only documents at such a path: '*.pdf'; repeatable."),
]
After = Annotated[str | None, typer.Option("--after", help="Only documents from this day on: 2026-01-31.")]
Before = Annotated[str | None, typer.Option("--before", help="Only documents up to this day.")]
Languages = Annotated[
    list[str] | None,
    typer.Option("--language", help="Only documents in en or zh; repeatable."),
]
Library = Annotated[
    str | None,
    typer.Option("--library", help="The library's name.", show_default="default", callback=_library_name),
]
McpConfig = Annotated[
    Path | None,
    typer.Option("--mcp-config", help="This mcp.json.", show_default=".mcp.json here, and your own"),
]
Quantization = Annotated[str | None, typer.Option("--quant", help="Only this quantization, such as Q4_K_M.")]
Context = Annotated[
    int | None, typer.Option("--context", help="Tokens of prompt and answer together.", show_default="8192")
]
Users = Annotated[
    int | None,
    typer.Option("--users", "--sequences", help="Conversations in memory at once.", show_default="1"),
]
Engine = Annotated[str | None, typer.Option("--engine", help="auto, ollama, vllm or embedded.")]
NamedModel = Annotated[str | None, typer.Option("--model", help="The same as the argument MODEL.")]
NoCalibration = Annotated[
    bool, typer.Option("--no-calibration", help="Plan by formulas alone, whatever launches measured.")
]
Adapters = Annotated[list[Path] | None, typer.Option("--lora", help="A LoRA adapter's folder; repeatable.")]
KvCache = Annotated[
    str | None,
    typer.Option(
        "--kv-cache", help="Type of keys and values: f16, q8_0, q4_0; fp8 on vLLM.", show_default="f16"
    ),
]
QuantizeOnImport = Annotated[
    str | None, typer.Option("--quantize", help="What Ollama turns 16-bit weights into on import.")
]
KeepAlive = Annotated[
    str, typer.Option("--keep-alive", help="How long Ollama keeps an idle model; -1 for ever.")
]
ExactKvCache = Annotated[
    bool, typer.Option("--exact-kv-cache", help="Give vLLM its cache in bytes, not a share of the GPU.")
]
PrefixCaching = Annotated[bool, typer.Option(help="Keep the computed start of a prompt for the next one.")]
Nodes = Annotated[
    int, typer.Option("--nodes", min=1, help="Machines that serve together by vLLM; nothing is started.")
]
NodeLauncher = Annotated[Literal["nnodes", "ray"], typer.Option("--node-launcher", help="What joins them.")]
HeadAddress = Annotated[
    str, typer.Option("--head-address", help="Of the first of them, as the others reach it.")
]
Gpus = Annotated[
    list[str] | None,
    typer.Option("--gpu", help='Plan for this GPU instead of what is here, such as "RTX 4090"; repeatable.'),
]
GpuCount = Annotated[int | None, typer.Option("--gpus", min=1, help="So many of that GPU.")]
Vram = Annotated[str | None, typer.Option("--vram", help="Memory of a GPU, such as 24GiB.")]
Ram = Annotated[str | None, typer.Option("--ram", help="Main memory, such as 64GiB.")]
Cores = Annotated[int | None, typer.Option("--cores", min=1, help="Processor cores.")]
MachineFile = Annotated[
    Path | None,
    typer.Option("--machine", help="A machine described in a TOML or JSON file (doctor --json writes one)."),
]
