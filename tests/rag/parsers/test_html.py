"""HTML: what a reader sees of a page's main part, with its structure, whatever the page is built like."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from rag.parsers import parse_document

PROSE = "The cache holds keys and values of every token that was read so far. " * 3


def parsed(body: str, head: str = "") -> str:
    page = f"<!doctype html><html><head><title>T</title>{head}</head><body>{body}</body></html>"
    return "\n\n".join(s.text for s in parse_document(page.encode(), PurePath("p.html")).sections)


def test_tables_are_rows_and_spanned_cells_stand_in_each_row() -> None:
    text = parsed(
        "<table><caption>Memory</caption><tr><th>Model</th><th>Bits</th><th>GB</th></tr>"
        "<tr><td rowspan=2>7B</td><td>4</td><td>4.2</td></tr><tr><td>8</td><td>8.4</td></tr>"
        "<tr><td colspan=2>all</td><td>a | b</td></tr></table>"
    )
    assert text == (
        "Memory\n\n| Model | Bits | GB |\n| --- | --- | --- |\n"
        "| 7B | 4 | 4.2 |\n| 7B | 8 | 8.4 |\n| all |  | a \\| b |"
    )


def test_a_table_in_a_cell_and_a_list_in_a_cell_stay_in_their_row() -> None:
    text = parsed(
        "<table><tr><th>Action</th><th>How</th></tr><tr><td>Quack</td><td>Sounds<table><tr><th>Type</th>"
        "<th>Sound</th></tr><tr><td>Short</td><td>quak</td></tr></table></td></tr>"
        "<tr><td>Rest</td><td><ul><li>pond<li>marsh</ul></td></tr></table>"
    )
    assert text.splitlines() == [
        "| Action | How |",
        "| --- | --- |",
        "| Quack | Sounds; Type, Sound; Short, quak |",
        "| Rest | pond; marsh |",
    ]


def test_a_table_that_only_arranges_a_page_is_no_table() -> None:
    text = parsed(f"<table><tr><td><h2>Left</h2>{PROSE}</td><td><p>right</p></td></tr></table>")
    assert text.startswith("## Left\n\nThe cache")
    assert "|" not in text


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>SECRET</p>",
        '<p style="display: none">SECRET</p>',
        '<div aria-hidden="true">SECRET</div>',
        "<script>SECRET</script>",
        "<template>SECRET</template>",
        "<!-- SECRET -->",
        "<nav>SECRET</nav>",
        '<div class="cookie-banner">SECRET</div>',
        '<div role="navigation">SECRET</div>',
        "<footer>SECRET</footer>",
    ],
)
def test_what_no_reader_sees_and_what_stands_on_every_page_is_left_out(hidden: str) -> None:
    text = parsed(f"{hidden}<h1>Cache</h1><p>{PROSE}</p>after")
    assert "SECRET" not in text
    assert text.endswith("after")


def test_a_page_of_little_else_keeps_what_looks_like_a_menu() -> None:
    assert "Chapter one" in parsed("<nav><a href=1>Chapter one</a> <a href=2>Chapter two</a></nav><p>Hi</p>")


def test_code_keeps_its_lines_and_lists_their_marks() -> None:
    text = parsed(
        '<pre><code class="language-python">def f():\n    return "a  b"\n</code></pre>'
        "<ol><li>one<ul><li>inner</li></ul></li><li>two</li></ol><p>use <code>f()</code></p>"
    )
    assert text == ('```python\ndef f():\n    return "a  b"\n```\n\n1. one\n   - inner\n2. two\n\nuse `f()`')


def test_headings_stand_above_what_follows_them_and_words_in_code_are_none() -> None:
    page = "<h1>A</h1><p>x</p><h2>B</h2><pre># no heading</pre><h2>C</h2><p># nor this</p>"
    document = parse_document(page.encode(), PurePath("p.html"))
    assert [section.heading for section in document.sections] == [("A",), ("A", "B"), ("A", "C")]


def test_a_page_says_who_wrote_it_and_when() -> None:
    head = (
        '<meta name="author" content="Ada"><meta property="article:published_time" content="2026-03-01">'
        '<meta name="keywords" content="cache, memory">'
    )
    page = f"<html><head><title>T</title>{head}</head><body><p>words</p></body></html>"
    assert parse_document(page.encode(), PurePath("p.html")).metadata == {
        "author": "Ada",
        "date": "2026-03-01",
        "tags": "cache, memory",
    }


def test_a_page_in_utf8_that_states_another_encoding_is_not_mangled() -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body>知识蒸馏 café</body></html>'
    assert parse_document(page.encode(), PurePath("p.html")).sections[0].text == "知识蒸馏 café"


def test_utf16_pages_are_recognized_whatever_their_name() -> None:
    page = "<html><body>知识 café</body></html>"
    document = parse_document(page.encode("utf-16"), PurePath("p.txt"))
    assert (document.format, document.sections[0].text) == ("html", "知识 café")


@pytest.mark.parametrize(
    "page",
    [
        "<html><body>" + "<div>" * 5_000 + "deep" + "</div>" * 5_000,
        "<html><body>" + "<table><tr><td>" * 2_000 + "deep" + "</td></tr></table>" * 2_000,
        "<html><body>" + "<b>" * 5_000 + "deep",
        "<html><body>" + "<ul><li>" * 120 + "deep",
        "<html><body>" + "<blockquote>" * 120 + "deep",
    ],
)
def test_deeply_nested_pages_yield_their_words(page: str) -> None:
    assert "deep" in parse_document(page.encode(), PurePath("p.html")).sections[0].text


def test_text_that_speaks_of_html_is_text() -> None:
    assert parse_document(b"How to close a <body> tag.\n", PurePath("note.txt")).format == "text"
