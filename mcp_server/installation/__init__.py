"""The programs that an MCP server is installed into: where they keep it, and how their files are edited."""
