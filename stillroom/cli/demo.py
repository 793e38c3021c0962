"""``stillroom demo``: the whole way once, on the bundled library, with the embedded engine.

Every step runs the same code as the command it stands for, and shows what came out, good or bad.
The engine is a child of this process and ends with it; the library stays, so a second run reuses it.
"""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from stillroom.cli import models, options, pages, tables
from stillroom.cli.calibration import calibrate_launch
from stillroom.cli.ingest_page import show_report, teller
from stillroom.cli.output import Output
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import EnvironmentUnfitError, LibraryOutdatedError, ModelError

if TYPE_CHECKING:
    from rich.console import Console

    from agents.agent import AgentRun
    from agents.running.events import AgentEvent
    from deploy.endpoint import Endpoint
    from deploy.launching.launch import RunningEngine
    from deploy.measurement import Measurement
    from deploy.plan import Plan
    from deploy.planning.planner import PlanReport
    from rag.document import Answer
    from rag.ingesting.ingest import IngestReport
    from rag.library import Library

STEPS = 7
LIBRARY = "demo"
# The bundled model was trained on 8,192 tokens; half of that holds every prompt here and saves 90 MiB.
CONTEXT_TOKENS = 4096
# Enough for each of its two tools twice, and an answer; a person may set fewer.
AGENT_STEPS = 6
ENGLISH = "Which two standard transports does the Model Context Protocol define?"
CHINESE = "一个 100→500→10 的全连接网络一共有多少个参数？"
UNANSWERABLE = "Who won the football World Cup in 2018?"
TASK = (
    "What is the rule of thumb for GPU memory, and how much does it give for 7 billion parameters at 4 bits?"
)


@dataclass(frozen=True)
class DemoResult:
    """What the demo saw, for ``--json``."""

    plan: PlanReport
    bundled: Plan
    measured: Measurement
    ingest: IngestReport
    answers: tuple[Answer, ...]
    agent: AgentRun | None
    mcp_tools: tuple[str, ...]
    seconds: float


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="This machine")(demo)


def demo(context: typer.Context, json: options.Json = False) -> None:
    """Show everything once: plan, engine, library, cited answers, agent, MCP; no GPU, no model hub."""
    output = Output(as_json=json)
    rooms = open_rooms(context, library=LIBRARY, context_tokens=CONTEXT_TOKENS, concurrent_sequences=1)
    with ExitStack() as stack:
        # With --json the story goes to stderr, and stdout carries one line.
        console = output.stderr if json else output.stdout
        result = Demo(output, console, rooms, stack).run()
    output.result(result, lambda console: _farewell(console, rooms, result.seconds))


class Demo:
    """The seven steps, in the order in which data flows.

    Args:
        stack: stops the engine when the command ends, however it ends.
    """

    def __init__(self, output: Output, console: Console, rooms: Rooms, stack: ExitStack) -> None:
        self.output = output
        self.console = console
        self.rooms = rooms
        self.stack = stack

    def run(self) -> DemoResult:
        """All steps, one after the other."""
        started = time.monotonic()
        report = self.plan()
        plan, running, measured = self.launch(report)
        endpoint = running.endpoint(plan)
        ingested = self.ingest()
        answers = self.ask(endpoint)
        agent = self.agent(endpoint)
        tools = self.mcp(endpoint)
        seconds = time.monotonic() - started
        return DemoResult(report, plan, measured, ingested, answers, agent, tools, seconds)

    def step(self, number: int, title: str) -> None:
        """A heading."""
        self.console.print()
        self.console.rule(f"[bold]{number}/{STEPS}[/] {title}", align="left")

    def plan(self) -> PlanReport:
        """Steps 1 and 2: the machine, and what would fit it if a model hub could be reached."""
        from deploy.catalog import load_catalog
        from deploy.plan import PlanRequest
        from deploy.planning.planner import catalog_subjects, plan
        from stillroom.cli.plan_pages import show_plan

        self.step(1, "This machine")
        machine = self.rooms.machine()
        tables.show_machine(self.console, machine)

        self.step(2, "What fits it")
        calibration = self.rooms.calibration(machine)
        report = plan(machine, PlanRequest(), catalog_subjects(load_catalog()), calibration=calibration)
        show_plan(self.console, report)
        return report

    def launch(self, report: PlanReport) -> tuple[Plan, RunningEngine, Measurement]:
        """Step 3: the bundled model in the embedded engine, predicted beside measured."""
        from deploy.calibration.run import Launch
        from deploy.catalog import load_catalog
        from deploy.engines import engine
        from deploy.engines.base import LaunchOptions
        from deploy.launching.launch import start
        from deploy.plan import PlanRequest
        from deploy.planning.planner import plan_bundled
        from deploy.ports import free_port
        from stillroom.cli.memory_tables import show_comparison

        self.step(3, "The embedded engine, launched and measured")
        catalog = load_catalog()
        machine, request = report.machine, PlanRequest(self.rooms.workload)
        plan = plan_bundled(machine, request, catalog, calibration=self.rooms.calibration(machine))
        self.console.print(
            f"The demo needs no model hub: it runs the bundled [bold]{plan.model_tag}[/] with the embedded "
            "llama.cpp. A model of 135 million parameters proves the plumbing; it is no assistant."
        )
        weights = models.fetch(self.output, self.rooms, catalog.bundled, None)
        spec = engine("embedded").launch_spec(
            plan, LaunchOptions(port=free_port(), weights=weights.path, threads=report.machine.cpu_cores)
        )
        log_path = self.rooms.logs_dir / "demo-engine.log"
        with self.output.working("Starting the engine") as update:
            running = self.stack.enter_context(start(spec, log_path=log_path, on_progress=update))
        launch = Launch(spec, plan, running.log(), running.measure)
        measured = calibrate_launch(self.output, self.rooms, launch) or running.measure()
        self.console.print(f"Serving the OpenAI API at {spec.address}, process {running.pid}.")
        show_comparison(self.console, plan.memory, measured)
        return plan, running, measured

    def ingest(self) -> IngestReport:
        """Step 4: the example library."""
        from rag.ingesting.ingest import ingest

        self.step(4, "The example library, ingested")
        with self.output.working("Opening the library") as update:
            report = ingest(self._library(), [example_library()], on_progress=teller(update))
        show_report(self.console, report)
        pages.show_documents(self.console, self.rooms.library.documents())
        return report

    def _library(self) -> Library:
        """The demo's own library; one that another version indexed is indexed anew."""
        from rag.ingesting.ingest import rebuild

        try:
            return self.rooms.library
        except LibraryOutdatedError as error:
            self.console.print(f"{escape(error.message)}: making the indexes anew", style="dim")
            with closing(self.rooms.open_library(for_rebuild=True)) as outdated:
                rebuild(outdated)
            return self.rooms.library

    def ask(self, endpoint: Endpoint) -> tuple[Answer, ...]:
        """Step 5: an English question, a Chinese one, and one that the library cannot answer."""
        from rag.answering.answer import answer

        self.step(5, "Questions, answered with checked citations or refused")
        answers = []
        for question in (ENGLISH, CHINESE, UNANSWERABLE):
            self.console.print(f"\n[bold]{question}[/]")
            with self.output.working("Reading the library"):
                found = answer(question, self.rooms.library, endpoint=endpoint, limit=4, max_tokens=256)
            pages.show_answer(self.console, found)
            answers.append(found)
        return tuple(answers)

    def agent(self, endpoint: Endpoint) -> AgentRun | None:
        """Step 6: a task for two tools, by a model that has no tool calling."""
        from agents.agent import Limits, run_agent
        from agents.background import start_in_background
        from agents.toolbox import toolbox

        self.step(6, "The agent, its actions constrained by a JSON schema")
        self.console.print(f"[bold]{TASK}[/]")
        services = replace(self.rooms.services(), endpoint=lambda: endpoint)
        tools = [tool for tool in toolbox(services) if tool.name in {"search_library", "vram_estimate"}]
        try:
            running = start_in_background(
                lambda: run_agent(
                    TASK,
                    endpoint=endpoint,
                    tools=tools,
                    limits=Limits(steps=min(AGENT_STEPS, self.rooms.settings.agent_max_steps), seconds=180),
                    on_event=self._show,
                )
            )
            run = running.result()
        except ModelError as error:
            # That small a model may fail to act at all. It is shown as it is, and the rest goes on.
            self.console.print(f"[red]no action:[/] {escape(error.message)}")
            return None
        pages.show_agent_run(self.console, run)
        return run

    def _show(self, event: AgentEvent) -> None:
        """Print a tool call that ended."""
        from agents.running.events import ToolEnded

        if isinstance(event, ToolEnded):
            pages.show_step(self.console, event.step)

    def mcp(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Step 7: a real MCP client, as an IDE would be."""
        from agents.mcp_client import open_server

        self.step(7, "An MCP client, over stdio, as an IDE would")
        command = [sys.executable, "-m", "stillroom", "mcp", "serve", "--library", LIBRARY]
        self.console.print(f"[dim]$ stillroom mcp serve --library {LIBRARY}[/]")
        with open_server(command, environment=_server_environment(self.rooms, endpoint)) as server:
            tools = server.tools()
            self.console.print("tools/list → " + ", ".join(tool.name for tool in tools))
            called = {tool.name: tool for tool in tools}
            for name, given in (
                ("search_library", {"query": CHINESE, "limit": 2}),
                ("ask_library", {"question": ENGLISH}),
            ):
                self.console.print(f"\n[bold]tools/call {name}[/] {given}")
                with self.output.working(name):
                    reply = called[name].call(given)
                pages.show_tool_result(self.console, reply)
        return tuple(called)


def example_library() -> Path:
    """The folder of the example documents: inside an installed wheel, or beside a checkout's packages.

    Raises:
        EnvironmentUnfitError: the folder is nowhere; the installation is incomplete.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "example_library", package.parent / "examples" / "library"):
        if folder.is_dir():
            return folder
    raise EnvironmentUnfitError(
        f"the example library is not beside {package}: the installation is incomplete",
        hint="pip install --force-reinstall stillroom",
    )


def _server_environment(rooms: Rooms, endpoint: Endpoint) -> dict[str, str]:
    """The settings by which a child process works in the same rooms and reaches the same endpoint."""
    from stillroom.handed_settings import as_environment

    reached = {
        "endpoint_url": endpoint.base_url,
        "endpoint_model": endpoint.model,
        "endpoint_engine": endpoint.engine,
        "endpoint_languages": ",".join(endpoint.capabilities.languages),
    }
    return as_environment(rooms.settings.model_copy(update=reached))


def _farewell(console: Console, rooms: Rooms, seconds: float) -> None:
    settings = rooms.settings
    console.print()
    console.rule(f"Done in {seconds:.0f} s", align="left")
    console.print(
        f"Library   {rooms.library_dir}\nWeights   {settings.cache_dir}\nLogs      {rooms.logs_dir}\n\n"
        "Next:\n"
        "  stillroom doctor              what this machine has, and what is missing\n"
        "  stillroom up                  start the plan's pick and leave it running\n"
        "  stillroom ingest ~/Documents  take in your own files\n"
        "  stillroom ask 'QUESTION'      a cited answer from them",
        markup=False,
        soft_wrap=True,
    )
    programs = Path(sys.executable).parent
    if shutil.which("stillroom") is None and (programs / "activate").exists():
        console.print(
            f"\nstillroom is not on your PATH yet: source {programs / 'activate'}",
            markup=False,
            soft_wrap=True,
        )
