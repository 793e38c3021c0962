"""Our tools as LangChain's. A tool that fails gives its message to the model instead of ending the run.

It knows nothing of models; what is recorded of a call is the caller's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.tools import BaseTool

    from agents.tools import Tool


def langchain_tool(tool: Tool, call: Callable[[Tool, Mapping[str, Any]], str]) -> BaseTool:
    """A LangChain tool of the same name, description and schema.

    Args:
        tool: validates its own arguments.
        call: runs it and gives the text for the model, also where it failed.
    """
    from langchain_core.tools import StructuredTool

    def run(**arguments: Any) -> str:  # noqa: ANN401 - as the schema has them
        return call(tool, arguments)

    return StructuredTool.from_function(
        func=run, name=tool.name, description=tool.description, args_schema=dict(tool.parameters)
    )
