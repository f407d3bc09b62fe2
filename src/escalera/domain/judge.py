"""Who grades the answers that no rule can score, and by what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.identity import LATER, digest_of, short
from escalera.domain.message import Decoding

JudgeKind = Literal["rubric", "pairwise"]
Basis = Literal["scorer", "judge", "corrected"]
"""What a figure rests on: a rule, a judge alone, or a judge that people's labels correct."""
Order = Literal["alone", "first", "second"]
"""The place of the graded answer: alone, or before or behind the one it is compared with."""
Combine = Literal["mean", "vote"]
"""How the grades of several judges make one score: their mean, or what most of them find."""

AWAITING = "not judged yet"
"""Why an answer has no score until its judges were heard."""

PREFIX = "judge:"
"""What the name of a scorer begins with where a judge gives the scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Whole numbers from `lowest` to `highest`; `anchors` say what each means, or there are none.

    A grade counts as its place on the scale in [0, 1].
    """

    lowest: int
    highest: int
    anchors: tuple[str, ...] = ()

    def place(self, grade: float) -> float:
        """Where *grade* lies between the ends, in [0, 1] for a grade on the scale."""
        return (grade - self.lowest) / (self.highest - self.lowest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One model that grades, and everything that changes its grades; known by its digest.

    A `rubric` judge grades an answer by itself on `scale`; a `pairwise` judge compares it with the
    item's target, in both orders. `reference` is whether a rubric judge is shown the target.
    `wording` stands for the texts around rubric and answer.
    """

    kind: JudgeKind
    model: str
    revision: str
    rubric: str
    scale: Scale
    reference: bool
    decoding: Decoding
    wording: str

    @property
    def digest(self) -> str:
        """Content hash of the judge."""
        return digest_of(self)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The places in which an answer is shown: a comparison is asked in both."""
        return ("alone",) if self.kind == "rubric" else ("first", "second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The judges of one table of the project file: each grades every answer `repeats` times.

    `min_agreement` is the agreement with people below which the panel is not to be trusted, and
    `max_drift` how far its bias or its disagreement may move since it was calibrated; neither
    changes a grade. Once the position bias of a judge that compares is shown to be smaller than
    `max_position_bias`, it is asked in both orders about a share `second_order` of the answers
    only. `combine` is how the judges make one score; where they vote, a grade of `passing` or
    above is a voice for the answer (None where judges compare: a win is).
    """

    name: str
    judges: tuple[Judge, ...]
    repeats: int = 1
    min_agreement: float = 0.0
    max_drift: float = field(default=0.1, metadata=LATER)
    second_order: float = field(default=0.1, metadata=LATER)
    max_position_bias: float = field(default=0.1, metadata=LATER)
    combine: Combine = field(default="mean", metadata=LATER)
    passing: int | None = field(default=None, metadata=LATER)

    @property
    def scorer(self) -> str:
        """The name under which the panel's scores are kept: other judges, another scorer.

        How many are asked in both orders changes no score on average, and so no name.
        """
        made: tuple[object, ...] = (self.judges, self.repeats)
        if self.combine == "vote":
            made = (*made, self.combine, self.passing)
        return f"{PREFIX}{self.name}@{short(digest_of(made))}"

    @property
    def spares(self) -> bool:
        """Whether second orders may be left out.

        Never where judges vote: a vote on one order is no unbiased sign of that on both.
        """
        compares = any(len(judge.orders) > 1 for judge in self.judges)
        return compares and self.second_order < 1.0 and self.combine == "mean"

    @property
    def scale(self) -> Scale:
        """On which people label: the judges' own scale, or loss, tie and win as 0, 0.5 and 1."""
        judge = self.judges[0]
        return judge.scale if judge.kind == "rubric" else Scale(lowest=0, highest=1)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that grade, each once."""
        return tuple(dict.fromkeys(judge.model for judge in self.judges))

    @property
    def grades(self) -> int:
        """How many grades an answer gets, where no second order is left out."""
        return self.repeats * sum(len(judge.orders) for judge in self.judges)

    def counted(self, score: float) -> float:
        """What a person's label, as a place on the scale, counts beside the panel's score.

        Where judges vote on grades, a person has a voice, too.
        """
        if self.combine == "mean" or self.passing is None:
            return score
        return float(score >= self.scale.place(self.passing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What people gave one answer to one item.

    `item` is the item's id, `reply` the text that was graded, `scores` one number in [0, 1] per
    person. `probability` is the known chance that this answer had of being labelled.
    """

    item: str
    reply: str
    scores: tuple[float, ...]
    probability: float = 1.0

    @property
    def score(self) -> float:
        """The mean over the people."""
        return sum(self.scores) / len(self.scores)


def answer_digest(reply: str) -> str:
    """By what a label finds the answer that it was given to."""
    return digest_of(reply)[:32]
