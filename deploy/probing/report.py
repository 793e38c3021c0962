"""What a probe found, and what an endpoint's capabilities become by it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from deploy.endpoint import Capabilities, Endpoint, Finding, ReasoningForm


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to one question.

    Attributes:
        value: None where the server did not tell.
        how: what it said or did, from which that was concluded.
    """

    value: bool | None
    how: str


LATE: Final = Told(None, "no answer in time")


@dataclass(frozen=True, slots=True)
class Report:
    """What a server said of itself and of one model.

    Attributes:
        server: its kind and version, for a person.
        reasoning_form: where the model's thought is found, if it thinks; None where it was not seen.
        embedding_dimensions: elements of a vector; None where it makes none.
        context_tokens: prompt and answer together; None where it does not say.
        context_how: where it says so.
        complete: every question was answered in time; only such a report is worth keeping.
    """

    server: str
    server_how: str
    tools: Told
    json_schema: Told
    thinking: Told
    embeddings: Told
    reasoning_form: ReasoningForm | None = None
    embedding_dimensions: int | None = None
    context_tokens: int | None = None
    context_how: str = ""
    complete: bool = True


def informed(endpoint: Endpoint, report: Report, *, identity: str) -> Endpoint:
    """The endpoint with what the report says of it; what the server did not tell stays as it was.

    A model that is known to think is taken to think although a few tokens did not show it. The context is
    the smaller of the one that was asked for and the server's.

    Args:
        endpoint: as it was known so far.
        report: of its server and model.
        identity: what the report is of.
    """
    known = endpoint.capabilities
    thinks = known.reasoning or bool(report.thinking.value)
    context_tokens = min(endpoint.context_tokens, report.context_tokens or endpoint.context_tokens)
    capabilities = Capabilities(
        native_tools=_or_else(report.tools, known.native_tools),
        json_schema=_or_else(report.json_schema, known.json_schema),
        reasoning=thinks,
        languages=known.languages,
        reasoning_form=report.reasoning_form or known.reasoning_form,
        embeddings=_or_else(report.embeddings, known.embeddings),
        embedding_dimensions=report.embedding_dimensions,
        context_tokens=report.context_tokens,
        identity=identity,
    )
    found = _findings(capabilities, report, endpoint.context_tokens)
    return replace(
        endpoint, context_tokens=context_tokens, capabilities=replace(capabilities, findings=found)
    )


def not_asked(endpoint: Endpoint, why: str) -> Endpoint:
    """The endpoint as it was planned, with a finding that says why nobody knows more."""
    found = (Finding("server", "not asked", why),)
    return replace(endpoint, capabilities=replace(endpoint.capabilities, findings=found))


def _or_else(told: Told, known: bool) -> bool:  # noqa: FBT001  a value, not an option
    return known if told.value is None else told.value


def _findings(capabilities: Capabilities, report: Report, asked_tokens: int) -> tuple[Finding, ...]:
    """What was found, in words; context is the tokens of one request."""
    thinks = _yes(value=capabilities.reasoning)
    if capabilities.reasoning and report.reasoning_form:
        thinks += {
            "apart": ", apart from the answer",
            "tagged": ", between tags in the text",
            "opened": ", in the text, opened by the prompt",
        }[report.reasoning_form]
    if capabilities.reasoning and not report.thinking.value:
        thinking_how = f"the catalog says so; {report.thinking.how}"
    else:
        thinking_how = report.thinking.how
    vectors = _yes(value=capabilities.embeddings)
    if capabilities.embedding_dimensions:
        vectors += f", {capabilities.embedding_dimensions:,} dimensions"
    # The three ways in which the agent calls tools.
    made = "constrained" if capabilities.json_schema else "prompted"
    tools = "native" if capabilities.native_tools else made
    return (
        Finding("server", report.server, report.server_how),
        Finding("tools", tools, report.tools.how),
        Finding("JSON schema", _yes(value=capabilities.json_schema), report.json_schema.how),
        Finding("thinking", thinks, thinking_how),
        Finding("embeddings", vectors, report.embeddings.how),
        _context(report, asked_tokens),
    )


def _context(report: Report, asked_tokens: int) -> Finding:
    if report.context_tokens is None:
        return Finding("context", f"{asked_tokens:,} tokens", "the setting's; the server does not say")
    if report.context_tokens < asked_tokens:
        how = f"{report.context_how}; {asked_tokens:,} were asked for"
        return Finding("context", f"{report.context_tokens:,} tokens", how)
    if report.context_tokens > asked_tokens:
        how = f"of the server's {report.context_tokens:,} ({report.context_how})"
        return Finding("context", f"{asked_tokens:,} tokens", how)
    return Finding("context", f"{asked_tokens:,} tokens", report.context_how)


def _yes(*, value: bool) -> str:
    return "yes" if value else "no"
