"""Looking after a library: whether it is sound, mending it, moving it, taking documents out."""
