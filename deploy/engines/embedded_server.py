"""The child process of the embedded engine: llama.cpp's OpenAI server, held by ``xllamacpp``.

Run as ``python -m deploy.engines.embedded_server``. It serves one GGUF file until it is told to stop, and it
never outlives its parent, however the parent ends. It knows nothing of plans, records or endpoints.

Two watchers, because each has a hole. End of file on standard input is portable and comes the moment the
parent's end of the pipe is closed, by a SIGKILL too; but ``xllamacpp`` holds the interpreter's lock while it
loads weights, so Python hears of it only afterwards. Linux's parent-death signal needs no Python; but it is
sent when the *thread* that started the child ends. While weights load that is right
(``deploy.launching.launch`` waits in that thread) and the signal's default action ends the process at once;
afterwards a handler asks whether the parent process is really gone.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.serving import CONTEXT_CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1

_PARENT_DEATH_SIGNAL: Final = signal.SIGUSR1

# Not an option: command lines are shown to everybody on the machine.
API_KEY_VARIABLE: Final = "STILLROOM_EMBEDDED_API_KEY"

# llama.cpp prints its buffer sizes from this verbosity on.
_BUFFER_SIZES_VERBOSITY: Final = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the parent's end; the process's exit code."""
    options = _parser().parse_args(arguments)
    parent = os.getppid()
    stop = threading.Event()
    if options.stop_on_stdin_eof:
        _on_parent_death(signal.SIGTERM)
        threading.Thread(target=_wait_for_stdin_eof, args=(stop,), daemon=True).start()

    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(xllamacpp, options))
    except RuntimeError as error:
        # llama.cpp has said why in the lines above; a traceback would bury them.
        sys.stderr.write(f"embedded_server: {error}\n")
        return 1
    # Until here SIGTERM ends the process where it stands: there was nothing to finish.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.stop_on_stdin_eof:
        signal.signal(_PARENT_DEATH_SIGNAL, lambda *_: stop.set() if os.getppid() != parent else None)
        _on_parent_death(_PARENT_DEATH_SIGNAL)
    sys.stderr.write(f"embedded_server: serving at {server.listening_address}\n")
    stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy.engines.embedded_server", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--alias", required=True, help="the name under which the model is served")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens of one sequence")
    parser.add_argument("--parallel", type=int, default=1, help="sequences in memory at once")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--gpu-layers", type=int, default=0)
    types = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
    parser.add_argument("--cache-type-k", choices=types, default="f16", help="what keys are stored in")
    parser.add_argument("--cache-type-v", choices=types, default="f16", help="what values are stored in")
    parser.add_argument("--ubatch", type=int, default=512, help="tokens of a prompt computed at once")
    parser.add_argument("--lora", action="append", default=[], help="a LoRA adapter in GGUF; repeatable")
    parser.add_argument("--no-prefix-caching", action="store_true", help="compute each prompt from its start")
    parser.add_argument("--stop-on-stdin-eof", action="store_true", help="end with the parent process")
    return parser


def _parameters(xllamacpp: Any, options: argparse.Namespace) -> Any:  # noqa: ANN401  a compiled package without types
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.model)
    parameters.model_alias = {options.alias}
    parameters.hostnames = [options.host]
    parameters.port = options.port
    # llama.cpp divides its context among the slots.
    parameters.n_ctx = options.context * options.parallel
    parameters.n_parallel = options.parallel
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.threads
    parameters.n_gpu_layers = options.gpu_layers
    parameters.n_ubatch = options.ubatch
    parameters.n_batch = max(parameters.n_batch, options.ubatch)
    parameters.cache_type_k = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type_k.upper()}")
    parameters.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{options.cache_type_v.upper()}")
    parameters.use_jinja = True
    parameters.verbosity = _BUFFER_SIZES_VERBOSITY
    # The plan decided what fits: llama.cpp must neither shrink the context to fit on its own nor keep up to
    # 8 GiB of old prompts in host memory, which no plan accounts for.
    parameters.fit_params = False
    parameters.cache_ram_mib = 0
    # By itself llama.cpp keeps up to 32 copies of windows and states a sequence: 0.8 GiB each for
    # Gemma-3-27B.
    parameters.n_ctx_checkpoints = CONTEXT_CHECKPOINTS
    parameters.lora_adapters = [_adapter(xllamacpp, path) for path in options.lora]
    parameters.cache_prompt = not options.no_prefix_caching
    parameters.endpoint_metrics = True
    if key := os.environ.get(API_KEY_VARIABLE):
        parameters.api_keys = [key]
    # A private endpoint: no page of a browser may call it, and there is no page of its own.
    parameters.ui = False
    parameters.cors_origins = f"http://{options.host}:{options.port}"
    return parameters


def _adapter(xllamacpp: Any, path: str) -> Any:  # noqa: ANN401  as above
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = path, 1.0
    return adapter


def _on_parent_death(number: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _wait_for_stdin_eof(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
