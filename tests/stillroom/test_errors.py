"""The error tree's drawing and the classes are one thing."""

from __future__ import annotations

import re

from stillroom import errors


def test_the_docstring_draws_every_error_with_its_exit_code() -> None:
    drawn = dict(re.findall(r"(\w+Error)\s+(\d)\s", errors.__doc__ or ""))
    classes = {
        name: str(item.exit_code)
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, errors.StillroomError)
    }

    assert drawn == classes


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    error = errors.MissingExtraError("xllamacpp", extra="embedded", purpose="run the embedded engine")

    assert error.hint == "pip install 'stillroom[embedded]'"
    assert "'xllamacpp' is needed to run the embedded engine" in error.message
