"""Shared by the tests of architectures: published configurations, and the shape that one is read as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.architectures.hugging_face import read_config

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture

MODELS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("models.json").read_text())["models"]
NAMED = {model["name"]: model for model in MODELS}
LLAMA: dict[str, Any] = NAMED["meta-llama/Llama-3.1-8B-Instruct"]["config"]


def shape(config: dict[str, Any]) -> Architecture:
    return read_config(config, source="config.json").architecture
