"""What is kept on disk: the truth in SQLite, and the two indexes that are derived from it."""
