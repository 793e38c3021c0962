"""Whether this container can work: its folders can be written, and the endpoint it was told of answers.

Addresses among its arguments must answer as well. Run by the image's HEALTHCHECK, every 30 seconds, on the
standard library alone. It does not load Stillroom, and it does not ask the model for anything: that a server
is up is all that it looks at.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

_FOLDERS = ("STILLROOM_DATA_DIR", "STILLROOM_CACHE_DIR", "STILLROOM_STATE_DIR")
_TIMEOUT_SECONDS = 5
# An endpoint that wants a key answers 401, and is there.
_SERVER_ERROR = 500


def main() -> int:
    """Print what is wrong, if anything; the process's exit code."""
    problems = [*_unwritable_folders(), *_silent_endpoint()]
    problems += [problem for url in sys.argv[1:] for problem in _silent(url)]
    for problem in problems:
        print(problem)  # noqa: T201  `docker inspect` shows it
    return 1 if problems else 0


def _unwritable_folders() -> list[str]:
    folders = [os.environ[name] for name in _FOLDERS if os.environ.get(name)]
    return [f"{folder} cannot be written" for folder in folders if not os.access(folder, os.W_OK)]


def _silent_endpoint() -> list[str]:
    root = os.environ.get("STILLROOM_ENDPOINT_URL", "").rstrip("/")
    return _silent(root, "/models") if root else []


def _silent(root: str, path: str = "") -> list[str]:
    # Like every request of Stillroom to its engine's own network, this one ignores proxy settings.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{root}{path}", timeout=_TIMEOUT_SECONDS):
            return []
    except urllib.error.HTTPError as error:
        return [f"{root} answers {error.code}"] if error.code >= _SERVER_ERROR else []
    except (OSError, ValueError) as error:
        return [f"{root} does not answer: {error}"]


if __name__ == "__main__":
    sys.exit(main())
