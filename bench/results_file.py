"""Where a measurement's figures go: a file that can be written is asked for before hours of measuring.

It writes nothing; what the figures are is each measurement's own.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def results_file(text: str) -> Path:
    """The file that an option names, as ``argparse`` takes it for a ``type``.

    Raises:
        ArgumentTypeError: its folder is not there, or it cannot be written.

    Example:
        >>> results_file("/no/such/folder/figures.json")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: there is no folder /no/such/folder; make it first
    """
    path = Path(text)
    folder = path.absolute().parent
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {folder}; make it first")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder, and a file is needed")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"{path} cannot be written: no permission")
    return path
