"""How a climb ended, and how far it came: what commands and notebooks show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.ladder import titles
from escalera.domain.event import Outcome
from escalera.domain.project import Project, RungName


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a climb ended, with everything that the report shows."""

    document: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why the climb stopped: adequate, inadequate, undecided, regressed or budget."""
        return str(self.document["verdict"]["reason"])

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return str(self.document["verdict"]["sentence"])

    @property
    def served(self) -> str | None:
        """The rung whose system is to be served, or None when nothing is promoted."""
        served: str | None = self.document["verdict"]["served"]
        return served

    @property
    def exit_code(self) -> int:
        """0 decided, 3 not enough evidence, 4 a regression was shown."""
        return int(self.document["verdict"]["exit_code"])

    def explain(self) -> str:
        """The verdict, the reason at each rung, and what would reverse it, as plain text."""
        verdict = self.document["verdict"]
        lines = [verdict["sentence"], "", "Why"]
        lines += [f"  - {reason}" for reason in verdict["reasons"]]
        warned = [judge["warning"] for judge in self.document["judges"] if judge["warning"]]
        lines += [f"  - {warning}" for warning in warned]
        orders = [row for judge in self.document["judges"] for row in judge["orders"]]
        lines += [f"  - {row['words']}" for row in orders]
        by_hand = [one for one in self.document["promotions"] if one["in_service"]]
        lines += ["", "In service", _by_hand(by_hand[-1])] if by_hand else []
        lines += ["", "The climb"]
        for rung in self.document["ladder"]:
            lines.append(f"  {rung['title']}: {rung['state']}")
            lines += [f"      {words}" for words in rung["words"]]
        lines += ["", "What would reverse it"]
        lines += [f"  - {change}" for change in verdict["reversal"]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from escalera.apps.report import page

        return page.fragment(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a rung ended in a climb that was to go no further.

    `title` is what the project calls the rung. `outcome` is None where the climb stopped before it
    came to the rung; `words` then say why.
    """

    rung: RungName
    title: str
    outcome: Outcome | None
    words: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 where the rung was decided, 3 where evidence is lacking, 4 for a shown regression."""
        if self.outcome is None:
            return 3
        return {"adequate": 0, "inadequate": 0, "undecided": 3, "regressed": 4}[self.outcome]

    @property
    def sentence(self) -> str:
        """The outcome and what it rests on, as plain text."""
        head = f"{self.title}: {self.outcome or 'not reached'}"
        return "\n".join([head, *(f"  - {said}" for said in self.words)])

    @property
    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"rung": self.rung, "outcome": self.outcome, "words": list(self.words)}


def reached(rung: RungName, project: Project, evidence: Evidence) -> Reached:
    """How far the climb came towards *rung*."""
    decided, title = evidence.decision(rung, ""), titles.title(rung, project)
    if decided is None:
        ended = evidence.stopped[-1]
        return Reached(rung=rung, title=title, outcome=None, words=(ended.words, *ended.reasons))
    of_tasks = (entry for entry in evidence.decided if entry.rung == rung and entry.task)
    words = tuple(entry.words for entry in of_tasks)
    said = words or (decided.words,)
    return Reached(rung=rung, title=title, outcome=decided.outcome, words=said)


# Below: private.


def _by_hand(promotion: dict[str, Any]) -> str:
    """What somebody put into service since the climb ended, behind its gate or past it."""
    why = promotion["override"]
    gate = "it passed the gate" if why is None else f"past its gate ({promotion['gate']}): {why}"
    return f"  - {promotion['name']}, put there by hand: {gate}"
