"""``stillroom plan`` as people and programs run it."""

from __future__ import annotations

import ast
import json
import operator
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import ONE_MODEL, RTX_4090, refused
from tests.deploy.planning.conftest import TINY_CONFIG, TINY_PARAMETERS, tiny_gguf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Home
    from tests.deploy.checkpoints.conftest import FileServer

TOO_LARGE = ("--model", "deepseek-r1:70b", "--quant", "Q8_0", "--context", "32768", *RTX_4090)
COMPONENTS = ("weights_bytes", "kv_cache_bytes", "compute_bytes", "overhead_bytes")
ENDS = ("low", "expected", "high")


def test_one_model_on_one_gpu_is_one_object_with_every_field(home: Home) -> None:
    done = home.run("plan", "--json", "--model", "deepseek-r1:14b", *ONE_MODEL)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    plan = json.loads(done.stdout)
    assert (plan["model"], plan["quantization"], plan["engine"]) == ("deepseek-r1:14b", "Q4_K_M", "ollama")
    assert plan["fits"] is True
    memory = plan["memory"]
    for end in ENDS:
        assert memory["total_bytes"][end] == sum(memory[name][end] for name in COMPONENTS)
    # 48 layers, keys and values of 8 heads of 128 in 16 bits.
    assert memory["kv_cache_bytes"] == dict.fromkeys(ENDS, 48 * 2 * 8 * 128 * 2 * 8192)
    # Ollama's own file of it has 8,988,110,976 bytes; the tensors without header and tokenizer.
    assert plan["artefact_bytes"] == pytest.approx(8_988_110_976, abs=10_000_000)
    assert plan["rule_of_thumb_gb"] == pytest.approx(14.770033664 * 0.6)
    speed = plan["decode_tokens_per_s"]
    assert 0 < speed["low"] < speed["expected"] < speed["high"]
    assert plan["rejections"] == []


def test_hugging_faces_name_and_ollamas_give_the_same_document(home: Home) -> None:
    names = ("deepseek-r1:14b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B")

    documents = [home.run("plan", "--json", "--model", name, *ONE_MODEL).stdout for name in names]

    assert documents[0] == documents[1] != ""


def test_the_quantization_may_stand_in_the_name(home: Home) -> None:
    plan = home.json("plan", "deepseek-r1:14b-qwen-distill-q4_K_M", "--engine", "ollama", *RTX_4090)

    assert (plan["model"], plan["quantization"]) == ("deepseek-r1:14b", "Q4_K_M")


def test_a_configuration_is_sized_in_place_of_a_model(home: Home) -> None:
    (home.folder / "config.json").write_text(json.dumps(TINY_CONFIG), encoding="utf-8")

    plan = home.json("plan", "--config", "config.json", "--quant", "Q5_K_M", "--context", "2048", *RTX_4090)

    assert plan["quantization"] == "Q5_K_M"
    assert plan["parameters"] == TINY_PARAMETERS
    assert plan["memory"]["kv_cache_bytes"]["expected"] == 2 * 2 * 2 * 64 * 2 * 2048
    assert plan["artefact"]["exact"] is False


def test_where_nothing_fits_the_object_carries_the_error_and_three_changes(home: Home) -> None:
    done = home.run("plan", "--json", *TOO_LARGE)

    assert done.returncode == 3
    assert done.stdout.count("\n") == 1
    plan = json.loads(done.stdout)
    assert plan["fits"] is False
    assert plan["error"]["exit_code"] == 3
    assert plan["error"]["message"].startswith("nothing fits; nearest is deepseek-r1:70b at Q8_0")
    assert len(plan["changes"]) == 3
    assert plan["memory"]["total_bytes"]["expected"] > 24 * 1024**3
    for rejection in plan["rejections"]:
        assert rejection["term"]
        assert rejection["suggestion"]


def test_where_nothing_fits_stdout_is_empty_and_the_table_is_on_stderr(home: Home) -> None:
    done = home.run("plan", *TOO_LARGE)

    assert done.returncode == 3
    assert done.stdout == ""
    assert "What would make something fit" in done.stderr
    assert "error: nothing fits" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_suggested_command_is_whole_and_makes_it_fit(home: Home) -> None:
    plan = json.loads(home.run("plan", "--json", *TOO_LARGE).stdout)
    command = next(change["command"] for change in plan["changes"] if change["command"])

    assert command.startswith("stillroom plan ")
    assert "--context 32768" in command
    assert "--gpu 'RTX 4090'" in command
    words = [part.strip("'") for part in re.findall(r"'[^']*'|\S+", command)]
    assert home.json(*words[1:])["fits"] is True


# What the arithmetic of a term is written in, as Python's operators.
OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "GB": 10**9}


def computed(arithmetic: str) -> float | None:
    """The value of a line of arithmetic, its nouns left out; None where it is no pure arithmetic."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", arithmetic)
    for unit, size in UNITS.items():
        text = re.sub(rf"(\d) {unit}\b", rf"\1 * {size}", text)
    text = re.sub(r"(?<=[\s)])[x×·](?=\s)", "*", text)
    text = re.sub(r"[A-Za-z_:][\w:-]*", " ", text)
    try:
        return evaluated(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        return None


def evaluated(node: ast.expr) -> float:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        return node.value
    assert isinstance(node, ast.BinOp), ast.dump(node)
    return OPERATORS[type(node.op)](evaluated(node.left), evaluated(node.right))


@pytest.mark.parametrize(
    "options",
    [
        ("deepseek-r1:14b", *ONE_MODEL),
        ("deepseek-r1:14b", *ONE_MODEL, "--kv-cache", "q8_0"),
        ("deepseek-r1:7b", "--engine", "vllm", "--quant", "AWQ", "--users", "8", *RTX_4090),
        ("deepseek-r1:7b", "--engine", "embedded", "--quant", "Q8_0", *RTX_4090),
        ("gemma3:4b", "--engine", "ollama", "--context", "32768", "--quant", "Q4_K_M", *RTX_4090),
        ("deepseek-v2:16b", "--engine", "ollama", "--quant", "Q4_K_M", *RTX_4090),
    ],
)
def test_the_explanation_can_be_checked_by_hand(home: Home, options: tuple[str, ...]) -> None:
    shown = home.run("plan", *options, "--explain")

    assert shown.returncode == 0, shown.stderr
    lines = re.findall(r"^    (.+) = ([\d,]+) B$", shown.stdout, re.MULTILINE)
    checked = 0
    for arithmetic, said in lines:
        value, size = computed(arithmetic), int(said.replace(",", ""))
        if value is not None:
            # Sizes in MiB are rounded to one; products are exact.
            assert value == pytest.approx(size, abs=2 * 1024**2), arithmetic
            checked += 1
    assert checked, lines
    sums = re.findall(r"^sum on (\S+): ([\d,]+) B ≤ ([\d,]+) B", shown.stdout, re.MULTILINE)
    assert sums
    for device, total, _ in sums:
        terms = re.findall(rf"^\w+ on {device}: .+\n    (?:.+ = )?([\d,]+) B$", shown.stdout, re.MULTILINE)
        assert sum(int(term.replace(",", "")) for term in terms) == int(total.replace(",", ""))


def test_nobody_measures_the_memory_of_a_machine_that_is_not_here(home: Home) -> None:
    done = home.run("plan", "--gpu", "none", "--ram", "32GiB")

    assert done.returncode == 0, done.stderr
    assert "until its memory was measured" not in done.stderr


def test_a_gpu_that_is_not_known_is_planned_for_by_its_memory(home: Home) -> None:
    plan = home.json("plan", "deepseek-r1:7b", "--gpu", "RTX 4090 Laptop", "--vram", "16GiB")

    assert plan["fits"] is True
    assert [gpu["name"] for gpu in plan["machine"]["gpus"]] == ["RTX 4090 Laptop"]
    assert "RTX 4090 Laptop" in plan["machine"]["notes"][0]


def test_a_file_is_planned_by_its_header_and_started_from_its_path(home: Home) -> None:
    path = home.folder / "tiny model.gguf"
    path.write_bytes(tiny_gguf(**{"general.file_type": 1}))

    plan = home.json("plan", "./tiny model.gguf", "--context", "2048", "--engine", "embedded")
    spec = home.json("up", "./tiny model.gguf", "--context", "2048", "--engine", "embedded", "--dry-run")

    assert (plan["model"], plan["quantization"]) == ("tiny model", "F16")
    assert plan["artefact_bytes"] == path.stat().st_size
    assert plan["artefact"]["exact"] is True
    assert spec["argv"][spec["argv"].index("--model") + 1] == str(path)


def test_a_url_is_planned_without_its_download(home: Home, server: FileServer) -> None:
    url = server.put("/tiny.gguf", tiny_gguf(**{"general.file_type": 1}), size=700_000_000)

    plan = home.json("plan", "--url", url, "--context", "2048", *RTX_4090)

    assert plan["artefact_bytes"] == 700_000_000
    assert plan["parameters"] == TINY_PARAMETERS
    assert server.sent_bytes < 10_000_000


def test_a_machine_may_be_described_in_a_file(home: Home) -> None:
    (home.folder / "server.toml").write_text(
        'memory = "64GiB"\ncores = 16\ngpus = ["2x RTX 4090"]\n', encoding="utf-8"
    )

    plan = home.json("plan", "--machine", "server.toml")

    assert [gpu["name"] for gpu in plan["machine"]["gpus"]] == ["RTX 4090", "RTX 4090"]
    assert plan["machine"]["cpu_cores"] == 16
    assert plan["model"] == "deepseek-r1:70b"


def test_a_machine_of_flags_is_planned_for(home: Home) -> None:
    plan = home.json("plan", *RTX_4090, "--gpus", "2", "--ram", "128GiB", "--cores", "32")

    machine = plan["machine"]
    assert (len(machine["gpus"]), machine["cpu_cores"], machine["memory_total_bytes"]) == (
        2,
        32,
        128 * 1024**3,
    )
    assert machine["notes"] == []


def test_the_workload_shapes_the_choice(home: Home) -> None:
    def picked(*options: str) -> dict[str, Any]:
        found: dict[str, Any] = home.json("plan", *RTX_4090, *options)
        return found

    usual, fast = picked(), picked("--prefer", "speed")
    assert fast["decode_tokens_per_s"]["expected"] > usual["decode_tokens_per_s"]["expected"]
    small = picked("--max-memory", "8GiB")
    total = sum(part["total_bytes"]["expected"] for part in small["memory_by_device"].values())
    assert total <= 8 * 1024**3
    quick = picked("--min-speed", "60")
    assert quick["decode_tokens_per_s"]["expected"] >= 60
    many = picked("--users", "8", "--context", "4096")
    assert many["engine"] == "vllm"


@pytest.mark.parametrize(
    ("option", "value", "other"), [("--license", "mit", "GPL-3.0"), ("--languages", "en, zh", "en,is")]
)
def test_licence_and_languages_are_held(home: Home, option: str, value: str, other: str) -> None:
    held = home.json("plan", *RTX_4090, option, value)

    assert held["fits"] is True
    # The bundled model comes under another licence and writes English only.
    assert option.removeprefix("--") in {rejection["term"] for rejection in held["rejections"]}
    assert home.run("plan", *RTX_4090, option, other, "--json").returncode == 3


def test_every_model_with_a_published_score_is_ranked_when_asked(home: Home) -> None:
    def models(*options: str) -> set[str]:
        plan = home.json("plan", *RTX_4090, *options)
        return {row["model"] for row in (*plan["options"], *plan["rejections"])}

    assert models() < models("--any-model")


def test_a_cache_type_of_one_engine_leaves_the_others_out(home: Home) -> None:
    plan = home.json("plan", "deepseek-r1:7b", "--kv-cache", "q8_0", *RTX_4090)

    assert plan["kv_cache_type"] == "q8_0"
    assert {row["engine"] for row in plan["rejections"] if row["term"] == "kv_cache_type"} == {"vllm"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "deepseek-r1:9b"), ("deepseek-r1:9b", "deepseek-r1:8b")),
        (("--model", ""), ("''",)),
        (("--model", "deepseek-r1:7b", "deepseek-r1:14b"), ("one model",)),
        (("--quant", "Q9_Z"), ("Q9_Z", "Q4_K_M")),
        (("--quant", ""), ("''", "Q4_K_M")),
        (("--context", "0"), ("--context", "0")),
        (("--context", "many"), ("--context",)),
        (("--context", "9" * 30), ("--context",)),
        (("--users", "0"), ("--users", "0")),
        (("--engine", "llamafile"), ("llamafile", "ollama")),
        (("--kv-cache", "q9"), ("q9", "q8_0")),
        (("--engine", "ollama", "--kv-cache", "fp8"), ("fp8", "q8_0")),
        (("--min-speed", "-1"), ("--min-speed",)),
        (("--min-speed", "nan"), ("--min-speed",)),
        (("--min-speed", "inf"), ("--min-speed", "inf")),
        (("--max-memory", "lots"), ("--max-memory", "lots", "24GiB")),
        (("--max-memory", "0"), ("--max-memory",)),
        (("--reserve", "-1GiB"), ("--reserve",)),
        (("--languages", "english"), ("--languages", "english", "en,zh")),
        (("--prefer", "cheap"), ("--prefer", "cheap", "quality")),
        (("--gpu", "RTX 9999"), ("RTX 9999", "RTX 5090")),
        (("--gpu", ""), ("''",)),
        (("--gpu", "RTX 4090 Laptop"), ("RTX 4090 Laptop", "--vram SIZE")),
        (("--gpu", "none", "--vram", "24GiB"), ("--gpu none", "--vram '24GiB'")),
        (("--gpu", "none", *RTX_4090), ("--gpu none", "--gpu 'RTX 4090'")),
        (("--gpu", "M3 Max", "--ram", "64GiB", "--vram", "100GiB"), ("--vram 100GiB", "--ram 64GiB")),
        (("--gpu", "2x M3 Max", "--ram", "64GiB"), ("M3 Max", "the only one")),
        (("--gpus", "0", *RTX_4090), ("--gpus",)),
        (("--gpus", "1000", *RTX_4090), ("--gpus", "1000", "64")),
        (("--vram", "plenty", *RTX_4090), ("--vram", "plenty")),
        (("--ram", "-4"), ("--ram", "-4")),
        (("--cores", "0"), ("--cores",)),
        (("--cores", "100000"), ("--cores", "100000")),
        (("--machine", "nothing.toml"), ("nothing.toml",)),
        (("--machine", "/dev/zero"), ("/dev/zero",)),
        (("--config", "nothing.json"), ("nothing.json",)),
        (("--config", "."), ("config.json",)),
        (("--config", "/dev/zero"), ("/dev/zero",)),
        (("--config", "config.json", "--model", "deepseek-r1:7b"), ("--config",)),
        (("--lora", "adapter"), ("--lora",)),
        (("--model", "deepseek-r1:7b", "--lora", "adapter"), ("adapter",)),
        (("--url", "ftp://host/x.gguf"), ("ftp://host/x.gguf",)),
        (("--url", "http://127.0.0.1:9/nothing"), ("http://127.0.0.1:9/nothing", ".gguf")),
        (("./nothing.gguf",), ("./nothing.gguf",)),
        (("--params", "7"), ("--rule-of-thumb",)),
        (("--rule-of-thumb", "--params", "-1", "--bits", "4"), ("-1",)),
        (("--rule-of-thumb", "--params", "7", "--bits", "0"), ("0",)),
    ],
)
def test_a_bad_value_is_named_with_what_was_needed(
    home: Home, options: tuple[str, ...], said: tuple[str, ...]
) -> None:
    refused(home.run("plan", *options), *said)


@pytest.mark.parametrize("columns", [80, 60])
def test_a_table_fits_its_terminal_with_every_name_whole(home: Home, columns: int) -> None:
    home.environment["COLUMNS"] = str(columns)

    shown = home.run("plan", *RTX_4090)

    assert shown.returncode == 0, shown.stderr
    assert max(len(line) for line in shown.stdout.splitlines()) <= columns
    assert "→ pick" in shown.stdout
    assert "deepseek-r1:8b-llama-distill" in shown.stdout


def test_a_terminal_of_a_few_columns_crashes_nothing(home: Home) -> None:
    home.environment["COLUMNS"] = "20"

    assert home.run("plan", *RTX_4090, "--explain").returncode == 0


def test_no_colour_is_used_where_none_is_wanted(home: Home) -> None:
    home.environment["FORCE_COLOR"] = "1"
    assert "\x1b[3" not in home.run("plan", *RTX_4090).stdout

    home.environment.update({"NO_COLOR": "", "TERM": "xterm-256color"})
    assert "\x1b[3" in home.run("plan", *RTX_4090).stdout
