"""Counters and gauges in the text that ``/metrics`` answers, as vLLM and llama.cpp's server write it.

Pure. It reads Prometheus' exposition format as far as those two use it: no escapes within labels' values
but quotes, no exemplars. What a metric means is its reader's to know.
"""

from __future__ import annotations

import re
from typing import Final

_SAMPLE: Final = re.compile(r"^(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def metric_sums(text: str) -> dict[str, float]:
    r"""Each metric's value, summed over its labels; lines that are no sample are passed over.

    Example:
        >>> metric_sums('requests_total{reason="stop"} 3\nrequests_total{reason="length"} 2')
        {'requests_total': 5.0}
    """
    sums: dict[str, float] = {}
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        sums[match["name"]] = sums.get(match["name"], 0.0) + value
    return sums


def metric_labels(text: str, name: str) -> dict[str, str]:
    """The labels of the first sample of that metric; empty where there is none.

    Example:
        >>> metric_labels('vllm:cache_config_info{block_size="128"} 1.0', "vllm:cache_config_info")
        {'block_size': '128'}
    """
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is not None and match["name"] == name:
            return dict(_LABEL.findall(match["labels"] or ""))
    return {}
