"""How far a judge's verdicts may be relied on, by what the journal holds of it.

What a calibration found holds for the judge that was calibrated: for these models, asked in these
words. Where the judge is another one now, its endpoint says other things of itself, or a drift was
shown, that is said beside every verdict that its grades enter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from escalera.core.evidence import Evidence
from escalera.domain.calibration import Anchored, DriftWord, Rechecked
from escalera.domain.judge import Panel
from escalera.domain.project import Project
from escalera.domain.task import Task

RelianceWord = DriftWord | Literal["not calibrated", "another judge", "not read"]
"""What is known of a judge since its calibration; `not read` is that nothing came since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """A judge as the journal knows it.

    `kept` is the calibration of these judges, None where there is none; `others` the last one under
    the name that is of other judges, if any, and `differences` what is another now. `labels` and
    `again` are the last readings of either source. `endpoints` are what endpoints say of themselves
    now and did not say then.
    """

    panel: str
    kept: Anchored | None
    others: Anchored | None
    differences: tuple[str, ...]
    labels: Rechecked | None
    again: Rechecked | None
    endpoints: tuple[str, ...]

    @property
    def word(self) -> RelianceWord:
        """Drifted where either source says so; no drift where that of new labels, if any, does."""
        if self.kept is None:
            return "not calibrated" if self.others is None else "another judge"
        readings = [reading for reading in (self.labels, self.again) if reading is not None]
        if any(reading.word == "drifted" for reading in readings):
            return "drifted"
        return readings[0].word if readings else "not read"

    @property
    def warning(self) -> str | None:
        """Why verdicts are not to be relied on as the calibration says, and the remedy."""
        said = f"judge {self.panel}"
        command = f"`escalera judge {self.panel}"
        if self.word == "another judge" and self.others is not None:
            return (
                f"{said}: calibration {self.others.number} is of another judge "
                f"({', '.join(self.differences)}): what it found does not hold for this one; "
                f"calibrate it with {command}`"
            )
        if self.word == "drifted" and self.kept is not None:
            if self.again is not None and self.again.word == "no drift":
                return (
                    f"{said}: what calibration {self.kept.number} found does not hold for answers "
                    f"that were labelled since ({self._drifts()}), though the judge grades the "
                    f"same answers as before; renew it with {command} --renew`"
                )
            return (
                f"{said}: it has drifted since calibration {self.kept.number} ({self._drifts()}); "
                "its grades of before and after do not compare. Pin its model to a version or take "
                f"another, which grades everything anew, or accept it as it is now with {command} "
                "--renew`"
            )
        if self.endpoints and self.kept is not None:
            return (
                f"{said}: its endpoint is another than when it was calibrated "
                f"({'; '.join(self.endpoints)}); {command} --again 40` says whether its grades are"
            )
        return None

    def _drifts(self) -> str:
        readings = [one for one in (self.labels, self.again) if one is not None]
        return ", ".join(
            f"{shift.measure} {shift.change.value:+.2f} "
            f"[{shift.change.lower:+.2f}, {shift.change.upper:+.2f}]"
            for reading in readings
            for shift in reading.shifts
            if shift.word == "drifted"
        )


def of(panel: Panel, evidence: Evidence) -> Reliance:
    """What the journal holds of *panel*."""
    known = evidence.calibrations
    kept = known.latest(panel.name, panel.scorer)
    before = known.of(panel.name)
    others = next((one for one in reversed(before) if one.scorer != panel.scorer), None)
    labels = known.readings(kept, "labels")[-1:] if kept is not None else ()
    again = known.readings(kept, "again")[-1:] if kept is not None else ()
    return Reliance(
        panel=panel.name,
        kept=kept,
        others=others,
        differences=_differences(others, panel) if others is not None else (),
        labels=labels[0] if labels else None,
        again=again[0] if again else None,
        endpoints=_endpoints(panel, evidence, kept, *labels, *again) if kept is not None else (),
    )


def warnings(
    project: Project, evidence: Evidence, tasks: Iterable[Task] | None = None
) -> tuple[str, ...]:
    """What is to be said beside verdicts of *tasks*, or of all: of each judge behind them."""
    scorers = dict.fromkeys(task.scorer for task in (project.tasks if tasks is None else tasks))
    panels = [panel for panel in map(project.panel, scorers) if panel is not None]
    found = [of(panel, evidence).warning for panel in panels]
    return tuple(said for said in found if said is not None)


# Below: private.

_CHANGED = {
    "kind": "another kind of judge",
    "model": "another model",
    "revision": "another endpoint, or other weights",
    "rubric": "another rubric",
    "scale": "another scale",
    "reference": "the target shown or hidden",
    "decoding": "another decoding",
    "wording": "other texts around the rubric",
}
"""What is said where a field of a judge differs."""


def _differences(before: Anchored, panel: Panel) -> tuple[str, ...]:
    """What is another now, in words."""
    if len(before.judges) != len(panel.judges):
        return (f"{len(before.judges)} models judged, now {len(panel.judges)}",)
    found = [
        words
        for old, new in zip(before.judges, panel.judges, strict=True)
        for field, words in _CHANGED.items()
        if getattr(old, field) != getattr(new, field)
    ]
    if before.repeats != panel.repeats:
        found.append(f"repeats were {before.repeats}, now {panel.repeats}")
    if not found:
        found.append("grades combined in another way")
    return tuple(dict.fromkeys(found))


def _endpoints(
    panel: Panel, evidence: Evidence, kept: Anchored, *readings: Rechecked
) -> tuple[str, ...]:
    """What endpoints say now that no grade of the calibration was given by, nor one found alike."""
    alike = [reading.revisions for reading in readings if reading.word == "no drift"]
    known = {*kept.revisions, *(revision for some in alike for revision in some)}
    said = evidence.judged.revisions
    now = dict.fromkeys(said[j.digest] for j in panel.judges if j.digest in said)
    then = ", ".join(repr(revision) for revision in kept.revisions)
    return tuple(f"it says {one!r}, then {then}" for one in now if one not in known)
