"""The library, the planner and the agent as one MCP server."""
