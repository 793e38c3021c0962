"""Arithmetic on text that a model wrote, without running it as Python.

The expression is parsed into a syntax tree, and only the nodes named here are evaluated: numbers,
operators, a few constants and functions. Length and size are bounded, so no expression takes long.
It does not know units, variables or what the number is for, nor how people write what Python writes otherwise
(``arithmetic_text``).
"""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import TYPE_CHECKING, Final

from agents.toolkit.arithmetic_text import OF, PERCENT, as_python
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Number = int | float

MAX_EXPRESSION_CHARACTERS = 200
# The largest double is just below 2**1024; an integer beyond it could not meet a float in one expression.
MAX_INTEGER_BITS = 1024
# A double carries 15 to 17 significant digits; and round(5, -10**9) would take minutes.
MAX_ROUND_DIGITS = 15


def _power(base: Number, exponent: Number) -> object:
    """The power, refused before it is computed where it would be huge."""
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1:
        bits = exponent * base.bit_length()
        if bits > 2 * MAX_INTEGER_BITS:
            raise OverflowError
    return base**exponent


_CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}
_SIGNS: Mapping[type[ast.AST], Callable[[Number], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_OPERATORS: Mapping[type[ast.AST], Callable[[Number, Number], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.MatMult: operator.mul,  # how ``arithmetic_text`` writes the "of" of 12% of 50
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
    "round": round,
    "sqrt": math.sqrt,
}
# How many numbers a function takes, where it is not one: at least, and at most.
_ARGUMENTS: Mapping[str, tuple[int, int]] = {
    "log": (1, 2),
    "max": (1, MAX_EXPRESSION_CHARACTERS),
    "min": (1, MAX_EXPRESSION_CHARACTERS),
    "round": (1, 2),
}
_ALLOWED = (
    f"numbers, + - * / // % **, brackets, {', '.join(_CONSTANTS)}, {', '.join(_FUNCTIONS)}; "
    "12.5% is 12.5 / 100, 12% of 50 is 6, and 3,400 is 3400"
)
_SHARE: Final = re.compile(rf"{PERCENT}\(([^()]*)\)")


def evaluate(expression: str) -> Number:
    """The value of an arithmetic expression.

    Raises:
        ToolError: it is too long, not arithmetic, has no real value, or leaves the range of a double.

    Example:
        >>> evaluate("7 * 4 * 1.2 / (32 / 4)")
        4.2
    """
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        raise _refused(
            expression, f"{len(expression)} characters; at most {MAX_EXPRESSION_CHARACTERS} are taken"
        )
    try:
        text = as_python(expression)
    except ValueError as error:
        raise _refused(expression, str(error)) from error
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(expression, "it is not one arithmetic expression") from error
    try:
        return _value(tree.body)
    except ZeroDivisionError as error:
        raise _refused(expression, "it divides by zero") from error
    except OverflowError as error:
        raise _refused(expression, "a number in it is beyond about 1.8e308") from error
    except RecursionError as error:
        raise _refused(expression, "it is nested too deeply") from error
    except ValueError as error:
        raise _refused(expression, str(error)) from error


def _refused(expression: str, why: str) -> ToolError:
    shown = expression if len(expression) <= 60 else f"{expression[:57]}..."  # noqa: PLR2004 (one line)
    return ToolError(f"cannot calculate {shown!r}: {why}", hint=f"allowed: {_ALLOWED}")


def _value(node: ast.expr) -> Number:
    """Evaluate one node; a ValueError says what is not allowed."""
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("only numbers are allowed")
        case ast.Constant(value=int() | float() as number):
            return _bounded(number)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _SIGNS:
            return _SIGNS[type(op)](_value(operand))
        case ast.Call(func=ast.Name(id=name), args=[of], keywords=[]) if name == PERCENT:
            return _bounded(_value(of) / 100)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _look_at_shares(left, op, right)
            return _bounded(_OPERATORS[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_call(name, [_value(arg) for arg in args]))
        case _:
            raise ValueError(f"{_shown(node)!r} is not allowed")


def _look_at_shares(left: ast.expr, op: ast.operator, right: ast.expr) -> None:
    """Refuse a percentage that may mean two things.

    Raises:
        ValueError: it may; how to write either.
    """
    if isinstance(op, ast.MatMult) and not _is_share(left):
        raise ValueError("'of' stands behind a percentage, as in 12% of 3400 or 2 * (12% of 3400)")
    share = _share_of_nothing(left, right) if isinstance(op, ast.Add | ast.Sub) else None
    if share is not None:
        shown = _shown(share)
        raise ValueError(
            f"{shown!r} of what? For so much more or less of a number, write NUMBER * (1 + {shown}) "
            f"or NUMBER * (1 - {shown}); for the bare number, {_value(share):.12g}"
        )


def _shown(node: ast.expr) -> str:
    """About as it was written."""
    return _SHARE.sub(r"\1%", ast.unparse(node)).replace(OF, "of")


def _is_share(node: ast.expr) -> bool:
    """Whether it is a percentage, one of another, or a sum of them."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name == PERCENT
        case ast.UnaryOp(operand=operand):
            return _is_share(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.MatMult(), right=right):
            return _is_share(left) and _is_share(right)
    return False


def _is_one(node: ast.expr) -> bool:
    """Whether it is 1, or so many per cent more or less than 1."""
    match node:
        case ast.Constant(value=value):
            return value == 1
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return (_is_one(left) and _is_share(right)) or (_is_share(left) and _is_one(right))
    return False


def _share_of_nothing(left: ast.expr, right: ast.expr) -> ast.expr | None:
    """The percentage that is added to what is none: some mean ``200 * 1.15`` by ``200 + 15%``, some 200.15.

    With 1 they mean the same.
    """
    if _is_share(left) == _is_share(right):
        return None
    share, other = (left, right) if _is_share(left) else (right, left)
    return None if _is_one(other) else share


def _bounded(number: object) -> Number:
    """The number, if it is real, finite and of bounded size."""
    if not isinstance(number, int | float):
        raise ValueError("it has no real value")  # noqa: TRY004 (the value is wrong, not the program)
    if isinstance(number, int) and number.bit_length() > MAX_INTEGER_BITS:
        raise OverflowError
    if isinstance(number, float) and not math.isfinite(number):
        raise OverflowError
    return number


def _call(name: str, arguments: list[Number]) -> Number:
    least, most = _ARGUMENTS.get(name, (1, 1))
    if not least <= len(arguments) <= most:
        needed = "1 number" if most == 1 else f"{least} or 2" if most == 2 else "1 or more"  # noqa: PLR2004
        raise ValueError(f"{name} takes {needed}, not {len(arguments)}")
    if name == "round" and len(arguments) > 1:
        digits = arguments[1]
        if not isinstance(digits, int):
            raise ValueError(f"round takes a whole number of digits, not {digits}")
        if abs(digits) > MAX_ROUND_DIGITS:
            raise ValueError(f"round takes at most {MAX_ROUND_DIGITS} digits, not {digits}")
    try:
        return _FUNCTIONS[name](*arguments)
    except ValueError as error:  # as math has it: "math domain error"
        raise ValueError(f"{name} has no real value of {', '.join(map(str, arguments))}") from error
