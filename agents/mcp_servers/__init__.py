"""Tools of other programs' MCP servers: configuration, connection, names, schemas, results and trust."""
