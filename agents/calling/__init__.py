"""How a model that has no tool calling is made to call tools: JSON actions, a history without tool turns."""
