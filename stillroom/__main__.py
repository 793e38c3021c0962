"""``python -m stillroom``: the console script for an interpreter named by its path, as IDEs start it."""

from stillroom.cli.main import main

if __name__ == "__main__":
    main()
