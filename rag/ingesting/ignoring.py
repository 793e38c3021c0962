"""Which files and folders a person, or common sense, wants left out: ``.gitignore`` and ``.stillroomignore``.

Both files have git's syntax, count in every folder below which they stand, and the nearest that says
anything about a name decides; where the two of one folder disagree, ``.stillroomignore`` wins. What a program
keeps for itself (installed packages, caches, an editor's scratch files) is left out without being told. This
module reads ignore files; it does not walk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

# Later lines win, so the library's own file comes last.
IGNORE_FILES = (".gitignore", ".stillroomignore")

# The group's name in the package's expressions.
_FOLDER = "ps_d"

# Folders that hold copies or a program's own state, and files that are written beside a document while it is
# edited or fetched. Hidden names (.git, .venv, .cache) are passed over before this is asked.
_NEVER_WANTED = r"""
node_modules/
bower_components/
__pycache__/
*.egg-info/
site-packages/
__MACOSX/
$RECYCLE.BIN/
System Volume Information/
lost+found/
*~
\#*#
~$*
*.swp
*.swo
*.pyc
*.tmp
*.part
*.crdownload
*.download/
Thumbs.db
desktop.ini
"""


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules that hold in one folder.

    Attributes:
        folder: where that is.
        levels: the folders with rules of their own, outermost first, each with its rules.
    """

    folder: Path
    levels: tuple[tuple[Path, GitIgnoreSpec], ...] = ()

    @classmethod
    def above(cls, root: Path) -> IgnoreRules:
        """What holds in a folder that a person names: in a git repository also what its upper folders say."""
        rules = cls(root, ((root, _never_wanted()),))
        for folder in reversed(_folders_of_repository(root)):
            rules = rules.within(folder)
        return rules.within(root)

    def within(self, folder: Path) -> IgnoreRules:
        """What holds in ``folder``, one step further down."""
        own = _read(folder)
        return IgnoreRules(folder, (*self.levels, (folder, own)) if own is not None else self.levels)

    def ignores(self, name: str, *, is_folder: bool) -> bool:
        """Whether the file or folder of that name in this folder is left out."""
        path = self.folder / name
        for folder, spec in reversed(self.levels):
            relative = path.relative_to(folder).as_posix()
            named = f"{relative}/" if is_folder else relative
            for pattern in reversed(spec.patterns):
                if pattern.include is not None and _matches(pattern, named):
                    return pattern.include
        return False


@dataclass(frozen=True, slots=True)
class NoRules:
    """Takes everything: what ``--no-ignore`` asks for; see `IgnoreRules`."""

    def within(self, _folder: Path) -> NoRules:
        """The same everywhere."""
        return self

    def ignores(self, _name: str, *, is_folder: bool) -> bool:  # noqa: ARG002 (the same call as for rules)
        """Nothing is left out."""
        return False


def is_never_wanted(name: str) -> bool:
    """Whether what is called so is left out wherever it stands, unless an ignore file says more."""
    rules = _never_wanted()
    return any(rules.check_file(shape).include for shape in (name, f"{name}/"))


def _folders_of_repository(root: Path) -> list[Path]:
    """The folders above ``root`` up to the top of its git repository, innermost first, if it is in one."""
    above: list[Path] = []
    for folder in (root, *root.parents):
        if folder != root:
            above.append(folder)
        if (folder / ".git").exists():
            return above
    return []


def _read(folder: Path) -> GitIgnoreSpec | None:
    lines: list[str] = []
    for name in IGNORE_FILES:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            # Most folders have none; one that cannot be read says nothing, as in git.
            continue
        # File names that are no UTF-8 come from the system in the same way.
        lines += content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").splitlines()
    return _compiled(lines) if lines else None


@cache
def _never_wanted() -> GitIgnoreSpec:
    return _compiled(_NEVER_WANTED.strip("\n").split("\n"))


def _matches(pattern: GitIgnoreSpecPattern, named: str) -> bool:
    """Whether the pattern names the file or folder itself; what stands below a folder is asked for later.

    The package asks for whole paths at once, and then takes ``*`` for a stronger rule than ``!*/``, which git
    does not (version 1.1). Its expressions mark the slash after a folder's name by a group.
    """
    expression = pattern.regex
    assert expression is not None  # noqa: S101 (a pattern that includes or excludes has one)
    if _FOLDER not in expression.groupindex:
        # ``*`` is everything; ``folder/**`` is what stands in the folder, and not the folder.
        found = expression.search(named)
        return found is not None and (found.end() < len(named) or not named.endswith("/"))
    return any(one.end(_FOLDER) in {-1, len(named)} for one in expression.finditer(named))


def _compiled(lines: list[str]) -> GitIgnoreSpec:
    """The patterns of these lines; one that is malformed matches nothing, as in git."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    # The package's own error is a ValueError; a range such as [z-a] reaches the regular expressions.
    except (ValueError, re.error):
        return False
    return True
