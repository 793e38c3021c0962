"""The conversation of ``stillroom chat`` on a terminal: what is typed, what is shown, what is asked."""
