"""Which part of a web page is what it is about: without menus, adverts, and what stands on every page.

Elements that say they are something else are taken out. Of the rest the page's own ``main`` or ``article``
is kept where it has one; where not, the smallest element that holds what Trafilatura takes for the main text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rag.parsers.html_blocks import is_hidden

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_ASIDE_TAGS: Final = frozenset({"nav", "aside", "footer", "form", "dialog"})
_ASIDE_ROLES: Final = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog", "menu"}
    | {"menubar", "toolbar"}
)
# Whole words of classes and ids; "main-content" is no "nav".
_ASIDE_NAMES: Final = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|box|igation)?|menu|sidebar|breadcrumbs?|cookies?|banner|advert(?:isement)?s?|ads?"
    r"|share|social|sharing|newsletter|subscribe|pagination|pager|related|popup|modal|noprint|toc|editsection"
    r"|reference|references-link|headerlink|skip-link|catlinks|sitesub|jump-link|footer)(?:$|[\s_-])",
    re.IGNORECASE,
)
_MAIN: Final = "//main | //*[@role='main'] | //article"

# Below this share of a page's visible letters the main text is likely the wrong part of a short page.
_MAIN_SHARE = 0.3
_CONTAINED_SHARE = 0.9
# Shorter lines stand in menus too.
_TELLING_LETTERS = 20
# Trafilatura takes seconds a megabyte.
_MAX_JUDGED_CHARACTERS = 3_000_000


def main_part(page: HtmlElement, source: str) -> HtmlElement:
    """The element that holds the page's main text; what is beside the text is taken out of ``page`` itself.

    Args:
        page: the parsed page.
        source: the text that it was parsed from.
    """
    body = page.find("body")
    whole = page if body is None else body
    _remove_hidden(whole)
    visible = _letters(whole)
    beside = [element for element in whole.iter() if _is_beside(element)]
    if sum(_letters(element) for element in beside if not _has_beside_above(element)) < visible * (
        1 - _MAIN_SHARE
    ):
        for element in beside:
            if element.getparent() is not None:
                element.drop_tree()
    left = _letters(whole)
    stated = max(whole.xpath(_MAIN), key=_letters, default=None)
    if stated is not None and _letters(stated) >= _MAIN_SHARE * left:
        return stated
    return _smallest_with(whole, _judged(source)) if len(source) <= _MAX_JUDGED_CHARACTERS else whole


def _remove_hidden(whole: HtmlElement) -> None:
    for element in list(whole.iter()):
        if isinstance(element.tag, str) and is_hidden(element) and element.getparent() is not None:
            element.drop_tree()


def _is_beside(element: HtmlElement) -> bool:
    if not isinstance(element.tag, str) or element.tag in {"body", "html", "main", "article"}:
        return False
    if element.tag in _ASIDE_TAGS or element.get("role") in _ASIDE_ROLES:
        return True
    if element.tag == "header":
        return next(element.iterancestors("article", "main"), None) is None and not _has_title(element)
    return bool(_ASIDE_NAMES.search(f"{element.get('class') or ''} {element.get('id') or ''}"))


def _has_title(element: HtmlElement) -> bool:
    return next(element.iter("h1"), None) is not None


def _has_beside_above(element: HtmlElement) -> bool:
    return any(_is_beside(above) for above in element.iterancestors())


def _letters(element: HtmlElement) -> int:
    return len(re.sub(r"\W+", "", element.text_content()))


def _judged(source: str) -> list[str]:
    """The lines of what Trafilatura takes for the main text, without what formatting changes."""
    import trafilatura

    text = trafilatura.extract(source, output_format="txt", include_tables=True, favor_recall=True) or ""
    lines = (_bare(line) for line in text.splitlines())
    return [line for line in lines if len(line) >= _TELLING_LETTERS]


def _bare(text: str) -> str:
    return re.sub(r"\W+", "", text)


def _smallest_with(whole: HtmlElement, lines: list[str]) -> HtmlElement:
    """The innermost element that has nearly all of the lines' letters, and enough of the page's."""
    needed = _CONTAINED_SHARE * sum(map(len, lines))
    least = _MAIN_SHARE * _letters(whole)
    if not lines:
        return whole
    here = whole
    while True:
        for child in here:
            if not isinstance(child.tag, str) or child.tag in {"p", "table", "pre", "ul", "ol"}:
                continue
            text = _bare(child.text_content())
            if len(text) >= max(needed, least) and sum(len(each) for each in lines if each in text) >= needed:
                here = child
                break
        else:
            return here
