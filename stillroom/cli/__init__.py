"""The roof: the command line, and the one place that puts the rooms together from the settings."""
