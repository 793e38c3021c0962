"""The same models through other tools: llmfit's estimate and the rule of thumb beside ours.

Usage: ``python bench/memory_peers.py FIGURES.json --llmfit PATH [--json OUT]``, where the figures are what
    ``bench/memory.py --json`` wrote. llmfit 1.1 is on PyPI; it estimates memory for models of its own
    catalogue.

Peers do not know that llama.cpp keeps a second, repacked copy of some weights on a CPU. So that they are
not blamed for it, errors are given twice: of the resident memory as measured, and of the same less that
copy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from bench.memory import error_percent, is_disturbed
from bench.results_file import results_file
from deploy.spec import GIB

# llmfit's names of the models in ``bench/model_shapes.py``; of the mixture with fewer experts it knows
# nothing.
LLMFIT_NAMES: Final = {
    "DeepSeek-R1-Distill-Qwen-1.5B": "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    "DeepSeek-R1-Distill-Qwen-7B": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "DeepSeek-R1-Distill-Llama-8B": "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
    "DeepSeek-R1-0528-Qwen3-8B": "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B",
    "DeepSeek-R1-Distill-Qwen-14B": "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
    "gemma-3-1b": "google/gemma-3-1b-it",
}
_CACHE_TYPES: Final = {"f16": "fp16", "q8_0": "q8_0"}


def llmfit_bytes(program: Path, row: dict[str, Any]) -> int:
    """What llmfit says that a CPU needs; 0 where it does not know the model.

    It knows no sequences: the context is that of all together. Its sum adds weights in GB to a cache and half
    a unit more in GiB, and each is taken for what it is.
    """
    name = LLMFIT_NAMES.get(row["model"])
    if name is None:
        return 0
    context = row["context_tokens"] * row["concurrent_sequences"]
    command = [str(program), "--ram", "128G", "plan", name, "--json", "--context", str(context)]
    command += ["--quant", row["quantization"], "--kv-quant", _CACHE_TYPES[row["kv_cache_type"]]]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode:
        print(f"llmfit: {name}: {answer.stderr.strip()[-200:]}", file=sys.stderr)
        return 0
    plan = json.loads(answer.stdout)
    paths = {path["path"]: path for path in plan["run_paths"]}
    weights: float = plan["disk_size_gb"]
    needed: float = paths["cpu_only"]["minimum"]["ram_gb"]
    return round(weights * 10**9 + (needed - weights) * GIB)


def main() -> int:
    """Ask, compare, print and write."""
    options = _options()
    figures = json.loads(options.figures.read_text(encoding="utf-8"))
    rows = [
        _compared(row, llmfit_bytes(options.llmfit, row)) for row in figures["rows"] if not is_disturbed(row)
    ]
    version = subprocess.run(
        [str(options.llmfit), "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    summary = {
        measure: {peer: _summary(rows, measure, peer) for peer in ("ours", "llmfit", "rule_of_thumb")}
        for measure in ("measured", "without_repacked")
    }
    for measure, peers in summary.items():
        for peer, errors in peers.items():
            ratio = errors["median"] / peers["ours"]["median"]
            print(
                f"{measure:18} {peer:14} median {errors['median']:7.2f} % worst {errors['worst']:7.2f} % "
                f"({errors['cases']} cases, {ratio:.0f} times ours)"
            )
    if options.json:
        report = {"date": figures["date"], "llmfit": version, "summary": summary, "rows": rows}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _compared(row: dict[str, Any], llmfit: int) -> dict[str, Any]:
    repacked = row["printed_bytes"].get("weights_repacked", 0)
    ours = row["predicted_total_bytes"][1]
    estimates = {"llmfit": llmfit, "rule_of_thumb": row["rule_of_thumb_bytes"]}
    errors = {}
    for name, own, measured in (
        ("measured", ours, row["measured_bytes"]),
        (
            "without_repacked",
            ours - row["predicted_bytes"]["weights_repacked"],
            row["measured_bytes"] - repacked,
        ),
    ):
        errors[name] = {"ours": error_percent(own, measured)} | {
            peer: error_percent(estimate, measured) for peer, estimate in estimates.items() if estimate
        }
    return {
        "case": row["case"],
        "measured_bytes": row["measured_bytes"],
        "estimates": estimates,
        "errors": errors,
    }


def _summary(rows: list[dict[str, Any]], measure: str, peer: str) -> dict[str, float]:
    errors = [abs(row["errors"][measure][peer]) for row in rows if peer in row["errors"][measure]]
    return {"cases": len(errors), "median": statistics.median(errors), "worst": max(errors)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--llmfit", type=Path, required=True, help="its program")
    parser.add_argument("--json", type=results_file)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
