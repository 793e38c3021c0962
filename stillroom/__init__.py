"""Stillroom: your own distilled model, your own library, one MCP endpoint.

This package holds the ground (errors, settings) and the roof (the command line).
The rooms between them are ``deploy``, ``rag``, ``agents`` and ``mcp_server``.
"""

__version__ = "0.1.0"
