"""Keeps onnxruntime from telling Microsoft of each start: it does unless a variable says otherwise.

Version 1.31 writes a device id and a queue of events below ``~/.cache/Microsoft`` and looks up
``mobile.events.data.microsoft.com``; with the variable it does neither (seen on Linux, 2026-11-27).
"""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "ORT_DISABLE_TELEMETRY"


def switch_off_telemetry() -> None:
    """Set the variable for this process and its children; before onnxruntime is imported, which reads it."""
    os.environ[VARIABLE] = "1"
