"""What a machine has for a model: the one that runs this, and others that are only described."""
