"""What a guard is asked to do with what it finds in a text, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GuardAction = Literal["block", "redact", "flag"]
"""`block`: nothing goes on; `redact`: a placeholder goes on instead; `flag`: it is recorded."""
GuardSide = Literal["input", "output", "both"]
"""Whether what callers send, what models answer, or both is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a guard found: never what it said, only where it stood in its text.

    `guard` is the name of the guard, `kind` what was found.
    """

    guard: str
    kind: str
    action: GuardAction
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A text after its guards: what may go on, and what was found in it.

    `text` is empty where something blocks; offsets of `findings` are those of the original.
    """

    text: str
    findings: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> tuple[str, ...]:
        """The kinds that forbid it; empty where it may go on."""
        return tuple(dict.fromkeys(f.kind for f in self.findings if f.action == "block"))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that was found, once each."""
        return tuple(dict.fromkeys(found.kind for found in self.findings))
