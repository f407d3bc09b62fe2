"""What an answer must look like: a JSON Schema, and how a model is held to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OutputMode = Literal["prompt", "json_object", "json_schema", "tools", "constrained"]

LOCAL_MODES: tuple[OutputMode, ...] = ("prompt", "constrained")
"""What a model in this process can do."""
REMOTE_MODES: tuple[OutputMode, ...] = ("prompt", "json_object", "json_schema", "tools")
"""What an endpoint may be able to do."""

TELLING = (
    "Answer with one JSON value that is valid against this JSON Schema, and with nothing else:"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContract:
    """A JSON Schema that the whole answer must be valid against, and how it is asked for.

    `schema` is canonical JSON text (draft 2020-12). `mode` says who sees to it: nobody (`prompt`),
    the endpoint's `response_format` (`json_object`, `json_schema`), a forced function call whose
    arguments are the answer (`tools`), or a grammar that leaves no other token (`constrained`,
    local models). `told` is whether the schema stands in the system message. `repairs` is how
    often an invalid answer is sent back, at most, with what is wrong with it.
    """

    schema: str
    mode: OutputMode
    told: bool = False
    repairs: int = 0

    def telling(self) -> str:
        """What a model is told of the contract."""
        return f"{TELLING}\n{self.schema}"
