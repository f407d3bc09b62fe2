"""Output contracts: the ways in which a model's answers can be held to a schema.

One row is one way; a model gets those rows whose mode it can do. Simplest first, because that is
how ties in a race are broken. Sources: schema in the prompt and validate-and-repair (Rebedea et al.
2023, arXiv 2310.10501; Shinn et al. 2023, arXiv 2303.11366), constrained decoding (Willard and
Louf 2023, arXiv 2307.09702), and its effect on what is said (Tam et al. 2024, arXiv 2408.02442).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from escalera.domain.contract import OutputContract, OutputMode

REPAIRS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way: who sees to the form, whether the schema is told, and how often an answer is sent
    back."""

    name: str
    mode: OutputMode
    told: bool = False
    repairs: int = 0

    def contract(self, schema: str) -> OutputContract:
        """The contract over *schema*."""
        return OutputContract(schema=schema, mode=self.mode, told=self.told, repairs=self.repairs)


WAYS: tuple[Way, ...] = (
    Way(name="constrained", mode="constrained"),
    Way(name="schema response", mode="json_schema"),
    Way(name="function call", mode="tools"),
    Way(name="schema told", mode="prompt", told=True),
    Way(name="schema told, constrained", mode="constrained", told=True),
    Way(name="JSON response, schema told", mode="json_object", told=True),
    Way(name="repairs", mode="prompt", repairs=REPAIRS),
    Way(name="schema response, repairs", mode="json_schema", repairs=REPAIRS),
    Way(name="function call, repairs", mode="tools", repairs=REPAIRS),
    Way(name="schema told, repairs", mode="prompt", told=True, repairs=REPAIRS),
    Way(name="JSON response, schema told, repairs", mode="json_object", told=True, repairs=REPAIRS),
)
"""Constrained answers are not sent back: the grammar leaves nothing to repair."""


def propose(schema: str, able: Sequence[OutputMode]) -> tuple[tuple[str, OutputContract], ...]:
    """The contracts over *schema* that a model *able* to do these modes can keep, with names."""
    return tuple((way.name, way.contract(schema)) for way in WAYS if way.mode in able)
