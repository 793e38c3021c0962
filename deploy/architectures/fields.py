"""Numbers and words out of a description of a model that somebody else wrote, each checked when it is taken.

A value of the wrong kind, or one that no model has, is an error that names the field and the value. Which
fields there are, it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from reprlib import Repr
from typing import NoReturn

from stillroom.errors import PlanError

# Larger than any dimension of a published model (vocabularies have reached 262,400 entries), small enough for
# products of a few of them to mean something.
LARGEST_COUNT = 10**7
# Llama 4 Scout says 10,485,760.
LARGEST_CONTEXT_TOKENS = 10**8
# The deepest published decoders have under 200 layers.
LARGEST_LAYER_COUNT = 4096

_short = Repr()
_short.maxstring = _short.maxother = 60
# Python refuses to write integers of more than 4,300 digits.
_LONGEST_SHOWN_BITS = 1024


def shown_value(value: object) -> str:
    """A value as a message shows it: short, whatever it is."""
    if isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN_BITS:
        return "a number of hundreds of digits"
    return _short.repr(value)


@dataclass(frozen=True, slots=True)
class Fields:
    """Named values of unknown origin.

    Attributes:
        source: what a message calls them, such as the file's path.
        prefix: put before each name that is asked for, such as ``llama.``.

    Example:
        >>> fields = Fields({"hidden_size": 4096, "num_experts": None}, "config.json")
        >>> fields.count("hidden_size"), fields.count("num_experts", "n_routed_experts", default=0)
        (4096, 0)
    """

    values: Mapping[str, object]
    source: str
    prefix: str = ""

    def get(self, *names: str) -> object:
        """The value of the first of these names that has one; None where none has."""
        for name in names:
            value = self.values.get(self.prefix + name)
            if value is not None:
                return value
        return None

    def count(
        self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST_COUNT
    ) -> int:
        """A whole number, under the first of these names that has a value.

        Raises:
            PlanError: it is missing and there is no default, or it is no number from ``least`` to ``most``.
        """
        value = self.get(*names)
        if value is None:
            return self.missing(*names) if default is None else default
        return self.checked_count(self._name_in_use(*names), value, least=least, most=most)

    def checked_count(self, name: str, value: object, *, least: int = 1, most: int = LARGEST_COUNT) -> int:
        """That value as a whole number."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse(name, value, f"a whole number from {least} to {most}")
        return value

    def flag(self, *names: str, default: bool = False) -> bool:
        """A yes or no.

        Raises:
            PlanError: it is something else.
        """
        value = self.get(*names)
        if value is None:
            return default
        if isinstance(value, int) and value in {0, 1}:
            return bool(value)
        return self.refuse(self._name_in_use(*names), value, "true or false")

    def text(self, *names: str, default: str | None = None) -> str:
        """A word.

        Raises:
            PlanError: it is missing and there is no default, or it is no string.
        """
        value = self.get(*names)
        if value is None:
            return self.missing(*names) if default is None else default
        if not isinstance(value, str):
            self.refuse(self._name_in_use(*names), value, "a string")
        return value

    def listed(self, name: str, *, length: int | None = None) -> Sequence[object] | None:
        """A list, of at least that many entries; None where there is none.

        Raises:
            PlanError: it is no list, or too short.
        """
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            self.refuse(name, value, "a list")
        if length is not None and len(value) < length:
            self.refuse(name, f"a list of {len(value)}", f"one entry for each of {length} layers")
        return value

    def section(self, name: str) -> Fields | None:
        """Fields within a field; None where there are none.

        Raises:
            PlanError: it is no object.
        """
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.refuse(name, value, "an object")
        return Fields(value, f"{self.source}, {name}")

    def missing(self, *names: str) -> NoReturn:
        """Say that none of these names has a value.

        Raises:
            PlanError: always.
        """
        shown = " or ".join(f"{self.prefix}{name}" for name in names)
        raise PlanError(
            f"{self.source} has no {shown}, and without it the model's size is unknown",
            hint=f"add {self.prefix}{names[0]} to it, or plan from the weights: stillroom plan ./model.gguf",
        )

    def refuse(self, name: str, value: object, needed: str) -> NoReturn:
        """Say that a value cannot be.

        Raises:
            PlanError: always.
        """
        shown = value if isinstance(value, str) and value.startswith("a list of ") else shown_value(value)
        raise PlanError(
            f"{self.source}: {self.prefix}{name} is {shown}, and {needed} is needed",
            hint=f"correct {self.prefix}{name}, or plan from the weights: stillroom plan ./model.gguf",
        )

    def _name_in_use(self, *names: str) -> str:
        """The first of these names that has a value."""
        return next(name for name in names if self.values.get(self.prefix + name) is not None)
