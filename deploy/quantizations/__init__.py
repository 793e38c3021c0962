"""Formats that weights come in: what each stores per tensor, to the byte, and what it costs in ability."""
