"""What a switched-on tool would refuse is refused before a person is asked, and has no effect by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.toolbox import BEHIND_SWITCHES, Access, Services, toolbox
from agents.toolkit.web_fetch import WebFetcher
from agents.toolkit.web_tools import WebTools
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.toolkit.web_addresses import Address
    from agents.tools import Tool


def tools(access: Access) -> dict[str, Tool]:
    """The toolbox over services that nothing here uses."""

    def unused() -> None:
        raise AssertionError

    services = Services(unused, unused, unused, unused)  # type: ignore[arg-type]
    return {tool.name: tool for tool in toolbox(services, access)}


def test_tools_behind_switches_are_those_that_switches_bring(tmp_path: Path) -> None:
    always = set(tools(Access()))
    brought = {
        "file_roots": set(tools(Access(file_roots=(tmp_path,)))) - always,
        "web": set(tools(Access(web=True))) - always,
        "python": set(tools(Access(python=True))) - always,
    }
    assert {name: switch for switch, names in brought.items() for name in names} == BEHIND_SWITCHES


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1:8080/",
        "http://0x7f000001/",
        "http://[::1]/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/",
        "http://LOCALHOST:8080/",
        "http://a.localhost./",
        "ftp://example.com/",
        "https://ada:secret@example.com/",
    ],
)
def test_page_that_is_none_of_the_public_web_is_refused_before_a_person_is_asked(url: str) -> None:
    fetch_page = tools(Access(web=True))["fetch_page"]
    assert fetch_page.needs_consent
    with pytest.raises(ToolError, match="not fetched"):
        fetch_page.check({"url": url})


def test_host_that_is_no_name_in_punycode_is_refused_before_a_person_is_asked() -> None:
    with pytest.raises(ToolError, match=r"'http://xn--zz\.com/' is no URL"):
        tools(Access(web=True))["fetch_page"].check({"url": "http://xn--zz.com/"})


def test_name_is_not_looked_up_before_a_person_is_asked() -> None:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        raise AssertionError(f"{host}:{port} was looked up")

    WebTools(WebFetcher(resolve=resolve)).check("https://example.com/")


def test_program_is_parsed_and_not_run_before_a_person_is_asked(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run_python = tools(Access(python=True))["run_python"]
    run_python.check({"code": f"```python\nopen({str(mark)!r}, 'w')\n```"})
    assert not mark.exists()


@pytest.mark.parametrize(
    ("code", "said"), [("print(", "line 1"), ("a = 1\nif a\n  b", "line 2"), ("a\0b", "null")]
)
def test_program_that_is_no_python_is_refused_before_a_person_is_asked(code: str, said: str) -> None:
    with pytest.raises(ToolError, match=f"the program is no Python.*{said}"):
        tools(Access(python=True))["run_python"].check({"code": code})
