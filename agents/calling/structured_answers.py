"""An answer that has to have a shape: LangChain's ``response_format`` as ways of ending the conversation.

LangChain would make tools of it, or an option of the provider; under an action's schema it is the branch of
the answer, or one branch for each type of a union. It sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.calling.actions import FINAL

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class StructuredAnswer:
    """One type that an answer may have.

    Attributes:
        name: by which the model gives it.
        parameters: its JSON schema.
        specification: LangChain's own, which knows how to make the value.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    specification: Any

    def value(self, arguments: Mapping[str, Any]) -> object:
        """The value of that type.

        Raises:
            ValueError: the type itself refuses what its schema allows.
        """
        from langchain.agents.structured_output import OutputToolBinding

        value: object = OutputToolBinding.from_schema_spec(self.specification).parse(dict(arguments))
        return value


def structured_answers(response_format: object) -> tuple[StructuredAnswer, ...]:
    """The types of an agent's ``response_format``; none where it has none."""
    from langchain.agents.structured_output import AutoStrategy, ProviderStrategy, ToolStrategy

    if response_format is None:
        return ()
    if isinstance(response_format, ProviderStrategy):
        specifications: list[Any] = [response_format.schema_spec]
    elif isinstance(response_format, ToolStrategy):
        specifications = response_format.schema_specs
    else:
        schema: Any = response_format.schema if isinstance(response_format, AutoStrategy) else response_format
        specifications = ToolStrategy(schema).schema_specs
    alone = len(specifications) == 1
    return tuple(
        StructuredAnswer(FINAL if alone else spec.name, spec.description, spec.json_schema, spec)
        for spec in specifications
    )
