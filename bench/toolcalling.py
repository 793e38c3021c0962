"""How well a model calls tools, in each of the three ways: native, constrained and prompted.

Cases are in the public format of the Berkeley Function Calling Leaderboard; its own files can be given with
``--dir``. One decision is asked for each case (``agents.calling.decide``) and no tool is run. Rates are of
valid calls, right tools, right arguments and right refusals, by category and language, with requests and
seconds; what the ways come to can be compared, because all are of one run on one server.

Usage: python bench/toolcalling.py --bundled [--dir FOLDER] [--limit N] [--json] [--results FILE]
or: python bench/toolcalling.py --vllm .venv-vllm/bin/vllm
or: python bench/toolcalling.py --endpoint http://127.0.0.1:11434/v1 --model qwen3:4b --engine ollama
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agents.calling.way import CALLING_WAYS
from bench.memory_vllm import StartError
from bench.results_file import results_file
from bench.toolcalling_cases import Call
from bench.toolcalling_files import CasesError, read_cases
from bench.toolcalling_report import Row, lines, report
from bench.toolcalling_scoring import Reply, score
from bench.toolcalling_servers import CONTEXT_TOKENS, bundled_server, vllm_server
from deploy.endpoint import Endpoint
from deploy.probing.probe import probed
from stillroom.errors import ModelError, StillroomError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from agents.calling.decide import Decision
    from agents.calling.way import CallingWay
    from bench.toolcalling_cases import Case

OWN_CASES: Final = Path(__file__).parent / "sets" / "toolcalling"
_SHOWN_CHARACTERS: Final = 300


def measure(
    endpoint: Endpoint, case: Case, way: CallingWay, *, parallel: bool, max_tokens: int | None = None
) -> Row:
    """One decision of the model, judged."""
    from langchain_core.messages import AIMessage, HumanMessage

    from agents.calling.decide import decide

    system = "\n".join(text for role, text in case.messages if role == "system")
    turns = [(role, text) for role, text in case.messages if role != "system"]
    conversation = [AIMessage(text) if role == "assistant" else HumanMessage(text) for role, text in turns]
    try:
        decision = decide(
            endpoint,
            conversation,
            case.tools(),
            way=way,
            parallel=parallel,
            instructions=system,
            max_tokens=max_tokens,
        )
    except ModelError as error:
        # There is no reply to judge: it is counted among the errors, not among the invalid calls.
        judged = score(case, Reply())
        return Row(case, way, judged, 0, 0.0, "", error.message)
    judged = score(case, _reply(decision))
    return Row(case, way, judged, decision.requests, decision.seconds, _shown(decision))


def chosen(cases: Sequence[Case], *, categories: Sequence[str], limit: int | None) -> list[Case]:
    """The cases of some categories, and of each category in each language no more than ``limit``.

    Those are spread evenly over all of its kind, since a folder's files stand one after the other.
    """
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, case in enumerate(cases):
        if not categories or case.category in categories:
            kinds.setdefault((case.category, case.language), []).append(place)
    picked = (place for places in kinds.values() for place in _spread(places, limit))
    return [cases[place] for place in sorted(picked)]


def _spread(places: Sequence[int], limit: int | None) -> Iterator[int]:
    """As many of them, the first among them, with about as many between any two."""
    count = len(places) if limit is None else min(limit, len(places))
    return (places[number * len(places) // count] for number in range(count))


def _reply(decision: Decision) -> Reply:
    calls = tuple(Call(action.name, action.arguments) for action in decision.calls)
    return Reply(calls, decision.answer, decision.problem)


def _shown(decision: Decision) -> str:
    """The calls as the leaderboard writes them, or what was said."""
    if not decision.calls:
        return (decision.answer or decision.raw)[:_SHOWN_CHARACTERS]
    calls = [{action.name: dict(action.arguments)} for action in decision.calls]
    return json.dumps(calls, ensure_ascii=False)[:_SHOWN_CHARACTERS]


def _served(asked: argparse.Namespace) -> AbstractContextManager[Endpoint]:
    if asked.bundled:
        return bundled_server(threads=asked.threads)
    if asked.vllm:
        return vllm_server(asked.vllm.absolute())
    named = Endpoint(
        asked.endpoint.rstrip("/"), asked.model, asked.engine, asked.context, api_key=asked.api_key
    )
    return nullcontext(named)


def _rows(endpoint: Endpoint, cases: Sequence[Case], asked: argparse.Namespace) -> Iterator[Row]:
    # A case in all ways before the next one: what else the machine does then weighs on all of them alike.
    for number, case in enumerate(cases, 1):
        for way in asked.ways:
            row = measure(endpoint, case, way, parallel=asked.parallel, max_tokens=asked.max_tokens)
            seconds = f"{row.seconds:.1f} s, {row.requests} requests"
            why = row.error or row.score.why or "right"
            line = f"{number} of {len(cases)}  {case.id}  {way}  {seconds}  {why[:100]}"
            print(line, file=sys.stderr, flush=True)
            yield row


def _origin(endpoint: Endpoint, asked: argparse.Namespace, cases: int) -> dict[str, Any]:
    """When, where and with what is measured."""
    found = {item.name: f"{item.value}: {item.how}" for item in endpoint.capabilities.findings}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "model": endpoint.model,
        "engine": endpoint.engine,
        "server": found.get("server", ""),
        "tools": found.get("tools", ""),
        "context_tokens": endpoint.context_tokens,
        "set": asked.dir.name,
        "cases": cases,
        "parallel": asked.parallel,
        "max_tokens": asked.max_tokens,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bundled", action="store_true", help="start the embedded engine")
    source.add_argument("--vllm", type=Path, metavar="PROGRAM", help="start this vLLM with the bundled model")
    source.add_argument("--endpoint", metavar="URL", help="a server that runs; its OpenAI API, ending in /v1")
    parser.add_argument("--model", default="", help="its model's name")
    parser.add_argument("--engine", default="vllm", choices=("ollama", "vllm", "embedded"))
    parser.add_argument("--api-key", default=None)
    parser.add_argument("--context", type=int, default=CONTEXT_TOKENS, metavar="TOKENS")
    parser.add_argument("--dir", type=Path, default=OWN_CASES, help="other cases, in the same format")
    parser.add_argument("--ways", default=",".join(CALLING_WAYS), type=_ways, help="of calling, with commas")
    parser.add_argument("--category", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--limit", type=int, help="cases of each category in each language, spread evenly")
    parser.add_argument("--parallel", action="store_true", help="several calls in one reply are offered")
    parser.add_argument("--max-tokens", type=int, help="of one reply")
    cores = os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=cores, help="of the embedded engine; all cores")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--results", type=results_file, help="write the figures to this file")
    asked = parser.parse_args()
    if asked.endpoint and not asked.model:
        parser.error("--endpoint needs --model")
    return asked


def _ways(text: str) -> list[CallingWay]:
    named = text.split(",")
    if unknown := set(named) - set(CALLING_WAYS):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(CALLING_WAYS)}")
    return [way for way in CALLING_WAYS if way in named]


def main() -> int:
    """Measure, print, write; fail where nothing could be measured."""
    asked = _arguments()
    try:
        read = read_cases(asked.dir)
        for line in read.skipped:
            print(f"skipped: {line}", file=sys.stderr)
        cases = chosen(read.cases, categories=asked.category, limit=asked.limit)
        with _served(asked) as served:
            endpoint = probed(served)
            origin = _origin(endpoint, asked, len(cases))
            rows = list(_rows(endpoint, cases, asked))
    except (CasesError, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    except StillroomError as error:
        print(f"{error.message}\ntry: {error.hint}", file=sys.stderr)
        return 1
    if not rows:
        print("no case is of that category", file=sys.stderr)
        return 1
    figures = report(rows)
    document = {**origin, **figures, "rows": [row.as_json() for row in rows]}
    if asked.results:
        text = json.dumps(document, indent=1, ensure_ascii=False)
        asked.results.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(document, ensure_ascii=False) if asked.json else "\n".join(lines(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
