"""What vLLM says of itself: steps of its start in its log, requests and tokens in ``/metrics``.

Pure text matching; the wording is that of vLLM 0.32.0, as recorded. It starts and asks nothing.
"""

from __future__ import annotations

import re
from typing import Final

from deploy.engines.base import Activity
from deploy.engines.log_steps import last_step
from deploy.engines.prometheus import metric_sums

# Of every line of its log that tells how far a start has come.
_STEPS: Final = (
    (re.compile(r"non-default args:"), "reads the model's configuration"),
    (re.compile(r"Initializing a V1 LLM engine"), "starts its engine process"),
    (re.compile(r"Starting to load model"), "loads weights"),
    (re.compile(r"Fetching \d+ files:\s+(?P<done>\d+)%"), "downloads weights, {done} %"),
    (re.compile(r"Loading \S+ checkpoint shards:\s+(?P<done>\d+)%"), "loads weights, {done} %"),
    (re.compile(r"Loading weights took"), "profiles its memory"),
    (re.compile(r"Starting torch\.compile|Compiling a graph|torch\.compile took"), "compiles the model"),
    (re.compile(r"Warming up model for the compilation"), "compiles the model"),  # on a CPU
    (re.compile(r"KV cache size: (?P<tokens>[\d,]+) tokens"), "warms up, {tokens} tokens of KV cache"),
    (re.compile(r"Capturing CUDA graphs.*?:\s+(?P<done>\d+)%"), "captures CUDA graphs, {done} %"),
    (re.compile(r"Starting vLLM server on"), "opens its port"),
)

_VERSION: Final = re.compile(r"(?:version |LLM engine \(v)(?P<version>\d[\w.+-]*)")


def read_progress(log: str) -> str:
    """The last step that the log tells of; empty before the first."""
    return last_step(log, _STEPS).sentence


def read_version(log: str) -> str:
    """The version that wrote the log; empty where it does not say.

    Example:
        >>> read_version("(APIServer pid=9) INFO 11-22 [api_utils.py:347]  █▄█▀ version 0.32.0")
        '0.32.0'
    """
    match = _VERSION.search(log)
    return match["version"] if match else ""


def read_activity(metrics: str) -> Activity:
    """Requests and tokens from ``/metrics``; tokens a second of one sequence from its histogram of gaps."""
    sums = metric_sums(metrics)
    if not sums:
        return Activity()

    def count(name: str) -> int:
        return round(sums.get(f"vllm:{name}", 0))

    seconds = sums.get("vllm:inter_token_latency_seconds_sum", 0.0)
    gaps = sums.get("vllm:inter_token_latency_seconds_count", 0.0)
    return Activity(
        requests=count("request_success_total"),
        requests_running=count("num_requests_running") + count("num_requests_waiting"),
        prompt_tokens=count("prompt_tokens_total"),
        output_tokens=count("generation_tokens_total"),
        output_tokens_per_s=gaps / seconds if seconds else None,
    )
