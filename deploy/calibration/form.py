"""The form of the calibration file: observations as JSON, checked when they come back.

People copy such files between machines and edit them, and a plan is made of what they say. The form carries a
version. It reads and writes no file: ``deploy.calibration.file`` does.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.architectures.fields import shown_value
from deploy.calibration.observation import Observation
from deploy.spec import EngineName

# More than any machine holds, and still a number that prints.
_MOST_BYTES = 2**60
# As the settings of the same names allow: stillroom/settings.py.
_MOST_CONTEXT_TOKENS = 1_048_576
_MOST_SEQUENCES = 1024
_MOST_OBSERVATIONS = 100_000

# Printed on terminals: no control characters, and no names without an end.
_Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
_Bytes = Annotated[int, Field(ge=0, le=_MOST_BYTES)]
_Component = Literal[
    "weights", "weights_repacked", "kv_cache", "recurrent_state", "compute", "overhead", "lora"
]
_STRICT = ConfigDict(extra="forbid", strict=True)


class _Entry(BaseModel):
    """One observation; the fields are those of ``deploy.calibration.observation.Observation``."""

    model_config = _STRICT

    engine: EngineName
    engine_version: _Text
    device: _Text
    layout: _Text
    architecture: _Text
    component: Literal["weights", "weights_repacked", "kv_cache", "recurrent_state", "compute", "overhead"]
    covers: list[_Component] = Field(min_length=1, max_length=16)
    predicted_bytes: int = Field(ge=1, le=_MOST_BYTES)
    measured_bytes: _Bytes
    rounding_bytes: _Bytes
    model: _Text
    quantization: _Text
    weights_bytes: _Bytes
    context_tokens: int = Field(ge=1, le=_MOST_CONTEXT_TOKENS)
    concurrent_sequences: int = Field(ge=1, le=_MOST_SEQUENCES)
    kv_cache_type: _Text
    observed_at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00$")

    def observation(self) -> Observation:
        return Observation(**{**self.model_dump(), "covers": tuple(self.covers)})


class _File(BaseModel):
    model_config = _STRICT

    kind: Literal["stillroom-calibration"]
    version: Literal[1]
    observations: list[_Entry] = Field(max_length=_MOST_OBSERVATIONS)


def parse_observations(content: bytes) -> tuple[Observation, ...]:
    """The observations in a file's content.

    Raises:
        ValueError: it is not of this form; the message names the first place, the value there and what is
            needed.
    """
    try:
        return tuple(entry.observation() for entry in _File.model_validate_json(content).observations)
    except ValidationError as error:
        raise ValueError(_first(error)) from error


def form_of(observations: tuple[Observation, ...]) -> dict[str, object]:
    """The same as plain values, for a file and for programs."""
    entries = [{**asdict(one), "covers": list(one.covers)} for one in observations]
    return {"kind": "stillroom-calibration", "version": 1, "observations": entries}


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "its first character"
    value = first["input"]
    seen = "" if isinstance(value, dict | list) or not first["loc"] else f", and it is {shown_value(value)}"
    return f"{place}: {first['msg']}{seen}"
