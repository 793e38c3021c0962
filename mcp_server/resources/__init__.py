"""The library's documents as MCP resources: listed, completed, read in pages, and watched for changes."""
