"""Stillroom's own tools, one module a subject, each with what its results look like."""
