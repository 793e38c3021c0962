"""Have a running Ollama hold the model that a plan needs: pulled or given, then made with what the plan sets.

It talks to the server's API, which also reaches a server in a container or on another machine. It does not
choose a model, and starts and stops no process.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, cast

from deploy.engines.ollama_blobs import give_files
from deploy.engines.ollama_progress import Steps
from deploy.engines.ollama_refusals import translated
from deploy.engines.ollama_sources import adapter_files, local_source, require_unquantized
from deploy.engines.ollama_version import require_able, require_usable, version_in
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import httpx
    import ollama

    from deploy.spec import DerivedModel

# Only connecting has a limit: a pull is silent for as long as a disk takes to check gigabytes.
_CONNECT_SECONDS: Final = 10.0
_LATEST: Final = ":latest"
_NOT_FOUND: Final = 404


class OllamaLibrary:
    """The models of one running Ollama.

    Args:
        root: of the server, for example ``http://127.0.0.1:11434``.
        on_progress: is given one short sentence a step, and one a second while bytes move.

    Example:
        >>> OllamaLibrary("http://127.0.0.1:11434", print).make(spec.derived_model)  # doctest: +SKIP
    """

    def __init__(self, root: str, on_progress: Callable[[str], None]) -> None:
        self._root = root.rstrip("/")
        self._tell = on_progress

    def make(self, derived: DerivedModel) -> None:
        """Pull or give the base model where it is missing, and make the derived one, over an older one too.

        Raises:
            WeightsError: a local file is missing, damaged or cut short.
            EngineUnavailableError: nothing answers, or its version is too old.
            EngineError: Ollama cannot make it, or refused to.
        """
        source = local_source(derived.base)
        with self._client() as client, self._http() as http:
            version = self._version(http)
            require_usable(version, url=self._root)
            require_able(version, derived, safetensors=source is not None and source.safetensors)
            if source is not None and derived.quantize:
                require_unquantized(source.quantization, derived.quantize, name=derived.base)
            options: dict[str, Any] = {"parameters": dict(derived.parameters)}
            if source is not None:
                options["files"] = give_files(http, self._root, source.files, on_progress=self._tell)
            else:
                options["from_"] = self._pulled(client, derived)
            if derived.adapters:
                files = adapter_files(derived.adapters[0])
                options["adapters"] = give_files(http, self._root, files, on_progress=self._tell)
            if derived.quantize:
                options["quantize"] = derived.quantize
            self._create(client, derived, options)

    def load(self, name: str, *, keep_alive: str) -> None:
        """Load a model into memory, and have it kept there for that long without a request.

        Raises:
            EngineError: Ollama could not.
            EngineUnavailableError: nothing answers.
        """
        self._tell(f"Ollama loads {name}")
        with translated(self._root, doing=f"load {name}", name=name), self._client() as client:
            client.generate(model=name, keep_alive=_duration(keep_alive))

    def unload(self, name: str) -> None:
        """Take a model out of memory, unless the server or the model is gone already.

        Raises:
            EngineError: Ollama could not.
        """
        import ollama

        try:
            with translated(self._root, doing=f"let go of {name}", name=name), self._client() as client:
                client.generate(model=name, keep_alive=0)
        except EngineUnavailableError:
            return
        except EngineError as error:
            cause = error.__cause__
            if not isinstance(cause, ollama.ResponseError) or cause.status_code != _NOT_FOUND:
                raise

    def _version(self, http: httpx.Client) -> str:
        with translated(self._root, doing="tell its version", name=self._root):
            version = version_in(http.get(f"{self._root}/api/version").json())
        if version is None:
            raise EngineError(f"what answers at {self._root} is not Ollama", hint="check OLLAMA_HOST")
        return version

    def _pulled(self, client: ollama.Client, derived: DerivedModel) -> str:
        """The base, which the server has now.

        Raises:
            EngineError: it could not be pulled, or is to be quantized and is so already.
        """
        held = self._held(client, derived.base)
        if held is None:
            self._pull(client, derived.base)
            held = self._held(client, derived.base)
        if derived.quantize and held:
            require_unquantized(held, derived.quantize, name=derived.base)
        return derived.base

    def _held(self, client: ollama.Client, tag: str) -> str | None:
        """The quantization of a model that the server has; None where it has none of that name."""
        with translated(self._root, doing="list its models", name=tag):
            models = client.list().models
        for model in models:
            if _full(model.model or "") == _full(tag):
                return (model.details and model.details.quantization_level) or ""
        return None

    def _pull(self, client: ollama.Client, tag: str) -> None:
        steps = Steps(f"Ollama pulls {tag}")
        try:
            with translated(self._root, doing=f"pull {tag}", name=tag):
                self._follow(client.pull(tag, stream=True), steps)
        except KeyboardInterrupt:
            # The stream is closed by now, and with it Ollama's own download.
            if steps.amount:
                self._tell(f"the pull of {tag} stopped at {steps.amount}; the next one goes on from there")
            raise
        if not steps.done:
            raise EngineError(f"Ollama broke off the pull of {tag}", hint=f"ollama pull {tag}")

    def _create(self, client: ollama.Client, derived: DerivedModel, options: dict[str, Any]) -> None:
        steps = Steps(f"Ollama makes {derived.name}")
        doing = f"make {derived.name} from {derived.base}"
        with translated(self._root, doing=doing, name=derived.base):
            self._follow(client.create(derived.name, stream=True, **options), steps)
        if not steps.done:
            raise EngineError(f"Ollama broke off, and did not {doing}", hint="run the same command again")

    def _follow(self, stream: Iterator[ollama.ProgressResponse], steps: Steps) -> None:
        """Read the stream to its end; however it ends, it is closed, so that the server stops too."""
        with closing(cast("Generator[ollama.ProgressResponse]", stream)) as lines:
            for line in lines:
                sentence = steps.heard(
                    line.status or "", line.digest, line.completed, line.total, now=time.monotonic()
                )
                if sentence:
                    self._tell(sentence)

    def _client(self) -> ollama.Client:
        import httpx
        import ollama

        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        return ollama.Client(host=self._root, trust_env=False, timeout=timeout)

    def _http(self) -> httpx.Client:
        import httpx

        return httpx.Client(trust_env=False, timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS))


def _full(name: str) -> str:
    """A name as Ollama compares it: without regard to case, and ``latest`` where no tag is named.

    Example:
        >>> _full("Smol-API"), _full("hf.co/owner/repo:Q4_K_M")
        ('smol-api:latest', 'hf.co/owner/repo:q4_k_m')
    """
    named = name if ":" in name.rsplit("/", 1)[-1] else name + _LATEST
    return named.casefold()


def _duration(keep_alive: str) -> int | str:
    """Ollama takes plain seconds as a number only: ``"-1"`` would lack its unit."""
    return int(keep_alive) if re.fullmatch(r"-?\d+", keep_alive) else keep_alive
