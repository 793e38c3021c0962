"""The clients that are known, each with the page of its maker that says how it is configured.

The pages were read in November 2026. To add one is to add an entry here: the tests of this room then
try it on every system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_server.installation.client import Client, HttpShape

if TYPE_CHECKING:
    from pathlib import PurePath

    from mcp_server.installation.surroundings import Surroundings

_SERVERS: Final = ("mcpServers",)


def _vscode(folder: str, client_id: str, title: str, program: str) -> Client:
    return Client(
        client_id,
        title,
        "json",
        ("servers",),
        # The user's file is below the profile's folder: src/vs/platform/userDataProfile of microsoft/vscode.
        "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
        user_file=lambda around: around.settings(folder, "User", "mcp.json"),
        project_file=lambda around, _: around.project.joinpath(".vscode", "mcp.json"),
        stdio_type="stdio",
        http=HttpShape(type="http", asks=True),
        seen=(lambda around: around.settings(folder),),
        programs=(program,),
        # https://code.visualstudio.com/docs/copilot/guides/mcp-developer-guide, "MCP URL handler"
        deeplink="vscode-insiders" if "insiders" in client_id else "vscode",
        then="VS Code asks whether you trust the server when it first starts it.",
    )


def _claude_desktop(around: Surroundings) -> PurePath:
    return around.settings("Claude", "claude_desktop_config.json")


def _packaged_claude_desktop(around: Surroundings) -> PurePath:
    # Since February 2026 the installer for Windows makes a package, which sees its files elsewhere:
    # https://github.com/anthropics/claude-code/issues/26073
    return around.packaged("Claude_pzs8sxrjxfjjc", "Claude", "claude_desktop_config.json")


def _claude_code(around: Surroundings) -> PurePath:
    return (around.named("CLAUDE_CONFIG_DIR") or around.home).joinpath(".claude.json")


def _codex(around: Surroundings) -> PurePath:
    return around.named("CODEX_HOME") or around.home.joinpath(".codex")


def _cline(around: Surroundings) -> PurePath:
    # sdk/packages/shared/src/storage/paths.ts of cline/cline; the extension for VS Code has moved its
    # servers there too: https://github.com/cline/cline/pull/11818
    data = around.named("CLINE_DATA_DIR") or around.home.joinpath(".cline", "data")
    named = around.named("CLINE_MCP_SETTINGS_PATH")
    return named or data.joinpath("settings", "cline_mcp_settings.json")


def _continue(around: Surroundings) -> PurePath:
    return around.named("CONTINUE_GLOBAL_DIR") or around.home.joinpath(".continue")


def _zed(around: Surroundings) -> PurePath:
    return around.settings("Zed") if around.system == "windows" else around.xdg("zed")


CLIENTS: Final = (
    _vscode("Code", "vscode", "VS Code", "code"),
    _vscode("Code - Insiders", "vscode-insiders", "VS Code Insiders", "code-insiders"),
    Client(
        "cursor",
        "Cursor",
        "json",
        _SERVERS,
        "https://cursor.com/docs/mcp",
        user_file=lambda around: around.home.joinpath(".cursor", "mcp.json"),
        project_file=lambda around, _: around.project.joinpath(".cursor", "mcp.json"),
        http=HttpShape(reference="${{env:{}}}"),
        seen=(lambda around: around.home.joinpath(".cursor"), lambda around: around.settings("Cursor")),
        programs=("cursor",),
        deeplink="cursor",  # https://cursor.com/docs/mcp/install-links
        then="Switch it on in Cursor's settings, under MCP, if it is not on already.",
    ),
    Client(
        "claude-desktop",
        "Claude Desktop",
        "json",
        _SERVERS,
        "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
        user_file=_claude_desktop,
        moved=_packaged_claude_desktop,
        moved_wins=True,
        seen=(
            lambda around: around.settings("Claude"),
            lambda around: _packaged_claude_desktop(around).parent,
        ),
        then="Quit Claude Desktop and start it again.",
    ),
    Client(
        "claude-code",
        "Claude Code",
        "json",
        _SERVERS,
        "https://code.claude.com/docs/en/mcp",
        user_file=_claude_code,
        project_file=lambda around, _: around.project.joinpath(".mcp.json"),
        stdio_type="stdio",
        http=HttpShape(type="http", reference="${{{}}}"),
        seen=(lambda around: around.home.joinpath(".claude"), _claude_code),
        programs=("claude",),
        then="Start a new session; /mcp shows the server, and asks before it uses that of a project.",
    ),
    Client(
        "windsurf",
        "Windsurf",
        "json",
        _SERVERS,
        "https://docs.windsurf.com/windsurf/cascade/mcp",
        user_file=lambda around: around.home.joinpath(".codeium", "windsurf", "mcp_config.json"),
        http=HttpShape(url_key="serverUrl", reference="${{env:{}}}"),
        seen=(
            lambda around: around.home.joinpath(".codeium", "windsurf"),
            lambda around: around.settings("Windsurf"),
        ),
        programs=("windsurf",),
        then="Press the refresh button of Cascade's MCP panel.",
    ),
    Client(
        "zed",
        "Zed",
        "json",
        ("context_servers",),
        "https://zed.dev/docs/ai/mcp",  # paths: https://zed.dev/docs/configuring-zed
        user_file=lambda around: _zed(around).joinpath("settings.json"),
        project_file=lambda around, _: around.project.joinpath(".zed", "settings.json"),
        http=HttpShape(),
        seen=(_zed,),
        programs=("zed", "zeditor"),
    ),
    Client(
        "jetbrains",
        "JetBrains AI Assistant",
        "json",
        _SERVERS,
        "https://www.jetbrains.com/help/ai-assistant/mcp.html",
        http=HttpShape(),
        seen=(lambda around: around.settings("JetBrains"),),
        programs=("idea", "pycharm", "webstorm", "goland", "clion", "rider"),
        paste="Settings | Tools | AI Assistant | Model Context Protocol (MCP) | Add | As JSON",
    ),
    Client(
        "junie",
        "JetBrains Junie",
        "json",
        _SERVERS,
        "https://www.jetbrains.com/help/junie/model-context-protocol-mcp.html",
        user_file=lambda around: around.home.joinpath(".junie", "mcp", "mcp.json"),
        project_file=lambda around, _: around.project.joinpath(".junie", "mcp", "mcp.json"),
        seen=(lambda around: around.home.joinpath(".junie"),),
        programs=("junie",),
    ),
    Client(
        "cline",
        "Cline",
        "json",
        _SERVERS,
        "https://docs.cline.bot/mcp/mcp-overview",
        user_file=_cline,
        http=HttpShape(type="streamableHttp"),
        seen=(
            lambda around: around.home.joinpath(".cline"),
            lambda around: around.settings("Code", "User", "globalStorage", "saoudrizwan.claude-dev"),
        ),
        programs=("cline",),
    ),
    Client(
        "continue",
        "Continue",
        "yaml",
        _SERVERS,
        "https://docs.continue.dev/customize/deep-dives/mcp",
        user_file=lambda around: _continue(around).joinpath("config.yaml"),
        project_file=lambda around, name: around.project.joinpath(".continue", "mcpServers", f"{name}.yaml"),
        stdio_type="stdio",
        http=HttpShape(
            type="streamable-http", reference="${{{{ secrets.{} }}}}", headers=("requestOptions", "headers")
        ),
        id_key="name",
        # core/config/default.ts of continuedev/continue
        skeleton=(("name", "Local Config"), ("version", "1.0.0"), ("schema", "v1")),
        seen=(_continue,),
        programs=("cn",),
        then="Tools are used in Continue's agent mode alone.",
    ),
    Client(
        "gemini",
        "Gemini CLI",
        "json",
        _SERVERS,
        "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
        user_file=lambda around: around.home.joinpath(".gemini", "settings.json"),
        project_file=lambda around, _: around.project.joinpath(".gemini", "settings.json"),
        http=HttpShape(url_key="httpUrl", reference="${{{}}}"),
        seen=(lambda around: around.home.joinpath(".gemini"),),
        programs=("gemini",),
        then="/mcp shows the server; in a folder that Gemini CLI does not trust, all servers are off.",
    ),
    Client(
        "codex",
        "Codex CLI",
        "toml",
        ("mcp_servers",),
        "https://developers.openai.com/codex/mcp",
        user_file=lambda around: _codex(around).joinpath("config.toml"),
        project_file=lambda around, _: around.project.joinpath(".codex", "config.toml"),
        http=HttpShape(token_key="bearer_token_env_var"),  # noqa: S106 -- a key's name
        # 10 by default, of which a slow machine spends some on loading Python.
        extra=(("startup_timeout_sec", 30),),
        seen=(_codex,),
        programs=("codex",),
        then="codex mcp list shows the server; that of a project only in a project that Codex trusts.",
    ),
    Client(
        "lmstudio",
        "LM Studio",
        "json",
        _SERVERS,
        "https://lmstudio.ai/docs/app/mcp",
        user_file=lambda around: around.home.joinpath(".lmstudio", "mcp.json"),
        # https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/1371
        moved=lambda around: around.home.joinpath(".cache", "lm-studio", "mcp.json"),
        http=HttpShape(),
        seen=(
            lambda around: around.home.joinpath(".lmstudio"),
            lambda around: around.home.joinpath(".cache", "lm-studio"),
        ),
        programs=("lms",),
        deeplink="lmstudio",  # https://lmstudio.ai/docs/app/mcp/deeplink
    ),
)


def client_ids() -> tuple[str, ...]:
    """What a person may type, in the order in which clients are listed."""
    return tuple(client.id for client in CLIENTS)


def find_client(name: str) -> Client | None:
    """The client of that id or title, however it is spelt; None where there is none.

    Example:
        >>> find_client("VS Code").id, find_client("gemini-cli").id
        ('vscode', 'gemini')
    """
    wanted = _letters(name)
    return next((one for one in CLIENTS if wanted in (_letters(one.id), _letters(one.title))), None)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
