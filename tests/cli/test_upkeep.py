"""``stillroom library …`` from the command line: what a person sees and what a script reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.conftest import Home


def furnish(home: Home) -> None:
    (home.folder / "tea.md").write_text("# Tea\n\nGreen tea is steamed in spring.\n", encoding="utf-8")
    (home.folder / "茶.txt").write_text("绿茶在春天蒸青。\n", encoding="utf-8")
    home.run("ingest", "tea.md", "茶.txt", "--library", "drinks")


def test_a_library_is_listed_described_checked_moved_and_deleted(home: Home) -> None:
    assert "no library yet" in home.run("library", "list").stdout
    furnish(home)
    (held,) = home.json("library", "list")
    assert (held["name"], held["documents"], held["languages"]) == ("drinks", 2, {"en": 1, "zh": 1})
    assert "markdown 1" in home.run("library", "stats", "--library", "drinks").stdout
    assert home.json("library", "check", "--library", "drinks") == {"sound": True, "findings": []}

    home.run("library", "tag", "*.md", "--tag", "hot", "--meta", "year=2026", "--library", "drinks")
    shown = home.json("library", "show", "tea.md", "--library", "drinks", "--text")
    assert shown["document"]["metadata"] == {"tag": ["hot"], "year": ["2026"]}
    assert shown["text"].startswith("# Tea")
    assert shown["document"]["id"] in home.run("library", "show", "tea.md", "--library", "drinks").stdout

    moved = home.json("library", "export", "drinks.stillroom", "--library", "drinks")
    assert moved["vectors"] == moved["passages"] == 2
    home.run("library", "import", "drinks.stillroom", "--library", "copy")
    assert home.json("search", "绿茶", "--library", "copy")[0]["passage"]["document_title"] == "茶"

    assert home.json("library", "remove", "tea.md", "--library", "copy") == [str(home.folder / "tea.md")]
    assert home.json("library", "rebuild", "--library", "copy")["passages"] == 1
    assert "Nothing is wrong" in home.run("library", "repair", "--library", "copy").stdout
    home.run("library", "delete", "copy", "--yes")
    assert [each["name"] for each in home.json("library", "list")] == ["drinks"]


def test_what_is_wrong_is_named_with_the_command_that_mends_it(home: Home) -> None:
    furnish(home)
    (home.folder / "tea.md").unlink()
    found = home.run("library", "check", "--files", "--library", "drinks")
    assert found.returncode == 1
    assert f"{home.folder / 'tea.md'} is not there any more" in found.stdout
    assert "try: stillroom ingest PATH --library drinks" in found.stdout


def test_what_cannot_be_done_is_refused_in_words(home: Home) -> None:
    furnish(home)
    nowhere = ("--library", "nowhere")
    for command in (("stats",), ("check",), ("repair",), ("rebuild",), ("export", "x.stillroom")):
        refused(home.run("library", *command, *nowhere), "there is no library in", "library list")
    refused(home.run("library", "delete", "drinks"), "nobody can be asked here", "drinks --yes")
    refused(home.run("library", "remove", "wine.md", "--library", "drinks"), "no document 'wine.md'")
    refused(home.run("library", "tag", "*.md", "--meta", "year", "--library", "drinks"), "KEY=VALUE")
    refused(home.run("library", "import", "tea.md", "--library", "new"), "is no exported library")
    assert [each["name"] for each in home.json("library", "list")] == ["drinks"]
