"""The library's documents: listed, found by what a person calls them, cut into stretches."""
