"""What a chat works with from one question to the next: model, tools, library, conversation, consent.

It runs questions and keeps what came of them. It draws nothing and reads no keys.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.running.consent import Consent
from stillroom.cli.chatting.keeping import Keeping
from stillroom.cli.chatting.toolset import Toolset
from stillroom.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from agents.agent import AgentRun
    from agents.mcp_servers.servers import Ask
    from agents.memory.conversation import Conversation
    from agents.running.consent import Decision
    from agents.running.events import AgentEvent
    from agents.running.recorder import Recorder
    from agents.running.trace_events import TraceEvent
    from agents.tools import Tool
    from deploy.endpoint import Endpoint
    from rag.upkeep.overview import Overview
    from stillroom.cli.chatting.thinking import ThinkMode, Thought
    from stillroom.cli.rooms import Rooms


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What was asked for on the command line.

    Attributes:
        tools: only these, by name; all where none is named.
        no_tools: none at all.
        mcp: those of MCP servers too.
        allow: tools that need no yes; ``*`` for all.
        conversation: the name to keep it under; empty for the last one's place.
        resume: go on with the last one.
        trace: print what happened after each run.
        trace_file: what happens in each run is appended to it; None for the one that the settings name.
    """

    tools: tuple[str, ...] = ()
    no_tools: bool = False
    mcp: bool = True
    allow: frozenset[str] = frozenset()
    conversation: str = ""
    resume: bool = False
    trace: bool = False
    trace_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of this chat and what came of it.

    Attributes:
        context_tokens: of the last request and its reply, where the server counted them; else 0.
    """

    question: str
    run: AgentRun
    context_tokens: int
    thoughts: tuple[Thought, ...]


@dataclass
class Session:
    """One chat.

    Args:
        rooms: what it works with; another library means other rooms.
        options: as they were typed.
        ask: asks a person about a call; None where nobody can be asked.
        traced: what happened in the last run.
    """

    rooms: Rooms
    options: ChatOptions
    ask: Callable[[Tool, Mapping[str, Any]], Decision] | None = None
    think: ThinkMode = "fold"
    asked: list[Asked] = field(default_factory=list)
    traced: list[TraceEvent] = field(default_factory=list)
    consent: Consent = field(init=False)
    keeping: Keeping = field(init=False)
    toolset: Toolset = field(init=False)
    _recorder: Recorder | None = None
    _endpoint: Endpoint | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Nothing is allowed yet but what the command line said."""
        self.consent = self._new_consent()
        self.keeping = Keeping(
            self.rooms.conversations, self.options.conversation, resume=self.options.resume
        )
        self.toolset = Toolset(
            lambda: self.rooms,
            only=self.options.tools,
            none=self.options.no_tools,
            mcp=self.options.mcp,
            allow=self.options.allow,
        )

    def set_ask(self, ask: Callable[[Tool, Mapping[str, Any]], Decision], ask_of_server: Ask) -> None:
        """Let a person be asked from now on, about calls and about MCP servers."""
        self.ask = ask
        self.consent = self._new_consent()
        self.toolset.ask = ask_of_server

    def endpoint(self) -> Endpoint:
        """The model that answers, called in the way that was asked for.

        Raises:
            EngineUnavailableError: none runs and none is set.
        """
        with self._lock:
            if self._endpoint is None:
                found = self.rooms.endpoint()
                if found is None:
                    raise EngineUnavailableError(
                        "the agent needs a model, and none is running", hint="stillroom up"
                    )
                self._endpoint = self.rooms.called(found)
            return self._endpoint

    def served_models(self) -> tuple[str, ...]:
        """The names of the models that the server has; empty where it does not say."""
        from deploy.probing.second_look import served_models

        endpoint = self.endpoint()
        return served_models(endpoint.base_url, endpoint.api_key)

    def switch_model(self, name: str) -> None:
        """Let another model of the same server answer; it is asked what it can do, once.

        Raises:
            ModelError: it cannot be asked.
        """
        from deploy.endpoint import Capabilities
        from deploy.probing.probe import probed

        before = self.endpoint()
        languages = Capabilities(languages=before.capabilities.languages)
        unknown = replace(before, model=name, capabilities=languages)
        switched = probed(unknown, cache_dir=self.rooms.settings.cache_dir)
        with self._lock:
            self._endpoint = self.rooms.called(switched)

    def libraries(self) -> tuple[str, ...]:
        """The names of all libraries."""
        from rag.upkeep.overview import find_libraries

        return tuple(folder.name for folder in find_libraries(self.rooms.library_dir.parent))

    def library_overview(self) -> Overview:
        """The library in figures, or why it cannot be read."""
        from rag.upkeep.overview import overview_or_trouble

        return overview_or_trouble(self.rooms.library_dir)

    def use_library(self, name: str) -> None:
        """Let the tools work on another library."""
        with self._lock:
            self.rooms = self.rooms.with_library(name)
            self.toolset.forget_library()

    def open(self, name: str) -> Conversation:
        """Go on with a conversation, or begin one of that name; what was allowed in the other is not in this.

        Raises:
            ConversationError: the name cannot be one, or it cannot be read.
            ConversationBusyError: another process has it open.
        """
        opened = self.keeping.open(name)
        self._begin_anew()
        return opened

    def clear(self) -> None:
        """Begin a conversation without a name; one that has a name stays kept."""
        self.keeping.clear()
        self._begin_anew()

    def close(self) -> None:
        """Let go of the conversation and end the MCP servers; safe to call twice."""
        self.keeping.close()
        self.toolset.close()

    def _begin_anew(self) -> None:
        self.consent = self._new_consent()
        self.asked = []

    def _new_consent(self) -> Consent:
        return Consent(self.options.allow, self.ask)

    def run(
        self, question: str, *, cancelled: threading.Event, on_event: Callable[[AgentEvent], None]
    ) -> AgentRun:
        """Work on one question, in the thread that calls.

        Raises:
            ModelError: the model gave nothing that can be used.
            StillroomError: something that it needs cannot be opened.
        """
        from agents.agent import run_agent
        from agents.running.events import Noticed

        tools = self.toolset.on()
        for problem in self.toolset.new_problems():
            on_event(Noticed(problem))
        return run_agent(
            question,
            endpoint=self.endpoint(),
            tools=tools,
            limits=self.rooms.agent_limits(),
            consent=self.consent,
            conversation=self.keeping.conversation(),
            recorder=self._recording(),
            cancelled=cancelled,
            on_event=on_event,
        )

    def _recording(self) -> Recorder | None:
        """What keeps the run's trace: always for this chat, in a file or at a collector where asked for."""
        if self._recorder is None:
            key = self.endpoint().api_key
            self._recorder = self.rooms.recorder(
                trace_file=self.options.trace_file, on_trace=self._keep_trace, secrets=[key] if key else []
            )
        return self._recorder

    def _keep_trace(self, event: TraceEvent) -> None:
        if event["event"] == "run_started":
            self.traced = []
        self.traced.append(event)


def context_tokens(events: Sequence[TraceEvent]) -> int:
    """About what the last request of a run and its reply took of the context; 0 where nobody counted.

    A decision may take several requests, of which the server's counts are kept together.
    """
    for event in reversed(events):
        if event["event"] == "model_called" and event["prompt_tokens"]:
            return int((event["prompt_tokens"] + event["reply_tokens"]) / max(1, event["requests"]))
    return 0
