"""What `judge` says of a judge since it was calibrated, for people and for scripts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from escalera.apps import order_words
from escalera.core.evaluation import judge_drift, reliance
from escalera.core.evaluation.correction import ENOUGH
from escalera.core.evaluation.judge_drift import Since
from escalera.core.evaluation.reliance import Reliance, RelianceWord
from escalera.core.evidence import Evidence
from escalera.domain.calibration import Rechecked, Shift
from escalera.domain.judge import Panel
from escalera.domain.project import Project
from escalera.domain.verdict import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A judge beside the calibration that is kept of it.

    `since` is that calibration with the drift that matters, None where none is kept; `beside` holds
    it against that of other judges under the name, on the answers that both graded.
    """

    reliance: Reliance
    since: Since | None
    beside: Rechecked | None

    @property
    def word(self) -> RelianceWord:
        """What is known of the judge since."""
        return self.reliance.word

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        found, kept = self.reliance, self.reliance.kept
        return {
            "word": self.word,
            "calibration": None if kept is None else kept.number,
            "answers": None if kept is None else len(kept.anchors),
            "revisions": [] if kept is None else list(kept.revisions),
            "margin": None if self.since is None else self.since.margin,
            "labels_planned": None if self.since is None else self.since.planned,
            "labels": _plain(found.labels),
            "again": _plain(found.again),
            "other_judge": None
            if found.others is None
            else {
                "calibration": found.others.number,
                "differences": list(found.differences),
                "beside": _plain(self.beside),
            },
            "endpoints": list(found.endpoints),
            "warning": found.warning,
        }

    def brief(self) -> str:
        """The verdict in one sentence, with the figures of each source."""
        return "; ".join(part.strip() for part in (self._sentence(), *self._sources()))

    def lines(self) -> list[str]:
        """The verdict, the figures of each source, and what they say together."""
        said = [self._sentence(), *self._sources(), *self._cause()]
        found = self.reliance
        if found.others is not None and found.kept is not None:
            said.append(
                f"calibration {found.others.number} was of another judge "
                f"({', '.join(found.differences)}){self._beside()}"
            )
        if found.warning is not None:
            said.append(found.warning)
        return said

    def _sentence(self) -> str:
        kept, since = self.reliance.kept, self.since
        if kept is None or since is None:
            return f"no calibration is kept: it needs {ENOUGH} graded labels that share no cluster"
        base = f"calibration {kept.number} ({len(kept.anchors)} answers)"
        if self.word == "not read":
            return f"{base} is kept: what is labelled from now on is held against it{self._plan()}"
        return f"drift since {base}, margin {since.margin:.2f}: {self.word}"

    def _plan(self) -> str:
        since = self.since
        if since is None:
            return ""
        if since.planned is not None:
            return f"; {since.planned} labels are likely to show a drift of {since.margin:.2f}"
        return (
            f"; it is too small to show a drift of {since.margin:.2f}: label until it has "
            f"{since.least}, and renew it (--renew)"
        )

    def _sources(self) -> list[str]:
        found = self.reliance
        said = []
        if found.labels is not None:
            said.append(f"  {found.labels.answers} labelled since: {self._read(found.labels)}")
        if found.again is not None:
            moved = found.again.changed
            share = "" if moved is None else f"; {_share(moved)} of the grades are others"
            said.append(f"  {found.again.answers} graded again: {self._read(found.again)}{share}")
        return said

    def _read(self, reading: Rechecked) -> str:
        shifts = ", ".join(_shift(shift) for shift in reading.shifts)
        return f"{shifts}: {reading.word}{self._more(reading)}"

    def _more(self, reading: Rechecked) -> str:
        if reading.word != "too few labels":
            return ""
        if reading.source == "again":
            return f" (--again {reading.needed} is likely to tell)"
        if reading.needed is not None:
            return f" ({reading.needed} more are likely to tell)"
        if reading.share < 1.0:
            return f" ({self._plan().removeprefix('; ')})"
        return " (as many as were planned leave it open: renew the calibration, --renew)"

    def _cause(self) -> list[str]:
        """What the two sources say together: the judge, or what it is asked about."""
        labels, again = self.reliance.labels, self.reliance.again
        if labels is None or labels.word != "drifted":
            return []
        if again is None or again.word == "too few labels":
            return [
                "new labels alone do not say whether the judge changed, the answers or the people: "
                f"`escalera judge {self.reliance.panel} --again 40` does"
            ]
        if again.word == "no drift":
            return [
                "the judge grades the same answers as before: the answers are others now, or the "
                "people who label"
            ]
        return ["the judge grades the same answers otherwise: it is the judge that changed"]

    def _beside(self) -> str:
        if self.beside is None:
            return ""
        shifts = ", ".join(_shift(shift) for shift in self.beside.shifts)
        return f"; from that one to this, on the same {self.beside.answers} answers: {shifts}"


def of(panel: Panel, evidence: Evidence, *, alpha: float) -> Drift:
    """What the journal holds of *panel* since it was calibrated."""
    found = reliance.of(panel, evidence)
    kept, others = found.kept, found.others
    beside = None
    if kept is not None and others is not None:
        before = Since(kept=others, margin=panel.max_drift, alpha=alpha)
        beside = judge_drift.of_grades(before, kept.anchors, (), ())
    since = None if kept is None else Since(kept=kept, margin=panel.max_drift, alpha=alpha)
    return Drift(reliance=found, since=since, beside=beside)


def build(project: Project, evidence: Evidence) -> list[dict[str, Any]]:
    """Every judge that scores a task, for the report: which tasks, and what is known of it."""
    rows = []
    for panel in project.judges:
        tasks = [task.name for task in project.tasks if task.scorer == panel.scorer]
        if tasks:
            found = of(panel, evidence, alpha=project.policy.alpha)
            words = {"judge": panel.name, "tasks": tasks, "words": found.brief()}
            orders = {"orders": order_words.rows(project, panel, evidence)}
            rows.append(words | found.document() | orders)
    return rows


# Below: private.


def _shift(shift: Shift) -> str:
    change = shift.change
    return f"{shift.measure} {change.value:+.2f} [{change.lower:+.2f}, {change.upper:+.2f}]"


def _share(found: Figure) -> str:
    return f"{found.value:.1%} [{found.lower:.1%}, {found.upper:.1%}]"


def _plain(reading: Rechecked | None) -> dict[str, Any] | None:
    """A reading without the answers that it rests on: those are in the journal."""
    if reading is None:
        return None
    plain = asdict(reading)
    del plain["anchors"], plain["panel"], plain["scorer"]
    return plain
