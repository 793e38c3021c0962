"""A plan as a Modelfile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.exports.ollama_modelfile import ollama_modelfile
from stillroom.errors import EngineError
from tests.deploy.exports.conftest import launch_spec

if TYPE_CHECKING:
    from deploy.plan import Plan


def instructions(text: str) -> list[tuple[str, str]]:
    """As Ollama reads it: comments left out, each line's first word its instruction."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_it_carries_the_planned_context_and_says_how_to_use_it(plan: Plan) -> None:
    spec = launch_spec(plan, "ollama", contained=False)

    text = ollama_modelfile(spec, hint="")

    assert text.splitlines()[0] == f"# ollama create {spec.served_model} -f Modelfile"
    assert instructions(text)[0] == ("FROM", "deepseek-r1:7b")
    assert ("PARAMETER", "num_ctx 8192") in instructions(text)
    assert text.endswith("\n")


def test_its_command_quantizes_where_the_plan_does(plan: Plan) -> None:
    spec = launch_spec(plan, "ollama", contained=False)
    assert spec.derived_model is not None
    spec = replace(spec, derived_model=replace(spec.derived_model, quantize="q4_K_M"))

    assert " --quantize q4_K_M -f Modelfile\n" in ollama_modelfile(spec, hint="")


def test_another_engines_plan_is_refused_with_the_command_to_type(plan: Plan) -> None:
    spec = launch_spec(plan, "vllm", contained=False)

    with pytest.raises(EngineError, match="for Ollama, and this plan is for the vllm engine") as refused:
        ollama_modelfile(spec, hint="stillroom export modelfile deepseek-r1:7b --engine ollama")

    assert refused.value.hint == "stillroom export modelfile deepseek-r1:7b --engine ollama"
