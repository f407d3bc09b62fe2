"""Scorers that are settled here: how right an answer is, in [0, 1], by pure functions.

A wrong reply scores 0. "Unscored" is something else: it means that no score can be given, for a
reason that is kept (an empty target, a filtered reply), and it never counts as wrong.

One file per family; this one names them. Scorers that need a library or a process are
kinds of `edges.scoring`; what judges or embeddings score waits until the engine has asked for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from escalera.core.evaluation import labels, limits, matching, rouge
from escalera.domain import judge, likeness
from escalera.domain.identity import canonical
from escalera.domain.scoring import Score, Submission, unscored

Refuses = Callable[[str, Any], str | None]
"""What is wrong with a target under these options, or None: asked before anything is spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """A scorer that can only be named."""


def _accepts(_target: str, _options: Any) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of scorer: the dataclass of its options, and the function that scores.

    The fields of `options` are the keys of the scorer's table in the project file.
    """

    options: type
    score: Callable[[Submission, Any], Score]
    refuses: Refuses = _accepts


def comparing(compare: Callable[[str, str], Score], refuses: Refuses = _accepts) -> Kind:
    """The kind of a function of reply and target alone."""
    return Kind(
        options=NoOptions,
        score=lambda seen, _: compare(seen.reply, seen.target),
        refuses=refuses,
    )


def identity(kind: str, options: Any, *, source: str = "") -> str:
    """What an answer's score is filed under: kind, options and the digest of what they name.

    A score under another identity is not this scorer's; the reply is scored anew.
    """
    if isinstance(options, NoOptions) and not source:
        return kind
    said = {name: getattr(options, name) for name in options.__dataclass_fields__}
    return f"{kind} {canonical(said | ({'source': source} if source else {})).decode()}"


def settled(scorer: str, seen: Submission) -> Score | None:
    """The score that an answer has before its scorer is asked, or None.

    Of a filtered reply the model's answer is not known. Where a judge scores, the answer waits for
    it, and where meanings are compared, for their embeddings; an empty reply means nothing.
    """
    if seen.finish == "filtered":
        return unscored("the endpoint filtered the reply")
    if scorer.startswith(judge.PREFIX):
        return unscored(judge.AWAITING)
    if likeness.waits(scorer):
        return unscored(likeness.AWAITING) if seen.reply.strip() else Score(value=0.0)
    return None


def score(kind: str, seen: Submission, options: Any = None) -> Score:
    """The score of an answer by a kind of this table, with the kind's defaults unless said."""
    if early := settled(kind, seen):
        return early
    known = SCORERS[kind]
    return known.score(seen, known.options() if options is None else options)


SCORERS: Mapping[str, Kind] = {
    "exact": comparing(matching.exact),
    "normalised": comparing(matching.normalised),
    "numeric": comparing(matching.numeric, lambda target, _: matching.no_number(target)),
    "json_fields": comparing(matching.json_fields, lambda target, _: matching.no_fields(target)),
    "contains": Kind(options=matching.Contains, score=matching.contains),
    "rouge": Kind(options=rouge.Rouge, score=rouge.score),
    "set_f1": Kind(options=labels.SetF1, score=labels.set_f1),
    "slot_f1": Kind(options=labels.SlotF1, score=labels.slot_f1, refuses=labels.no_slots),
    "latency": Kind(options=limits.Latency, score=limits.latency),
    "cost": Kind(options=limits.Cost, score=limits.cost),
}
"""Every kind by its name in the project file: one function and this one line."""
