"""The MCP server over HTTP: who may connect, how much, and a clean end."""
