"""How well the library finds what questions ask for: question sets, metrics, measured stages."""
