"""The program: ``stillroom``, and ``python -m stillroom`` for an interpreter named by its path, as IDEs do.

Nothing of the command line is imported before it is said what a signal does until then.
"""

from __future__ import annotations

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the process's own arguments and exit."""
    # While the command line is imported there is nothing to close: Ctrl-C just ends the process, as SIGTERM
    # does, where Python would print in which import it was. What a shell has ignored stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from stillroom.cli import main as command_line

    command_line.main()


if __name__ == "__main__":
    main()
