"""What Ollama says when it will not, as an error of ours: the cause in a few words, and the next command.

Ollama answers with a status of 400 or 500, or with 200 and ``{"error": …}`` as the last line of a stream, for
which its client makes up the status -1: the words decide, not the status.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.engines.ollama_version import UPDATE_HINT
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of what it says; a proxy's page would fill the terminal.
_MOST_CHARACTERS: Final = 400


@dataclass(frozen=True, slots=True)
class _Cause:
    """One cause, by Ollama's words for it.

    Attributes:
        hint: the next command; ``{name}`` stands for the model or file.
    """

    words: re.Pattern[str]
    sentence: str
    hint: str


def _cause(words: str, sentence: str, hint: str) -> _Cause:
    return _Cause(re.compile(words, re.IGNORECASE), sentence, hint)


# The first that is found counts. The words are those of ollama/ollama's server/ and of Go's net package.
_CAUSES: Final = (
    _cause(r"requires a newer version of ollama", "the model needs a newer Ollama", UPDATE_HINT),
    _cause(
        r"no space left on device|not enough space|insufficient (disk )?space",
        "the disk that Ollama keeps its models on is full",
        "ollama rm a model that is not needed, or start it with OLLAMA_MODELS on a larger disk",
    ),
    _cause(
        r"more system memory|out of memory|cudaMalloc failed",
        "there is not enough memory",
        "stillroom plan, with a smaller --context",
    ),
    _cause(r"digest mismatch", "the file changed while it was sent", "run the same command again"),
    _cause(
        r"exceeds file size|supplied file was not in GGUF format|invalid file magic",
        "the file is damaged or no GGUF file",
        "fetch {name} again",
    ),
    _cause(
        r"blobs.*no such file or directory|blob not found",
        "a file that was given to it is gone again",
        "run the same command again",
    ),
    _cause(
        r"(quantization is only supported|unsupported quantiz)",
        "it cannot quantize that",
        "stillroom up a GGUF file that is quantized already",
    ),
    _cause(
        r"adapters? (are no longer|is currently) supported",
        "it does not take these LoRA adapters",
        "stillroom plan --engine vllm, with the same --lora",
    ),
    _cause(
        r"unsupported (MLX )?architecture|unknown (architecture|type)",
        "it does not know that kind of model",
        "stillroom plan, for models that it knows",
    ),
    _cause(r"template error", "the model's template cannot be read", "fetch {name} again"),
    _cause(
        r"manifest: (file does not exist|404)|repository not found|tag is not available",
        "there is no model of that name",
        "stillroom models list",
    ),
    _cause(
        r"unauthorized|access denied|manifest: 40[13]|invalid username",
        "it may not be read without signing in",
        "ollama signin, or fetch the file and: stillroom up ./FILE.gguf",
    ),
    _cause(r"invalid model name", "that is no name of a model", "stillroom models list"),
    _cause(
        r"max retries exceeded|unexpected EOF|connection reset|stalled",
        "the connection broke, and what came is kept",
        "ollama pull {name}",
    ),
    _cause(
        r"no such host|dial tcp|server misbehaving|i/o timeout|TLS|x509|proxyconnect|network is unreachable",
        "it cannot reach where its models come from",
        "ollama pull {name}",
    ),
)


def refusal(said: str, *, doing: str, name: str) -> EngineError:
    """The error for what Ollama said.

    Args:
        said: its words.
        doing: what it was asked to do, after "Ollama could not".
        name: of the model or file.

    Example:
        >>> str(refusal("invalid model name", doing="pull a b", name="a b"))
        'Ollama could not pull a b: that is no name of a model (invalid model name)'
    """
    words = _words(said)
    for cause in _CAUSES:
        if cause.words.search(words):
            return EngineError(
                f"Ollama could not {doing}: {cause.sentence} ({words})", hint=cause.hint.format(name=name)
            )
    return EngineError(f"Ollama could not {doing}: {words}", hint="stillroom logs, or Ollama's own log")


@contextmanager
def translated(root: str, *, doing: str, name: str) -> Iterator[None]:
    """Turn what Ollama's client and httpx raise into errors of ours.

    Raises:
        EngineError: Ollama refused, broke off, or answered what is not its protocol.
        EngineUnavailableError: nothing answers at ``root``.
    """
    import httpx
    import ollama

    try:
        yield
    except ollama.ResponseError as error:
        raise refusal(str(error.error), doing=doing, name=name) from error
    except (ConnectionError, httpx.ConnectError) as error:
        raise EngineUnavailableError(
            f"Ollama could not {doing}: nothing answers at {root}", hint="stillroom doctor"
        ) from error
    except httpx.TransportError as error:
        cause = str(error) or type(error).__name__
        raise EngineError(
            f"Ollama could not {doing}: the connection to {root} broke ({cause})",
            hint="run the same command again",
        ) from error
    except ValueError as error:
        raise EngineError(
            f"Ollama could not {doing}: {root} answered what Ollama does not ({_words(str(error))})",
            hint="check OLLAMA_HOST",
        ) from error


def _words(said: str) -> str:
    """On one line, and out of the JSON that the llama.cpp inside wraps its own errors in."""
    try:
        inner = json.loads(said)["error"]
        said = str(inner["message"]) if isinstance(inner, dict) else str(inner)
    except (ValueError, KeyError, TypeError):
        pass
    line = " ".join(said.split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"
