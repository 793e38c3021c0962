"""Bringing files into the library: finding them, what changed, storing and indexing."""
