"""Ollama's own lines in its log, between those of the llama.cpp inside. Pure.

Ollama starts a llama.cpp for each model that it loads, and both write to the same log. Only of a server that
was started here is there a log to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from deploy.engines.base import Activity
from deploy.engines.llama_log import read_llama_cpp_progress
from deploy.engines.log_steps import last_step

# Steps of a start, unless llama.cpp has told more since.
_STEPS: Final = (
    (re.compile(r'msg="Listening on '), "listens"),
    (re.compile(r'msg="discovering available GPUs'), "looks for GPUs"),
    (re.compile(r'msg="(starting llama-server|starting runner|starting llama server)"'), "starts llama.cpp"),
    (re.compile(r'status="llm server loading model"'), "loads the model"),
    (re.compile(r'msg="(llama-server|llama runner) started in'), "has loaded the model"),
)

_VERSION: Final = re.compile(r'msg="Listening on \S+ \(version (?P<version>[\w.+-]+)\)"')

# One a request, when llama.cpp begins with its prompt, with the prompt's length.
_TAKEN: Final = re.compile(r"slot .*\| new prompt, n_ctx_slot.*?task\.n_tokens = (?P<tokens>\d+)")

# A prompt that was longer than the context; without this line nobody would know.
_CUT: Final = re.compile(r'msg="truncating input prompt".* prompt=(?P<prompt>\d+).* new=(?P<kept>\d+)')

_LOAD: Final = re.compile(r'msg="(starting llama-server|starting runner|starting llama server)"')
_LAYERS: Final = re.compile(r"offloaded (?P<on_gpus>\d+)/\d+ layers to GPU")
_SLOTS: Final = re.compile(r"llama_context: n_seq_max\s*= (?P<slots>\d+)")
_CACHE: Final = re.compile(r"llama_kv_cache: size = .*K \((?P<keys>\w+)\).*V \((?P<values>\w+)\)")


@dataclass(frozen=True, slots=True)
class Cut:
    """A prompt of which a part never reached the model, in tokens."""

    prompt_tokens: int
    kept_tokens: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """How the model that was loaded last is set up; None where the log does not say.

    Attributes:
        gpu_layers: on all GPUs, the output projection counted as one.
        sequences: at once, each with its own context.
        cache_types: of keys and of values, as ggml names them.
    """

    gpu_layers: int | None = None
    sequences: int | None = None
    cache_types: tuple[str, str] | None = None


def read_progress(log: str) -> str:
    """The last step of a start that the log tells of; empty before the first.

    Example:
        >>> read_progress('level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="…"')
        'starts llama.cpp'
    """
    own = last_step(log, _STEPS)
    return read_llama_cpp_progress(log[own.end :]) or own.sentence


def read_version(log: str) -> str:
    """The version of the server that wrote the log; empty where it does not say.

    Example:
        >>> read_version('msg="Listening on 127.0.0.1:11434 (version 0.33.0-rc2)"')
        '0.33.0-rc2'
    """
    match = _VERSION.search(log)
    return match["version"] if match else ""


def read_activity(log: str) -> Activity:
    """Requests that reached a model, and the tokens of their prompts; nothing known without a log."""
    if not log:
        return Activity()
    prompts = [int(match["tokens"]) for match in _TAKEN.finditer(log)]
    return Activity(requests=len(prompts), prompt_tokens=sum(prompts))


def read_cuts(log: str) -> tuple[Cut, ...]:
    """The prompts that were cut, in order."""
    return tuple(Cut(int(match["prompt"]), int(match["kept"])) for match in _CUT.finditer(log))


def read_loaded(log: str) -> Loaded:
    """The set-up of the model that was loaded last."""
    starts = [match.start() for match in _LOAD.finditer(log)]
    last = log[starts[-1] :] if starts else log
    layers, slots, cache = _LAYERS.search(last), _SLOTS.search(last), _CACHE.search(last)
    return Loaded(
        gpu_layers=int(layers["on_gpus"]) if layers else None,
        sequences=int(slots["slots"]) if slots else None,
        cache_types=(cache["keys"], cache["values"]) if cache else None,
    )
