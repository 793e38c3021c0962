"""Program text: sections are definitions, and put together they are the file, so that lines are its own."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.parsers import parse_document
from rag.passages.chunker import join_sections

PYTHON = '''"""Docstring."""
import os

CONSTANT = 1


# About the class.
@decorated
class Room:
    """A room."""

    walls = 4

    @property
    def area(self):
        def inner():
            pass
        return 1

    async def heat(self): ...


def main():
    Room()


if __name__ == "__main__":
    main()
'''


def headings(text: str, name: str) -> list[tuple[str, ...]]:
    document = parse_document(text.encode(), PurePath(name))
    assert document.format == "code"
    assert join_sections(document.sections)[0] == text
    assert all(section.kind == "code" for section in document.sections)
    return [section.heading for section in document.sections]


def test_python_is_cut_at_its_classes_functions_and_methods() -> None:
    assert headings(PYTHON, "a.py") == [
        (),
        ("class Room",),
        ("class Room", "def area"),
        ("class Room", "def heat"),
        ("def main",),
        (),
    ]
    document = parse_document(PYTHON.encode(), PurePath("a.py"))
    assert document.sections[1].text.startswith("# About the class.\n@decorated\nclass Room:")


@pytest.mark.parametrize("damage", ["print 'old'\n", "def broken(:\n"])
def test_python_that_does_not_parse_is_cut_by_its_indentation(damage: str) -> None:
    found = headings(PYTHON + damage, "a.py")
    assert ("class Room", "def area") in found
    assert ("def main",) in found


GO = """package main

// Server serves.
type Server struct {
\tPort int
}

func (s *Server) Start(p int) error {
\tgo func() {}()
\treturn nil
}
"""
JAVA = """package a.b;

/** Doc. */
@Deprecated
public class Foo extends Bar {
    public Foo(int x) {
        super(x);
    }

    @Override
    public Map<String, List<Integer>> of(int a,
            int b) {
        if (a) {
            call(a,
                b);
        }
    }
}
"""
CPP = """#include <x>

class A;

int A::size() const
{
  return f(x,
    y);
}

template <typename T>
T most(T a, T b) {
  return a;
}
"""
RUST = """use std::io;

/// Doc
#[derive(Debug)]
pub struct Point<T> {
    x: T,
}

impl<T> Show for Point<T> {
    fn fmt(&self) -> Result {
        Ok(())
    }
}
"""
TYPESCRIPT = """import x from 'y';
export const add = (a: number): number => {
  return a;
};
export class App {
  async render(): Promise<void> {
    if (x) {
      go();
    }
  }
}
"""
RUBY = """require "x"
module A
  class B
    # doc
    def make(x)
      @x = x
    end
  end
end
puts 1
"""
SHELL = "#!/bin/bash\nset -e\nusage() {\n  echo\n}\nusage\n"
SQL = "-- people\nCREATE TABLE IF NOT EXISTS users (\n  id INT\n);\nINSERT INTO users VALUES (1);\n"
TOML = 'a = 1\n[project]\nname = "x"\n[[tool.x]]\ny = 2\n'
YAML = "version: 3\nservices:\n  web:\n    image: x\nvolumes:\n  d: e\n"
DOCKER = "FROM a AS b\nRUN x\nFROM c\nCOPY d e\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.go", GO, ["", "type Server", "func (s *Server) Start"]),
        ("A.java", JAVA, ["", "class Foo", "class Foo > Foo()", "class Foo > of()"]),
        ("a.cpp", CPP, ["", "A::size()", "most()"]),
        (
            "a.rs",
            RUST,
            ["", "struct Point<T>", "impl<T> Show for Point<T>", "impl<T> Show for Point<T> > fn fmt"],
        ),
        ("a.ts", TYPESCRIPT, ["", "add()", "class App", "class App > render()"]),
        ("a.rb", RUBY, ["", "module A", "module A > class B", "module A > class B > def make", ""]),
        ("run", SHELL, ["", "usage()", ""]),
        ("a.sql", SQL, ["CREATE TABLE IF NOT EXISTS users", ""]),
        ("a.toml", TOML, ["", "project", "tool.x"]),
        ("a.yaml", YAML, ["", "services", "volumes"]),
        ("Dockerfile", DOCKER, ["FROM a AS b", "FROM c"]),
    ],
)
def test_other_languages_are_cut_by_how_definitions_begin(name: str, text: str, expected: list[str]) -> None:
    assert [" > ".join(heading) for heading in headings(text, name)] == expected


@given(
    text=st.text(
        alphabet=st.sampled_from("def class fn(){}:;=#/@\n\n\n\t  ab\"'<>é\f\x85\u2028"), max_size=200
    ),
    suffix=st.sampled_from([".py", ".ts", ".c", ".java", ".sql", ".yaml", ".toml", ".rb"]),
)
def test_any_text_comes_back_whole(text: str, suffix: str) -> None:
    if not text.strip() or "\f" in text:
        text += "x"
    document = parse_document(text.encode(), PurePath("a" + suffix))
    stored, _ = join_sections(document.sections)
    assert stored == re.sub(r"[^\S\n]+$", "", text.replace("\f", " "), flags=re.MULTILINE)


def test_a_long_hostile_line_is_read_at_once() -> None:
    text = "public static" * 20_000 + "\n" + "a " * 200 + "(\n" + "<" * 450 + "\n" + "f(" * 200 + "\n"
    assert headings(text, "a.java") == [()]


def test_this_projects_own_files_are_cut_where_python_says() -> None:
    path = Path(__file__)
    document = parse_document(path.read_bytes(), path)
    assert ("def test_any_text_comes_back_whole",) in {section.heading for section in document.sections}
