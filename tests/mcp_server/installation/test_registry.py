"""Each client's files are where its maker says, on every system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_server.installation.registry import CLIENTS, client_ids, find_client
from mcp_server.installation.surroundings import Surroundings

if TYPE_CHECKING:
    from mcp_server.installation.client import Scope

LINUX = Surroundings.of("linux", home="/home/me", project="/work")
MACOS = Surroundings.of("macos", home="/Users/me", project="/work")
WINDOWS = Surroundings.of("windows", home=r"C:\Users\me", project=r"D:\work")
MAC_SETTINGS = "/Users/me/Library/Application Support"
ROAMING = r"C:\Users\me\AppData\Roaming"

# Of one person: on Linux, macOS and Windows.
USER_FILES = {
    "vscode": (
        "/home/me/.config/Code/User/mcp.json",
        f"{MAC_SETTINGS}/Code/User/mcp.json",
        rf"{ROAMING}\Code\User\mcp.json",
    ),
    "vscode-insiders": (
        "/home/me/.config/Code - Insiders/User/mcp.json",
        f"{MAC_SETTINGS}/Code - Insiders/User/mcp.json",
        rf"{ROAMING}\Code - Insiders\User\mcp.json",
    ),
    "cursor": ("/home/me/.cursor/mcp.json", "/Users/me/.cursor/mcp.json", r"C:\Users\me\.cursor\mcp.json"),
    "claude-desktop": (
        "/home/me/.config/Claude/claude_desktop_config.json",
        f"{MAC_SETTINGS}/Claude/claude_desktop_config.json",
        rf"{ROAMING}\Claude\claude_desktop_config.json",
    ),
    "claude-code": ("/home/me/.claude.json", "/Users/me/.claude.json", r"C:\Users\me\.claude.json"),
    "windsurf": (
        "/home/me/.codeium/windsurf/mcp_config.json",
        "/Users/me/.codeium/windsurf/mcp_config.json",
        r"C:\Users\me\.codeium\windsurf\mcp_config.json",
    ),
    "zed": (
        "/home/me/.config/zed/settings.json",
        "/Users/me/.config/zed/settings.json",
        rf"{ROAMING}\Zed\settings.json",
    ),
    "jetbrains": (None, None, None),
    "junie": (
        "/home/me/.junie/mcp/mcp.json",
        "/Users/me/.junie/mcp/mcp.json",
        r"C:\Users\me\.junie\mcp\mcp.json",
    ),
    "cline": (
        "/home/me/.cline/data/settings/cline_mcp_settings.json",
        "/Users/me/.cline/data/settings/cline_mcp_settings.json",
        r"C:\Users\me\.cline\data\settings\cline_mcp_settings.json",
    ),
    "continue": (
        "/home/me/.continue/config.yaml",
        "/Users/me/.continue/config.yaml",
        r"C:\Users\me\.continue\config.yaml",
    ),
    "gemini": (
        "/home/me/.gemini/settings.json",
        "/Users/me/.gemini/settings.json",
        r"C:\Users\me\.gemini\settings.json",
    ),
    "codex": (
        "/home/me/.codex/config.toml",
        "/Users/me/.codex/config.toml",
        r"C:\Users\me\.codex\config.toml",
    ),
    "lmstudio": (
        "/home/me/.lmstudio/mcp.json",
        "/Users/me/.lmstudio/mcp.json",
        r"C:\Users\me\.lmstudio\mcp.json",
    ),
}
PROJECT_FILES = {
    "vscode": ".vscode/mcp.json",
    "vscode-insiders": ".vscode/mcp.json",
    "cursor": ".cursor/mcp.json",
    "claude-code": ".mcp.json",
    "zed": ".zed/settings.json",
    "junie": ".junie/mcp/mcp.json",
    "continue": ".continue/mcpServers/notes.yaml",
    "gemini": ".gemini/settings.json",
    "codex": ".codex/config.toml",
}


def path(client_id: str, around: Surroundings, scope: Scope = "user") -> str | None:
    client = find_client(client_id)
    assert client is not None
    found = client.file(scope, around, "notes")
    return str(found) if found else None


def test_every_client_is_in_the_tables() -> None:
    assert list(USER_FILES) == list(client_ids())


@pytest.mark.parametrize("client_id", USER_FILES)
def test_a_persons_file_is_where_the_maker_says(client_id: str) -> None:
    assert tuple(path(client_id, around) for around in (LINUX, MACOS, WINDOWS)) == USER_FILES[client_id]


@pytest.mark.parametrize("client_id", USER_FILES)
def test_a_projects_file_is_below_the_project(client_id: str) -> None:
    below = PROJECT_FILES.get(client_id)

    assert path(client_id, LINUX, "project") == (f"/work/{below}" if below else None)
    windows = "D:\\work\\" + below.replace("/", "\\") if below else None
    assert path(client_id, WINDOWS, "project") == windows


@pytest.mark.parametrize(
    ("client_id", "system", "variables", "expected"),
    [
        ("vscode", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/Code/User/mcp.json"),
        ("zed", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/zed/settings.json"),
        ("zed", "macos", {"XDG_CONFIG_HOME": "/x"}, "/home/me/.config/zed/settings.json"),
        ("vscode", "linux", {"XDG_CONFIG_HOME": ""}, "/home/me/.config/Code/User/mcp.json"),
        ("claude-desktop", "windows", {"APPDATA": "E:\\r"}, "E:\\r\\Claude\\claude_desktop_config.json"),
        ("claude-code", "linux", {"CLAUDE_CONFIG_DIR": "/c"}, "/c/.claude.json"),
        ("codex", "linux", {"CODEX_HOME": "/c"}, "/c/config.toml"),
        ("continue", "macos", {"CONTINUE_GLOBAL_DIR": "/c"}, "/c/config.yaml"),
        ("cline", "linux", {"CLINE_DATA_DIR": "/c"}, "/c/settings/cline_mcp_settings.json"),
        ("cline", "linux", {"CLINE_MCP_SETTINGS_PATH": "/c/mine.json"}, "/c/mine.json"),
    ],
)
def test_variables_move_a_persons_file(
    client_id: str, system: str, variables: dict[str, str], expected: str
) -> None:
    kind = {"linux": "linux", "macos": "macos", "windows": "windows"}[system]
    around = Surroundings.of(kind, home="/home/me", project="/work", environment=variables)  # type: ignore[arg-type]

    assert path(client_id, around) == expected


def test_each_client_names_its_source_and_has_a_file_or_a_place_to_paste() -> None:
    for client in CLIENTS:
        assert client.source.startswith("https://")
        assert bool(client.user_file) != bool(client.paste)
        assert client.seen


@pytest.mark.parametrize(
    ("spelt", "client_id"),
    [
        ("VS Code", "vscode"),
        ("vs-code-insiders", "vscode-insiders"),
        ("Gemini CLI", "gemini"),
        ("codex-cli", "codex"),
        ("lm-studio", "lmstudio"),
        ("claude_code", "claude-code"),
    ],
)
def test_a_client_is_found_however_it_is_spelt(spelt: str, client_id: str) -> None:
    found = find_client(spelt)

    assert found is not None
    assert found.id == client_id
    assert find_client("claude") is None
