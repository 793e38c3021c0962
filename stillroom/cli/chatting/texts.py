"""Everything that the chat says, as one value a language; its fields are forms for ``str.format``.

A language is complete by construction: a ``Texts`` cannot be made with one missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from stillroom.cli.chatting.translation import (
    Form,
    translated,
    translated_failure,
    translated_lines,
)

# Their results are the program's own sentences; those of all other tools hold what others wrote.
_OWN_WORDS: Final = frozenset({"calculate", "current_time", "engine_status", "plan_deployment"})
# One line where it found nothing, else a list of names.
_OWN_WORDS_IN_ONE_LINE: Final = frozenset({"list_files"})


@dataclass(frozen=True, slots=True)
class Texts:
    """The chat's words in one language.

    Attributes:
        endings: what ended a run, by ``agents.running.limits.EndedBy``.
        ways: how tools are called, by ``agents.calling.way.CallingWay``.
        commands: what each slash command does, by name.
        tools: what our own tools do, by name; one that is missing is told in its own words.
        messages: forms of what the program says in English.
    """

    # The prompt line
    welcome: str
    welcome_continued: str
    placeholder: str
    how_to_leave: str
    no_text: str
    # While the model works
    preparing: str
    waiting: str
    thinking: str
    thought: str
    stopping: str
    stopped: str
    abandoned: str
    withdrawn: str
    # What a run came to
    quotes: str
    repeated: str
    footer_calls: str
    footer_one_call: str
    footer_tokens: str
    ended_by: str
    endings: dict[str, str]
    seconds: str
    # Consent
    wants: str
    of_server: str
    may_destroy: str
    reaches_out: str
    no_arguments: str
    consent_choices: str
    consent_unknown: str
    mcp_start: str
    mcp_connect: str
    mcp_use: str
    said_once: str
    said_always: str
    said_no: str
    # Slash commands
    unknown_command: str
    did_you_mean: str
    see_help: str
    send_anyway: str
    keys: str
    tools_none: str
    tool_on: str
    tool_off: str
    tool_asks: str
    tool_allowed: str
    tool_unknown: str
    tools_usage: str
    library_here: str
    library_unreadable: str
    library_others: str
    library_switched: str
    library_unknown: str
    model_is: str
    way_is: str
    ways: dict[str, str]
    way_told: str
    way_chosen: str
    context_is: str
    context_filled: str
    models_others: str
    model_switched: str
    model_unknown: str
    model_busy: str
    no_run: str
    no_thought: str
    think_is: str
    think_usage: str
    saved: str
    save_failed: str
    save_exists: str
    nothing_to_save: str
    cleared: str
    cleared_named: str
    conversations_none: str
    conversation_row: str
    opened: str
    opened_new: str
    open_usage: str
    not_kept: str
    nobody_asked: str
    nothing_to_retry: str
    nothing_to_copy: str
    copied: str
    commands: dict[str, str]
    # What is said in English where it is made: errors, hints, tools
    error: str
    hint: str
    failed_call: str
    tools: dict[str, str] = field(default_factory=dict)
    messages: tuple[Form, ...] = ()

    def message(self, text: str) -> str:
        """An error, a hint or a notice of the program in this language, as far as it has words for it."""
        return translated(text, self.messages)

    def result(self, tool: str, text: str, *, failed: bool) -> str:
        """The same of a tool's result. What documents, files, programs and servers wrote stays so."""
        if failed:
            return translated_failure(text, self.messages, failed=self.failed_call)
        own = tool in _OWN_WORDS or (tool in _OWN_WORDS_IN_ONE_LINE and "\n" not in text)
        return translated_lines(text, self.messages) if own else text
