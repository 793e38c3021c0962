"""Checkpoints known to the byte before any download: headers of files, and registries."""
