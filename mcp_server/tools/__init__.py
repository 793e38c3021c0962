"""The tools that MCP clients see, made for an IDE's model from what the agent's toolkit does."""
