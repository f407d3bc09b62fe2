"""Keeping a judge's calibration, and holding the judge against it later.

What is decided is in `core.evaluation.judge_drift`; here its events are recorded, and answers of
the calibration are graded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from escalera.core.evaluation import judge as judges
from escalera.core.evaluation import judge_drift, reliance
from escalera.core.evaluation.correction import ENOUGH
from escalera.core.evaluation.judge import Given
from escalera.core.evaluation.judge_drift import Since
from escalera.core.evidence import Evidence
from escalera.domain.calibration import Anchor, Anchored, Rechecked
from escalera.domain.event import Event
from escalera.domain.judge import Panel, answer_digest
from escalera.domain.project import Policy
from escalera.engine.judging import Submitted
from escalera.errors import EvidenceMissing

Regrade = Callable[[Sequence[Submitted], int], Awaitable[Sequence[tuple[Given, ...] | None]]]
"""Has answers graded in a round of its own, whatever was said of them before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An answer that has labels, its grades, and the mean of what people gave it."""

    answer: Submitted
    given: tuple[Given, ...]
    people: float


@dataclass(slots=True, kw_only=True)
class Rechecking:
    """A panel beside its calibrations; `record` appends to the journal and to `evidence`."""

    panel: Panel
    policy: Policy
    evidence: Evidence
    record: Callable[[Sequence[Event]], None]

    def labels(self, held: Sequence[Held]) -> None:
        """Keep a first calibration, or read what was labelled since the one that is kept."""
        anchors, revisions = self._of(held)
        kept = self._kept
        if kept is None:
            self._keep(self._calibration(anchors, revisions))
        else:
            before = self.evidence.calibrations.readings(kept, "labels")
            new = self._new(anchors)
            self._keep(judge_drift.of_labels(self._since(kept), new, before, revisions))

    def renew(self, held: Sequence[Held]) -> None:
        """Keep a calibration of the judge as it is now: drift is measured from it from here on.

        It rests on all answers; where a drift was shown, on those that were labelled or graded
        again since. Raises `EvidenceMissing` where they are too few.
        """
        anchors, revisions = self._of(held)
        found = reliance.of(self.panel, self.evidence)
        if found.kept is not None and found.kept.anchors == anchors and found.word == "not read":
            return  # it was kept just now, or nothing came since
        if found.word == "drifted":
            fresh = {one.key: one for one in self._new(anchors)}
            fresh |= {one.key: one for one in (found.again.anchors if found.again else ())}
            anchors, revisions = tuple(fresh.values()), self._now()
        made = self._calibration(anchors, revisions)
        if made is None:
            since = "labelled or graded again since it drifted" if found.kept else "labelled"
            raise EvidenceMissing(
                f"{judge_drift.clusters(anchors)} answers of judge {self.panel.name!r} were "
                f"{since}, and a calibration needs {ENOUGH} that share no cluster: label more"
                + (f", or grade again first (`--again {ENOUGH}`)" if found.kept else "")
            )
        self._keep(made)

    async def again(self, held: Sequence[Held], count: int, regrade: Regrade) -> int:
        """Have *count* answers of the calibration graded again, and read what that says.

        How many were not, for want of money or another cap; then nothing is read, and the round
        goes on the next time. Raises `EvidenceMissing` where no calibration is kept.
        """
        kept = self._kept
        if kept is None:
            raise EvidenceMissing(
                f"no calibration of judge {self.panel.name!r} is kept, so there is nothing to "
                f"grade again: label {ENOUGH} answers or more, and run `escalera judge "
                f"{self.panel.name}` first"
            )
        number = self.evidence.calibrations.rounds(self.panel.name) + 1
        drawn = self._drawn(kept, held, count, number)
        grades = await regrade([one.answer for one in drawn], number)
        known = [
            (one.answer, given, one.people)
            for one, given in zip(drawn, grades, strict=True)
            if given is not None
        ]
        if len(known) == len(drawn):
            before = self.evidence.calibrations.readings(kept, "again")
            anchors = self._anchors(known)
            self._keep(judge_drift.of_grades(self._since(kept), anchors, before, self._now()))
        return len(drawn) - len(known)

    @property
    def _kept(self) -> Anchored | None:
        return self.evidence.calibrations.latest(self.panel.name, self.panel.scorer)

    def _keep(self, event: Anchored | Rechecked | None) -> None:
        if event is not None:
            self.record([event])

    def _since(self, kept: Anchored) -> Since:
        return Since(kept=kept, margin=self.panel.max_drift, alpha=self.policy.alpha)

    def _calibration(self, anchors: Sequence[Anchor], revisions: Sequence[str]) -> Anchored | None:
        number = len(self.evidence.calibrations.of(self.panel.name)) + 1
        return judge_drift.keep(self.panel, anchors, revisions, number=number)

    def _new(self, anchors: Iterable[Anchor]) -> tuple[Anchor, ...]:
        """Those that no calibration of these judges holds."""
        calibrations = self.evidence.calibrations.of(self.panel.name)
        known = {
            anchor.key
            for kept in calibrations
            if kept.scorer == self.panel.scorer
            for anchor in kept.anchors
        }
        return tuple(anchor for anchor in anchors if anchor.key not in known)

    def _drawn(self, kept: Anchored, held: Sequence[Held], count: int, number: int) -> list[Held]:
        """Answers of the calibration whose texts are still there, in an order of the round."""
        keys = {anchor.key for anchor in kept.anchors}
        there = [one for one in held if _key(one.answer) in keys]
        salt = f"{self.policy.seed}/{self.panel.scorer}/{number}".encode()

        def place(one: Held) -> bytes:
            text = "/".join(_key(one.answer)).encode()
            return hashlib.blake2b(salt + b"\0" + text, digest_size=16).digest()

        return sorted(there, key=place)[:count]

    def _anchors(
        self, known: Iterable[tuple[Submitted, tuple[Given, ...], float]]
    ) -> tuple[Anchor, ...]:
        """Answers with a score; those that got no grade count for nothing, as everywhere."""
        found = [
            (answer, people, judges.conclude(self.panel, given).value)
            for answer, given, people in known
        ]
        return tuple(
            Anchor(
                item=answer.item.id,
                answer=answer_digest(answer.answer),
                cluster=answer.item.cluster,
                people=people,
                grade=grade,
            )
            for answer, people, grade in found
            if grade is not None
        )

    def _of(self, held: Sequence[Held]) -> tuple[tuple[Anchor, ...], tuple[str, ...]]:
        """Answers with a score, and what the endpoints said of themselves that graded them."""
        anchors = self._anchors((one.answer, one.given, one.people) for one in held)
        grades = self.evidence.judged.of
        answers = [one.answer for one in held]
        said = {
            judgement.revision
            for answer in answers
            for judgement in grades(answer_digest(answer.answer), answer.item.digest)
        }
        return anchors, tuple(sorted(said))

    def _now(self) -> tuple[str, ...]:
        """What the judges' endpoints said of themselves last."""
        said = self.evidence.judged.revisions
        return tuple(said[j.digest] for j in self.panel.judges if j.digest in said)


# Below: private.


def _key(answer: Submitted) -> tuple[str, str]:
    return answer.item.id, answer_digest(answer.answer)
