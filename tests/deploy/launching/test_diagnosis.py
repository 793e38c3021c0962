"""Failed starts, told from what real engines wrote, or from what their sources say they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.launching.diagnosis import diagnose

LOGS = Path(__file__).parents[1] / "recordings" / "vllm_logs"


def recorded(name: str) -> str:
    return (LOGS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "cause", "sentence"),
    [
        ("F_port", "port", "its port was taken by another program"),
        ("F_dir", "missing_model", "the model directory nope is missing"),
        ("F_kvbig", "memory", "it ran out of memory"),
        ("F_kvsmall2", "kv_cache", "which holds 512 tokens"),
    ],
)
def test_each_recorded_failure_of_vllm_has_its_cause(name: str, cause: str, sentence: str) -> None:
    found = diagnose(recorded(name), 1)

    assert found.cause == cause
    assert sentence in found.sentence
    assert found.hint


def test_a_cache_that_is_too_small_tells_the_longest_context_that_fits_and_the_command() -> None:
    found = diagnose(recorded("F_kvsmall2"), 1)

    assert found.context_tokens == 512
    assert found.out_of_memory
    assert found.hint == "stillroom up --context 512"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("Error: listen tcp 127.0.0.1:11999: bind: address already in use", "port"),
        ("E srv start: couldn't bind HTTP server socket, hostname: h, port: 39912", "port"),
        ("E llama_init: failed to allocate buffer for kv cache", "memory"),
        ("ggml_backend_cuda_buffer_type_alloc_buffer: … cudaMalloc failed: out of memory", "memory"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "memory"),
        ("ggml.c:1644: GGML_ASSERT(ctx->mem_buffer != NULL) failed", "memory"),
        ("terminate called …\n  what():  Resource temporarily unavailable", "memory"),
        ("libgomp: Thread creation failed: Resource temporarily unavailable", "memory"),
        ("model requires more system memory (5.6 GiB) than is available (3.2 GiB)", "memory"),
        ("Free memory on device cuda:0 (3.1/24.0 GiB) on startup is less than desired GPU", "memory"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error.", "gated"),
        ("Access to model meta-llama/Llama-3.1-8B-Instruct is restricted.", "gated"),
        ("huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.", "missing_model"),
        ("OSError: x/y is not a local folder and is not a valid model identifier", "missing_model"),
        ("LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder", "network"),
        ("OSError: [Errno 28] No space left on device: 'model-00002.safetensors'", "disk_full"),
        ("ValueError: Unknown quantization method: exl3. Must be one of ['awq', 'fp8']", "quantization"),
        ("quantization method fp8 is not supported for the current GPU. Minimum: 75.", "gpu_too_old"),
        ("CUDA error: no kernel image is available for execution on the device", "gpu_too_old"),
        ("CUDA driver version is insufficient for CUDA runtime version", "driver"),
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 11040).", "driver"),
        ("Failed to initialize NVML: Driver/library version mismatch", "driver"),
        ('could not select device driver "" with capabilities: [[gpu]].', "driver"),
        ("docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "not_executable"),
        ("unknown model architecture: 'qwen9'", "architecture"),
        ("ValueError: Model architectures ['Qwen9ForCausalLM'] are not supported for now.", "architecture"),
        ("vllm: error: unrecognized arguments: --shutdown-timeout 10", "option"),
        ("ModuleNotFoundError: No module named 'torch'", "missing_module"),
        ("Value error, Invalid repository ID or local directory specified: '/m'.", "missing_model"),
        ("(Worker pid=17534) ERROR RuntimeError: Cannot find any model weights with `/m`", "missing_model"),
        ("SafetensorError: Error while deserializing header: incomplete metadata", "damaged_file"),
        (
            "OSError: It looks like the config file at '/m/config.json' is not a valid JSON file.",
            "damaged_file",
        ),
        ("you are trying to load has model type `foo` but Transformers does not recognize", "architecture"),
        ("max_model_len (9) is greater than the derived max_model_len (max_length=8.0 or …)", "context"),
        (
            "ValueError: You need to have sentencepiece or tiktoken installed to convert a slow tokenizer",
            "tokenizer",
        ),
        ("RuntimeError: reasoning parser could not locate think start/end tokens", "tokenizer"),
    ],
)
def test_each_kind_of_failure_has_a_cause_a_sentence_and_a_next_step(log: str, cause: str) -> None:
    found = diagnose(f"INFO starting\n{log}\nINFO bye", 1)

    assert found.cause == cause
    assert found.sentence
    assert not found.sentence.endswith(".")
    assert "{" not in found.sentence + found.hint
    assert found.hint


def test_only_memory_makes_less_worth_asking_for() -> None:
    assert diagnose("CUDA out of memory", 1).out_of_memory
    assert not diagnose("No space left on device", 1).out_of_memory
    assert not diagnose("", 1).out_of_memory


def test_a_log_of_a_good_start_accuses_nobody() -> None:
    found = diagnose(recorded("A"), 0)

    assert found.cause == "unknown"
    assert found.sentence.startswith("its last words were: ")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig",
                "  Value error, Cannot find the config file for awq [type=value_error, input_value=…]",
                "    For further information visit https://errors.pydantic.dev/2.14/v/value_error",
            ],
            "Cannot find the config file for awq",
        ),
        (
            [
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for CacheConfig",
                "gpu_memory_utilization",
                "  Input should be less than or equal to 1 [type=less_than_equal, input_value=1.5]",
                "    For further information visit https://errors.pydantic.dev/2.14/v/less_than_equal",
            ],
            "gpu_memory_utilization: Input should be less than or equal to 1",
        ),
        (
            [
                "(Worker pid=13) ERROR 11-26 14:50:43 [multiproc_executor.py:953] RuntimeError: the reason",
                "(EngineCore pid=12) ERROR 11-26 14:50:44 [core.py:1510] RuntimeError: a consequence",
                "RuntimeError: Engine core initialization failed. See root cause above.",
            ],
            "RuntimeError: the reason",
        ),
    ],
)
def test_an_error_of_vllm_that_is_not_known_is_told_in_its_own_words(lines: list[str], words: str) -> None:
    assert diagnose("\n".join(lines), 1).sentence == f"its last words were: {words}"


def test_a_module_that_a_server_did_without_does_not_explain_why_it_was_killed() -> None:
    log = "(VllmWorker-0 pid=9) ERROR 11-22 03:38:15 [__init__.py:72] No module named 'triton'"

    assert "SIGKILL" in diagnose(log, -9).sentence
    assert diagnose(log, 1).cause == "missing_module"


def test_a_shell_that_could_not_execute_is_understood_without_a_log() -> None:
    assert diagnose("", 126).cause == "not_executable"
