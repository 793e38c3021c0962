"""vLLM's own words: a recorded start step by step, and its recorded metrics."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.engines.prometheus import metric_labels, metric_sums
from deploy.engines.vllm_log import read_activity, read_progress

RECORDINGS = Path(__file__).parents[1] / "recordings"


def test_a_recorded_start_is_followed_from_configuration_to_open_port() -> None:
    lines = (RECORDINGS / "vllm_logs" / "A.txt").read_text(encoding="utf-8").splitlines()

    steps = list(dict.fromkeys(read_progress("\n".join(lines[: end + 1])) for end in range(len(lines))))

    assert steps == [
        "",
        "reads the model's configuration",
        "starts its engine process",
        "loads weights",
        "loads weights, 0 %",
        "loads weights, 100 %",
        "profiles its memory",
        "warms up, 46,592 tokens of KV cache",
        "opens its port",
    ]


def test_downloads_compilation_and_graphs_are_told_with_their_share() -> None:
    assert read_progress("Fetching 12 files:  33%|███") == "downloads weights, 33 %"
    assert read_progress("Starting torch.compile transform on …") == "compiles the model"
    graphs = "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  60%|██████"
    assert read_progress(graphs) == "captures CUDA graphs, 60 %"


def test_recorded_metrics_tell_requests_and_tokens() -> None:
    body = json.loads((RECORDINGS / "vllm" / "metrics.json").read_text(encoding="utf-8"))["body"]
    metrics = body if isinstance(body, str) else "\n".join(body)

    activity = read_activity(metrics)

    assert activity.requests == 27
    assert activity.requests_running == 0
    assert activity.prompt_tokens == 984
    assert activity.output_tokens == 599
    seconds = metric_sums(metrics)["vllm:inter_token_latency_seconds_sum"]
    gaps = metric_sums(metrics)["vllm:inter_token_latency_seconds_count"]
    assert activity.output_tokens_per_s == gaps / seconds
    assert metric_labels(metrics, "vllm:cache_config_info")["block_size"] == "128"


def test_a_server_that_answers_nothing_has_counted_nothing() -> None:
    assert read_activity("").requests is None
    assert read_activity("<html>502</html>").requests is None


def test_values_that_are_no_numbers_are_passed_over() -> None:
    assert metric_sums('a 1\nb nonsense\n# TYPE a counter\na{x="y"} 2 1700000000') == {"a": 3.0}
    assert metric_labels("a 1", "b") == {}
