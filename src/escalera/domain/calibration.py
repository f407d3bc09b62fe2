"""Calibrations of judges that are kept, and what was seen of a judge since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.domain.judge import Judge
from escalera.domain.verdict import Figure

DriftSource = Literal["labels", "again"]
"""Answers that were labelled since, or those of the calibration, graded again."""
DriftMeasure = Literal["bias", "disagreement"]
"""Judge minus people, and how far the judge is from people, either way."""
DriftWord = Literal["no drift", "drifted", "too few labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """An answer that has labels and a grade: `people` is the mean of the labels, in [0, 1] both.

    `item` is the item's id, `answer` the digest of the text.
    """

    item: str
    answer: str
    cluster: str
    people: float
    grade: float

    @property
    def key(self) -> tuple[str, str]:
        """Which answer it is."""
        return self.item, self.answer

    @property
    def bias(self) -> float:
        """Judge minus people."""
        return self.grade - self.people


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A judge was calibrated: from here on its drift is measured.

    `panel` is its name, `scorer` what tells its judges from others of that name, `number` counts
    the calibrations of the name. `judges` and `repeats` are who graded, `revisions` what their
    endpoints said of themselves, and `anchors` the answers that have labels and a grade.
    """

    panel: str
    scorer: str
    number: int
    judges: tuple[Judge, ...]
    repeats: int
    revisions: tuple[str, ...]
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far a measure has moved since the calibration, and what its interval says of that."""

    measure: DriftMeasure
    change: Figure
    word: DriftWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """A calibrated judge was held against what came since calibration `number` of its panel.

    `source` says what that is: `answers` that were labelled since, or answers of the calibration
    that were graded again; `look` counts the readings of that source, `share` is how much of the
    information that was planned for it is there. `margin` is the drift that matters. `needed` more
    labels, or answers graded again, are likely to settle it; None where it is settled, or no number
    is. `changed` is the share of answers with another grade than before, and `anchors` are these
    answers with their new grades; None and empty for new labels. `revisions` is what endpoints said
    of themselves.
    """

    panel: str
    scorer: str
    number: int
    source: DriftSource
    look: int
    share: float
    margin: float
    answers: int
    shifts: tuple[Shift, ...]
    word: DriftWord
    needed: int | None
    changed: Figure | None
    anchors: tuple[Anchor, ...]
    revisions: tuple[str, ...]
