"""A launch specification as a shell script: what ``stillroom up`` does, for people and service managers.

Values in, text out. Secrets are not in it: the script names the variables and refuses to run without them. It
does not know plans, and nothing here runs what it writes.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from deploy.exports.secret_variables import HUB_TOKEN, needed
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deploy.spec import DerivedModel, LaunchSpec, NodeCommands

# The embedded engine ends with the process that holds its standard input. A script has none to offer: started
# by a service manager, its input is at its end already.
ENDS_WITH_PARENT: Final = "--stop-on-stdin-eof"

_INDENT: Final = "  "


def shell_script(spec: LaunchSpec, *, title: str) -> str:
    r"""The script, for any POSIX shell.

    Args:
        spec: of an engine that is started, not of a server that is attached to.
        title: one sentence: what is served.

    Raises:
        EngineError: the specification starts nothing.

    Example:
        >>> print(shell_script(spec, title="deepseek-r1:7b on gpu:0"))  # doctest: +SKIP
        #!/bin/sh
        # deepseek-r1:7b on gpu:0
        …
        exec vllm serve deepseek-ai/DeepSeek-R1-Distill-Qwen-7B \
          --served-model-name deepseek-r1:7b \
          …
    """
    parts = [_head(spec, title), *_secrets(spec), *_environment(spec), *_files(spec)]
    if spec.nodes:
        parts.append(_for_nodes(spec.nodes))
    elif not spec.argv:
        raise EngineError(
            f"the {spec.engine} server at {spec.address} runs already: there is no command that starts it",
            hint="stillroom up",
        )
    elif spec.derived_model is not None:
        parts.append(_serve_and_create(spec.argv, spec.derived_model))
    else:
        parts.append("exec " + _command([word for word in spec.argv if word != ENDS_WITH_PARENT]))
    return "\n\n".join(parts) + "\n"


def _head(spec: LaunchSpec, title: str) -> str:
    says = f"The {spec.engine} engine answers at {spec.address}, as {spec.served_model}."
    lines = [
        "#!/bin/sh",
        f"# {one_line(title)}",
        f"# {one_line(says)} Ctrl-C ends it.",
        "# Written by stillroom export argv.",
        "set -eu",
    ]
    return "\n".join(lines)


def one_line(text: str) -> str:
    """The text without line breaks, so that a comment ends where its line ends."""
    return " ".join(text.split())


def _secrets(spec: LaunchSpec) -> Iterable[str]:
    if HUB_TOKEN in spec.secrets:
        yield f"# {HUB_TOKEN} is a secret and not in this script. Gated weights need it: set it before."
    lines = []
    for name, source in needed(spec).items():
        lines.append(f': "${{{source}:?is a secret and not in this script: set it before}}"')
        lines.append(f'export {name}="${source}"')
    if lines:
        yield "\n".join(lines)


def _environment(spec: LaunchSpec) -> Iterable[str]:
    if spec.environment:
        yield "\n".join(f"export {name}={shlex.quote(value)}" for name, value in spec.environment.items())


def _files(spec: LaunchSpec) -> Iterable[str]:
    for path, text in spec.files.items():
        folder, file = shlex.quote(str(path.parent)), shlex.quote(str(path))
        yield f"mkdir -p {folder}\nprintf %s {shlex.quote(text)} > {file}"


def _serve_and_create(argv: Sequence[str], derived: DerivedModel) -> str:
    """Start the server, make the derived model once it answers, and stay with the server until it ends."""
    quantize = ["--quantize", derived.quantize] if derived.quantize else []
    # From a file, because `ollama create -f -` does not read standard input (seen of 0.32 and later).
    create = [argv[0], "create", derived.name, *quantize, "-f"]
    return f"""\
{_command(argv)} &
server=$!
modelfile=$(mktemp)
trap 'rm -f "$modelfile"; kill "$server" 2>/dev/null || :; wait "$server" || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Another server on the port would answer too, so ours must be alive.
until kill -0 "$server" && {shlex.join((argv[0], "list"))} >/dev/null 2>&1; do
  kill -0 "$server" || exit 1
  sleep 1
done
printf '%s\\n' {shlex.quote(derived.modelfile())} > "$modelfile"
{shlex.join(create)} "$modelfile"
wait "$server\""""


def _for_nodes(nodes: Sequence[NodeCommands]) -> str:
    """One script for all machines, told by its argument on which of them it runs."""
    cases = []
    for node in nodes:
        commands = [_command(command, indent=_INDENT * 3) for command in node.commands]
        commands[-1] = "exec " + commands[-1]
        cases.append(f"{_INDENT}{node.rank})\n" + "\n".join(f"{_INDENT * 2}{line}" for line in commands))
    ranks = "|".join(str(node.rank) for node in nodes)
    usage = f'{_INDENT}*)\n{_INDENT * 2}echo "usage: sh $0 {ranks}, the number of this machine" >&2; exit 2'
    return "\n".join(['case "${1:-}" in', "\n    ;;\n".join([*cases, usage]), "esac"])


def _command(argv: Sequence[str], *, indent: str = _INDENT) -> str:
    """The words, quoted, each option on a line of its own."""
    lines: list[list[str]] = [[]]
    for word in argv:
        if word.startswith("--") and lines[-1]:
            lines.append([])
        lines[-1].append(word)
    return f" \\\n{indent}".join(shlex.join(line) for line in lines)
