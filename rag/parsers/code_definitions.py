"""Where definitions begin in program text of most languages, told by keywords and indentation.

One list of words serves all: what defines a function, a type or a module is called much the same everywhere.
Languages whose functions have no keyword (C's family), scripts, SQL and settings have patterns of their own.
Text that is not indented, such as what a machine made small, is one piece.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a section begins.

    Attributes:
        line: from 0.
        heading: the definitions around it and it itself, outermost first; empty after the last one's end.
    """

    line: int
    heading: tuple[str, ...]


# What may stand before a keyword; atomic groups, since a line may be long and hostile.
_MODIFIER_WORDS: Final = """
export default public private protected internal static abstract final sealed partial async override
virtual open data inline const unsafe extern pub declare readonly required local global mutating
companion suspend operator infix tailrec expect actual inner annotation value case implicit lazy
transparent macro native synchronized strictfp fileprivate indirect nonisolated convenience
"""
_MODIFIER: Final = (
    rf"(?:{'|'.join(_MODIFIER_WORDS.split())})(?:\([\w:]+\))?"
    r"|@\w+(?:\([^()]*\))?|template<[^<>]*>|\"C\""
)
_KEYWORDS: Final = (
    r"function\*?|func|fun|fn|def|defp|defmodule|class|struct|interface|trait|impl"
    r"|enum(?:[ \t]+(?:class|struct))?|module|namespace|object|record|union|protocol|extension|package|mod"
    r"|sub|procedure|actor|service|message|macro_rules!|type|typedef struct|contract|library|abstract type"
    r"|mutable struct"
)
# Keyword, then the name and what belongs to it: Go's receiver, Rust's "impl X for Y".
_KEYWORD: Final = re.compile(
    rf"^(?P<indent>[ \t]*)(?>(?:(?:{_MODIFIER})[ \t]+)*)"
    rf"(?P<keyword>{_KEYWORDS})\b(?P<rest>[^\n]{{0,200}})"
)
_NAME: Final = re.compile(
    r"[ \t]*(?P<name>(?:<[^<>]*>[ \t]*)?(?:\([^()]*\)[ \t]*)?"
    r"[\w$.:<>&'?!*=+~-]+(?:[ \t]+for[ \t]+[\w:<>&']+)?)"
)
# Statements that begin as a definition does and are none.
_NO_NAME: Final = frozenset({"=", ":", "(", "{", "->", "=>", "in", "of", "is", "as", "if", "for"})

# A type, a name, an open bracket, and no end of a statement: a function of C's family.
_C_FUNCTION: Final = re.compile(
    r"^(?P<indent>[ \t]*)(?!(?:return|else|throw|new|delete|using|goto|case|typedef|await|yield|if|for|while"
    r"|switch|catch|do|assert|import|package|not|and|or|print|echo|extends|implements|sizeof|co_return)\b)"
    r"(?:[\w:<>,\[\]&*~.?@]++[ \t]+){0,7}[*&]*(?P<name>(?:[\w~]+::)*~?\w+|operator[^\s(]{1,3})[ \t]*"
    r"\((?P<rest>[^;{}=]{0,300})(?:\{|$|:(?!:)|->|=[ \t]*(?:default|delete)|=>|throws\b)"
)
# At the outermost level a call looks the same; a definition has a type before its name.
_HAS_TYPE: Final = re.compile(r"^[ \t]*[\w:<>,\[\]&*~.?@]+[ \t*&]+[\w~:]+[ \t]*\(")
_C_FAMILY: Final = frozenset(
    {".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".java", ".cs", ".m", ".mm", ".cu", ".cuh"}
    | {".dart", ".ino", ".glsl", ".proto"}
)

_SCRIPT: Final = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte")
_JS_ARROW: Final = (
    r"^(?P<indent>[ \t]*)(?:export[ \t]+)?(?:default[ \t]+)?(?:const|let|var)[ \t]+(?P<name>[\w$]+)"
    r"[^=\n]{0,200}=[ \t]*(?:async[ \t]*)?(?:function\b|\([^\n]{0,300}=>|[\w$]+[ \t]*=>)"
)
_JS_METHOD: Final = (
    r"^(?P<indent>[ \t]+)(?!(?:if|for|while|switch|catch|return|function|with)\b)"
    r"(?>(?:(?:public|private|protected|static|async|get|set|readonly|override|abstract)[ \t]+)*)"
    r"\*?(?P<name>[\w$#]+)[ \t]*(?:<[^<>]*>)?\([^\n;]{0,300}\)[^\n;=]{0,100}\{[ \t]*$"
)
_SHELL: Final = r"^(?P<indent>[ \t]*)(?:function[ \t]+)?(?P<name>[\w:.-]+)[ \t]*\([ \t]*\)"
_SQL: Final = (
    r"(?i)^(?P<indent>[ \t]*)(?P<name>(?:create|alter)[ \t]+(?:or[ \t]+replace[ \t]+)?"
    r"(?:temp(?:orary)?[ \t]+)?(?:unique[ \t]+)?"
    r"(?:table|view|materialized[ \t]+view|index|function|procedure|trigger|type|schema)"
    r"[ \t]+(?:if[ \t]+not[ \t]+exists[ \t]+)?[\w.\"`\[\]]+)"
)
_R: Final = r"^(?P<indent>[ \t]*)(?P<name>[\w.]+)[ \t]*(?:<-|=)[ \t]*function\b"
_BRACKETED: Final = r"^(?P<indent>)\[{1,2}(?P<name>[^\]\n]{1,120})\]"
_YAML_KEY: Final = r"^(?P<indent>)(?P<name>[\w./\"'-]{1,80}):[ \t]*(?:#.*|[|>&!][^\n]*)?$"
_TARGET: Final = r"^(?P<indent>)(?P<name>[\w./%-]+(?:[ \t]+[\w./%-]+)*)[ \t]*:(?![=:])"
_STAGE: Final = r"(?i)^(?P<indent>)(?P<name>from[ \t]+[^\n]{1,120})"
_HCL: Final = r"^(?P<indent>)(?P<name>\w+(?:[ \t]+\"[^\"\n]*\")+)[ \t]*\{"

_BRACKETED_SUFFIXES: Final = (".toml", ".ini", ".cfg", ".conf", ".properties", ".service")

_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(_SCRIPT, (_JS_ARROW, _JS_METHOD)),
    **dict.fromkeys((".sh", ".bash", ".zsh", ".ksh"), (_SHELL,)),
    **dict.fromkeys((".sql", ".ddl", ".psql"), (_SQL,)),
    **dict.fromkeys(_BRACKETED_SUFFIXES, (_BRACKETED,)),
    **dict.fromkeys((".yaml", ".yml"), (_YAML_KEY,)),
    **dict.fromkeys((".tf", ".hcl"), (_HCL,)),
    ".r": (_R,),
    ".mk": (_TARGET,),
}
# By what these are called: they have no suffix.
_OWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {"makefile": (_TARGET,), "dockerfile": (_STAGE,)}
# Where a head holds until the next.
_FLAT: Final = frozenset({*_BRACKETED_SUFFIXES, ".mk", *_OWN_NAMES})
# Files of settings and statements, in which a keyword is a word like others.
_NO_KEYWORDS: Final = frozenset(
    {*_BRACKETED_SUFFIXES, ".yaml", ".yml", ".sql", ".ddl", ".psql", ".tf", ".hcl", ".mk", ".r", ".css"}
    | {".scss", ".less", ".xml"}
)

_DECLARED: Final = frozenset({"class", "struct", "enum", "namespace", "module", "object", "mod"})

# Lines that belong to the definition below them: comments, attributes, decorators.
_LEADING: Final = re.compile(
    r"[ \t]*(?://|/\*|\*|@|--|\[\w|;;|%|\"\"\"|'''|template\b"
    r"|#(?![ \t]*(?:include|import|define|if|endif|else|pragma|!)))"
)
# Lines at a definition's own indentation that are still part of it.
_STILL_INSIDE: Final = re.compile(
    r"[ \t]*(?:[{})\]]|end\b|else\b|elif\b|catch\b|finally\b|except\b|where\b|begin\b)"
)
_NOT_NESTED: Final = re.compile(r"^(?:def|defp|fn|func|fun|function\*?|sub|procedure|type)\b|\(\)$")
_TAB_COLUMNS = 4
_MAX_LINE_CHARACTERS = 500
_MAX_NAME_CHARACTERS = 80


def definitions(text: str, suffix: str) -> list[Definition]:
    """Where sections begin, ascending; what stands above the first is the file's head.

    Args:
        text: with line feeds as its line ends.
        suffix: of the file's name, in lower case, with its dot; or its whole name in lower case.
    """
    lines = text.split("\n")
    found: list[Definition] = []
    around: list[tuple[int, str]] = []  # indentation and label of the definitions that are open
    outside = True
    for number, line in enumerate(lines):
        if not line.strip() or len(line) > _MAX_LINE_CHARACTERS:
            continue
        indent = _columns(line)
        label = _label(line, suffix)
        if label and _may_stand_here(indent, around):
            around = [(column, name) for column, name in around if column < indent] + [(indent, label)]
            found.append(Definition(_with_leading(lines, number, found), tuple(name for _, name in around)))
            outside = False
        elif not outside and _is_after(line, indent, around, suffix):
            if _LEADING.match(line):
                continue  # it may lead the next definition
            around = [(column, name) for column, name in around if column < indent]
            found.append(Definition(_with_leading(lines, number, found), tuple(name for _, name in around)))
            outside = True
    return found


def _is_after(line: str, indent: int, around: Sequence[tuple[int, str]], suffix: str) -> bool:
    """Whether the innermost definition has ended above the line."""
    return suffix not in _FLAT and indent <= around[-1][0] and not _STILL_INSIDE.match(line)


def _may_stand_here(indent: int, around: Sequence[tuple[int, str]]) -> bool:
    """Functions within functions are part of them."""
    return not any(column < indent and _NOT_NESTED.search(name) for column, name in around)


def _with_leading(lines: Sequence[str], number: int, found: Sequence[Definition]) -> int:
    """The first of the lines that lead the line ``number``: comments and attributes right above it."""
    least = found[-1].line + 1 if found else 0
    while number > least and _LEADING.match(lines[number - 1]):
        number -= 1
    return number


def _label(line: str, suffix: str) -> str:
    """What the line defines, as ``class A``, ``fn parse``, ``main()``; empty where it defines nothing."""
    for pattern in _OWN.get(suffix) or _OWN_NAMES.get(suffix, ()):
        if match := re.match(pattern, line):
            name = " ".join(match.group("name").split())[:_MAX_NAME_CHARACTERS]
            return f"{name}()" if pattern in {_JS_ARROW, _JS_METHOD, _SHELL, _R} else name
    if suffix in _NO_KEYWORDS or suffix in _OWN_NAMES:
        return ""
    if match := _KEYWORD.match(line):
        return _keyword_label(match)
    if suffix in _C_FAMILY and (match := _C_FUNCTION.match(line)):
        if not match.group("indent") and not _HAS_TYPE.match(line):
            return ""
        return f"{match.group('name')}()"
    return ""


def _keyword_label(match: re.Match[str]) -> str:
    keyword, rest = match.group("keyword"), match.group("rest")
    name = _NAME.match(rest)
    if name is None or name.group("name") in _NO_NAME or rest.lstrip().startswith(("=", ":", ",", ".")):
        return ""
    # A statement ends here: a forward declaration, or a name for all that follows.
    if keyword in _DECLARED and rest.rstrip().endswith(";"):
        return ""
    if keyword == "package" and not rest.rstrip().endswith("{"):
        return ""
    label = f"{keyword.rstrip('*')} {' '.join(name.group('name').split())}"
    return label.replace(" <", "<")[:_MAX_NAME_CHARACTERS].rstrip(":")


def _columns(line: str) -> int:
    indentation = line[: len(line) - len(line.lstrip())]
    return len(indentation.expandtabs(_TAB_COLUMNS))
