"""Whether a finetuned model may be used, as far as the declared licences of base and data say.

Three words: OK-with-duties, NOT-OK, ASK-COUNSEL. What is unknown never becomes OK: a licence that
nobody declared, or that is not known here, leaves the question to a lawyer. Commercial use is
assumed. This is a reading of declared names, not of the texts that came with base and data, and no
legal advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from escalera.core.audit import licence_texts
from escalera.core.audit.licence_texts import Role, Use

Word = Literal["OK-with-duties", "NOT-OK", "ASK-COUNSEL"]
"""What the licences together say of a use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A base model or a set of data that a model was made of, and the licence that is declared."""

    role: Role
    name: str
    declared: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the licences say of one use, and why: a sentence for each clause or gap."""

    use: Use
    word: Word
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        why = "; ".join(self.reasons) or "the licences ask for nothing"
        return f"{_SAID[self.use]}: {self.word} ({why})"


def verdict(parts: Sequence[Part], use: Use) -> Verdict:
    """The verdict on *use* of a model that was made of *parts*; the strictest of all holds."""
    effects, reasons = set(), []
    bases = {licence_texts.found(part.declared) for part in parts if part.role == "base"}
    for part in parts:
        licence = licence_texts.found(part.declared)
        if licence is None:
            effects.add("ask")
            reasons.append(_unknown(part))
            continue
        for clause in licence.clauses:
            meant = use in clause.uses and part.role in clause.roles
            if meant and not (clause.others and licence in bases):
                effects.add(clause.effect)
                reasons.append(f"{_named(part)}, {licence.name}, {clause.place}: {clause.says}")
    if not parts:
        effects.add("ask")
        reasons.append("nothing is known of what it was made of")
    word: Word = "OK-with-duties"
    if "forbids" in effects:
        word = "NOT-OK"
    elif "ask" in effects:
        word = "ASK-COUNSEL"
    return Verdict(use=use, word=word, reasons=tuple(reasons))


def words(parts: Sequence[Part]) -> str:
    """The verdicts on serving a model and on passing its weights on, in words."""
    said = ". ".join(str(verdict(parts, use)) for use in ("serve", "distribute"))
    return f"licences, for commercial use, as declared: {said}. No legal advice"


def lets_pass_on(said: str) -> bool:
    """Whether `words` that were kept, of a job, let its weights be passed on with duties."""
    return f". {_SAID['distribute']}: OK-with-duties (" in said


# Below: private.

_SAID = {"serve": "serving it", "distribute": "passing its weights on"}


def _named(part: Part) -> str:
    return f"{'base' if part.role == 'base' else 'data'} {part.name!r}"


def _unknown(part: Part) -> str:
    if not part.declared.strip():
        return f"the licence of the {_named(part)} is not declared"
    return f"the licence {part.declared!r} of the {_named(part)} is not known here"
