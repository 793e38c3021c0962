"""Configurations as people and programs write them, generated: what their formats allow, nice or not."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

BOMS = st.sampled_from(["", "", "\ufeff"])
ENDINGS = st.sampled_from(["\n", "\r\n"])
NAMES = st.sampled_from(["fetch", "git", "my server", "图书", "a.b", 'q"q', "stillroom2"])
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5)
SCALARS = st.one_of(WORDS, st.booleans(), st.integers(-9, 9), st.none())
SERVERS = st.fixed_dictionaries(
    {"command": WORDS}, optional={"args": st.lists(WORDS, max_size=2), "env": st.dictionaries(WORDS, WORDS)}
)


@dataclass(frozen=True)
class JsonWriter:
    """Writes JSON with blanks, comments and trailing commas wherever they are allowed."""

    draw: st.DrawFn
    ending: str

    def gap(self) -> str:
        """What may stand between two tokens."""
        ending = self.ending
        comments = [f" // no }} , here{ending}", "/* no, { */", f" /*{ending}*/ "]
        return self.draw(
            st.sampled_from(["", " ", "\t", ending, f"{ending}  ", f"{ending}\t", ending * 2, *comments])
        )

    def written(self, value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
        """A value."""
        if isinstance(value, dict):
            pairs = [f"{json.dumps(k)}{self.gap()}:{self.gap()}{self.written(v)}" for k, v in value.items()]
            return self._container(pairs, "{", "}")
        if isinstance(value, list):
            return self._container([self.written(item) for item in value], "[", "]")
        return json.dumps(value, ensure_ascii=self.draw(st.booleans()))

    def _container(self, parts: list[str], opening: str, closing: str) -> str:
        text = opening + self.gap()
        for index, part in enumerate(parts):
            comma = "," if index < len(parts) - 1 or self.draw(st.booleans()) else ""
            text += part + self.gap() + comma + self.gap()
        return text + closing


@st.composite
def json_texts(draw: st.DrawFn, section: str) -> str:
    """JSON whose section has servers, is empty or is missing; or a text with nothing in it but comments."""
    ending = draw(ENDINGS)
    if draw(st.integers(0, 9)) == 0:
        return draw(BOMS) + draw(st.sampled_from(["", " ", ending, f"// nothing yet{ending}", "// nothing"]))
    others = WORDS.filter(lambda key: key not in {section, "inputs"})
    document: dict[str, Any] = dict(draw(st.dictionaries(others, SCALARS, max_size=2)))
    if draw(st.booleans()):
        document[section] = draw(st.dictionaries(NAMES, SERVERS, max_size=3))
    if draw(st.booleans()):
        document["inputs"] = draw(st.lists(st.fixed_dictionaries({"id": NAMES}), max_size=2))
    items = draw(st.permutations(list(document.items())))
    writer = JsonWriter(draw, ending)
    return draw(BOMS) + writer.gap() + writer.written(dict(items)) + writer.gap()


@st.composite
def toml_texts(draw: st.DrawFn, section: str) -> str:
    """TOML with comments, tables of every layout, strings of every kind, and perhaps no last line ending."""
    ending = draw(ENDINGS)
    keys = ['model = "o"', "# [a.header] in a comment", 'text = """', "[not.a.header]", '"""']
    start = draw(
        st.sampled_from([[], keys[:2], keys, [*keys, "list = [ # a", ' "]", # b', "]"], ["", "'a b'.c=1"]])
    )
    tables = [
        [f"[{section}.git]", "command = 'git' # mine", f"[{section}.git.env]", 'A = "[x]"'],
        [f'[ {section} . "my server" ]', "args = [", "  '''[b]''',", "]"],
        ["[other]", f'"{section}" = 1', "", ""],
        ["[[many]]", "a = { b = [1, 2], c = '}' }"],
    ]
    inline = draw(
        st.sampled_from(
            [[], [], [f"{section} = {{}}"], [f"{section} = {{ git = {{ command = '}}' }} }} # x"]]
        )
    )
    chosen = draw(st.lists(st.sampled_from(tables[2:] if inline else tables), unique_by=str, max_size=3))
    lines = [*start, *inline, *(line for table in chosen for line in table)]
    text = ending.join(lines) + draw(st.sampled_from(["", ending, ending * 2, f"{ending}# the end"]))
    tomllib.loads(text)
    return draw(BOMS) + text


@st.composite
def yaml_texts(draw: st.DrawFn, section: str) -> str:
    """YAML with comments, blocks and brackets, and perhaps no last line ending."""
    ending = draw(ENDINGS)
    before = draw(
        st.sampled_from(
            [[], ["name: mine # yes", "version: 1.0.0"], ["---", "# first", "text: |", "  # text"]]
        )
    )
    dash = " " * draw(st.integers(0, 4))
    items = [
        [f"{dash}- name: git", f"{dash}  args:", f"{dash}  - '- name: x' # c", f"{dash}# between"],
        [f"{dash}-", f"{dash}  name: a", f"{dash}  text: >-", f"{dash}    # folded", ""],
        [f"{dash}- {{name: b, args: [c]}}"],
        [f"{dash}- name: d", f"{dash}  text: |+", f"{dash}    kept", "", ""],
        [f"{dash}- &e", f"{dash}  name: e", f"{dash}- *e", "", "# behind an alias"],
    ]
    chosen = draw(st.lists(st.sampled_from(items), max_size=3, unique_by=str))
    sections = [
        [],
        [f"{section}:", *(line for item in chosen for line in item)],
        [f"{section}: [] # none"],
        [f"{section}: [{{name: git}}, {{name: b}}] # two"],
    ]
    after = draw(st.sampled_from([[], ["last:", "  - x # end"], ["# the end"]]))
    text = ending.join([*before, *draw(st.sampled_from(sections)), *after])
    is_block = text.rpartition(ending)[2].strip() in {"# text", "# folded", "kept"}
    text += draw(st.sampled_from([*([] if is_block else [""]), ending, ending * 2]))
    yaml.compose(text)
    return draw(BOMS) + text
