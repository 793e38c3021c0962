"""Settings come from options, variables and a file, and a bad one names its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stillroom.errors import SettingsError
from stillroom.handed_settings import as_environment, handed_on
from stillroom.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nobody_set_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("STILLROOM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.chdir(tmp_path)


def test_defaults_point_into_the_platforms_own_directories() -> None:
    settings = load_settings()

    assert settings.data_dir.name == "stillroom"
    assert settings.context_tokens == 8192


def test_an_option_wins_over_a_variable_and_a_variable_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stillroom.toml").write_text(
        "context_tokens = 1000\nretrieval_limit = 3\nlibrary = 'notes'\n"
    )
    monkeypatch.setenv("STILLROOM_CONTEXT_TOKENS", "2000")
    monkeypatch.setenv("STILLROOM_RETRIEVAL_LIMIT", "4")

    settings = load_settings({"context_tokens": 3000})

    assert (settings.context_tokens, settings.retrieval_limit, settings.library) == (3000, 4, "notes")


@pytest.mark.parametrize(
    ("endpoint", "hub_url"), [("", "https://huggingface.co"), ("https://mirror.test", "https://mirror.test")]
)
def test_the_hubs_own_variable_names_its_mirror(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, hub_url: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)

    assert load_settings().hub_url == hub_url


def test_an_option_that_was_not_given_changes_nothing() -> None:
    assert load_settings({"context_tokens": None}).context_tokens == 8192


def test_an_unknown_key_names_the_file_the_line_and_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "stillroom.toml").write_text("# mine\nlibrary = 'notes'\ncontext_token = 4096\n")

    with pytest.raises(
        SettingsError, match=r"stillroom\.toml, line 3: context_token .* did you mean context_tokens"
    ):
        load_settings()


def test_a_bad_value_names_the_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "stillroom.toml").write_text("library = 'notes'\ncontext_tokens = 'many'\n")

    with pytest.raises(SettingsError, match=r"line 2: context_tokens cannot be 'many'"):
        load_settings()


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_CONTEXT_TOKENS", "12")

    with pytest.raises(
        SettingsError, match="variable STILLROOM_CONTEXT_TOKENS: context_tokens cannot be '12'"
    ):
        load_settings()


def test_an_unknown_variable_is_named_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_LIBARY", "notes")

    with pytest.raises(SettingsError, match=r"STILLROOM_LIBARY .* did you mean STILLROOM_LIBRARY"):
        load_settings()


def test_a_bad_option_is_named_as_it_is_typed() -> None:
    with pytest.raises(SettingsError, match="option --context: context_tokens cannot be 5"):
        load_settings({"context_tokens": 5})


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "stillroom.toml").write_text("library = \n")

    with pytest.raises(SettingsError, match=r"stillroom\.toml is not TOML: .*line 1"):
        load_settings()


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml cannot be read"):
        load_settings(config=tmp_path / "absent.toml")


def test_a_token_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_HUB_TOKEN", "hf_secret")

    assert "hf_secret" not in repr(load_settings())


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_HUB_TOKEN", "hf_example")
    settings = load_settings({"library": "notes", "context_tokens": 4096})

    for variable, value in as_environment(settings).items():
        monkeypatch.setenv(variable, value)

    assert load_settings() == settings


def test_a_child_process_is_told_only_the_secrets_that_it_needs() -> None:
    settings = load_settings(
        {
            "mcp_token": "t" * 24,
            "chroma_token": "c",
            "embedder_url": "https://me:pass@box/v1",
            "endpoint_url": "https://me:pass@box/v1",
        }
    )
    told = as_environment(settings, secrets=("chroma_token", "embedder_url"))
    assert told["STILLROOM_CHROMA_TOKEN"] == "c"
    assert told["STILLROOM_EMBEDDER_URL"] == "https://me:pass@box/v1"
    assert "STILLROOM_MCP_TOKEN" not in told
    assert "STILLROOM_ENDPOINT_URL" not in told
    assert told.items() <= as_environment(settings).items()


def test_folders_are_a_list_in_the_file_and_a_path_variable_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stillroom.toml").write_text("agent_file_roots = ['/notes', '/my work']\n")
    settings = load_settings()
    assert [str(folder) for folder in settings.agent_file_roots] == ["/notes", "/my work"]

    variable = as_environment(settings)["STILLROOM_AGENT_FILE_ROOTS"]
    assert variable == f"/notes{os.pathsep}/my work"
    monkeypatch.setenv("STILLROOM_AGENT_FILE_ROOTS", f"/a{os.pathsep}/b{os.pathsep}")
    assert [str(folder) for folder in load_settings().agent_file_roots] == ["/a", "/b"]
    assert load_settings({"agent_file_roots": ()}).agent_file_roots == ()


def test_nothing_beyond_the_library_is_reached_unless_it_is_set() -> None:
    settings = load_settings()
    assert (settings.agent_file_roots, settings.agent_web, settings.agent_python) == ((), False, False)


def test_a_process_that_somebody_else_starts_is_told_what_this_shell_sets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STILLROOM_CONTEXT_TOKENS", "4096")
    monkeypatch.setenv("STILLROOM_DATA_DIR", "here")
    monkeypatch.setenv("STILLROOM_ENDPOINT_API_KEY", "s3cret")
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box")
    monkeypatch.setenv("STILLROOM_AGENT_WEB", "false")  # as it is by itself

    told, withheld = handed_on(load_settings())

    assert told == {
        "STILLROOM_CONFIG": "own",
        "STILLROOM_CONTEXT_TOKENS": "4096",
        "STILLROOM_DATA_DIR": str(tmp_path / "here"),
        "STILLROOM_OLLAMA_URL": "http://gpu-box:11434",
    }
    assert withheld == ("endpoint_api_key",)


@pytest.mark.parametrize(
    "url", ["http://u:secretpw@x/v1", "https://secretpw@x/v1", "http://u:secret/pw@x/v1"]
)
def test_an_address_that_holds_a_password_is_withheld_as_secrets_are(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("STILLROOM_ENDPOINT_URL", url)
    monkeypatch.setenv("STILLROOM_VLLM_URL", "http://x/v1")

    assert handed_on(load_settings()) == (
        {"STILLROOM_CONFIG": "own", "STILLROOM_VLLM_URL": "http://x/v1"},
        ("endpoint_url",),
    )


def test_a_process_that_somebody_else_starts_is_pointed_to_a_file_that_it_would_not_find(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stillroom.toml").write_text("context_tokens = 4096\nlibrary = 'work'\n", encoding="utf-8")
    monkeypatch.setenv("STILLROOM_LIBRARY", "other")

    assert handed_on(load_settings()) == (
        {"STILLROOM_CONFIG": str(tmp_path / "stillroom.toml"), "STILLROOM_LIBRARY": "other"},
        (),
    )


def test_a_process_that_somebody_else_starts_reads_the_persons_own_file_and_no_projects(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "no-config" / "stillroom" / "stillroom.toml"
    told, _ = handed_on(load_settings())
    monkeypatch.setenv("STILLROOM_CONFIG", told["STILLROOM_CONFIG"])
    (tmp_path / "stillroom.toml").write_text("endpoint_url = 'https://evil.example/v1'\n", encoding="utf-8")

    assert load_settings().endpoint_url == ""
    own.parent.mkdir(parents=True)
    own.write_text("context_tokens = 4096\nendpoint_api_key = 's3cret'\n", encoding="utf-8")
    assert load_settings().context_tokens == 4096
    assert handed_on(load_settings()) == ({"STILLROOM_CONFIG": "own"}, ())
