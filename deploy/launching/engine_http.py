"""What a launched engine answers over HTTP: its health, its figures, and a first completion.

The edge to a server that was started here or attached to. It starts nothing and judges nothing; requests to
this machine ignore proxies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx

from deploy.loopback import is_loopback
from deploy.tls import verification

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.spec import LaunchSpec

_PROBE_TIMEOUT_SECONDS: Final = 5.0
_TRIAL_TOKENS: Final = 4
_OK: Final = 200

Health = Literal["healthy", "refused", "unhealthy", "silent"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a first request.

    Attributes:
        status: HTTP's; 0 where none came.
        model: that the server says it served.
        text: of an answer that is none, or what the connection failed with; empty where it answered.
    """

    status: int
    model: str
    text: str = ""

    @property
    def answered(self) -> bool:
        """Whether the model wrote something."""
        return self.status == _OK and not self.text


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as ``/v1/models`` names it.

    Attributes:
        name: what requests carry.
        root: what it was loaded from.
        context_tokens: its longest context; None where the server does not tell.
    """

    name: str
    root: str
    context_tokens: int | None = None


def health(spec: LaunchSpec) -> Health:
    """What the readiness probe answers now.

    Returns:
        ``refused`` where nothing listens, ``silent`` where nothing came in time: a server that computes a
        long prompt may be so and live.
    """
    try:
        response = _get(spec.readiness_url, spec.api_key)
    except httpx.TimeoutException:
        return "silent"
    except httpx.TransportError:
        return "refused"
    return "healthy" if response.status_code == _OK else "unhealthy"


def answers(urls: Iterable[str], api_key: str | None) -> dict[str, str]:
    """The texts that these URLs answer with; those that do not answer are left out."""
    found: dict[str, str] = {}
    for url in urls:
        try:
            response = _get(url, api_key)
        except httpx.TransportError:
            continue
        if response.status_code == _OK:
            found[url] = response.text
    return found


def served_models(spec: LaunchSpec) -> tuple[ServedModel, ...]:
    """The models that a server names; empty where it does not answer or names none."""
    url = f"{spec.base_url}/models"
    try:
        entries = json.loads(answers((url,), spec.api_key).get(url, "{}"))["data"]
        return tuple(
            ServedModel(str(one["id"]), str(one.get("root") or one["id"]), one.get("max_model_len"))
            for one in entries
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def first_completion(spec: LaunchSpec, *, timeout_seconds: float, prompt: str = "Hello") -> Trial:
    """Ask the served model for a few tokens: a health check says that a server is up, not that a model is."""
    body: dict[str, Any] = {
        "model": spec.served_model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": _TRIAL_TOKENS,
        "temperature": 0,
    }
    url = f"{spec.base_url}/chat/completions"
    try:
        response = httpx.post(
            url,
            json=body,
            headers=_bearer(spec.api_key),
            timeout=timeout_seconds,
            trust_env=not is_loopback(url),
            verify=verification(url),
        )
        answer = response.json()
    except (httpx.TransportError, ValueError) as error:
        return Trial(0, "", str(error) or type(error).__name__)
    if response.status_code != _OK or not isinstance(answer, dict) or not answer.get("choices"):
        return Trial(response.status_code, "", response.text[:200])
    return Trial(response.status_code, str(answer.get("model", "")))


def _get(url: str, api_key: str | None) -> httpx.Response:
    # Asked ten times a second while an engine starts: reading certificates would take 13 ms each time.
    return httpx.get(
        url,
        headers=_bearer(api_key),
        timeout=_PROBE_TIMEOUT_SECONDS,
        trust_env=not is_loopback(url),
        verify=verification(url),
    )


def _bearer(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
