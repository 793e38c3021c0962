"""Shapes of models: read from configurations and headers, and the tensors that they hold."""
