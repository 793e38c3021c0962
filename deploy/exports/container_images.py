"""The container images that engines run in, by tag.

Each is the release whose command line and answers this project knows. ``docker/compose.yaml`` names the same,
and a test holds the two together. Nothing here looks whether a tag is there.
"""

from __future__ import annotations

from typing import Final

from stillroom import __version__

# The tag in use in public Compose files of October 2026; what is relied on is as recorded of 0.33.
OLLAMA: Final = "ollama/ollama:0.35.1"

# The release whose options ``deploy.engines.vllm_options`` follows. CUDA, for amd64 and arm64.
VLLM: Final = "vllm/vllm-openai:v0.32.0"
VLLM_CPU: Final = "vllm/vllm-openai-cpu:v0.32.0"

# Built from docker/Dockerfile; no registry has it.
STILLROOM: Final = f"stillroom:{__version__}"
