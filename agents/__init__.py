"""Tools as typed functions, and an agent that calls them also with models that have no tool calling."""
