"""A deployment that outlives the command that started it: its record, its supervisor, its log."""
