"""What `judge` found: how far a judge can be trusted, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from escalera.apps import drift_words, order_words
from escalera.apps.drift_words import Drift
from escalera.core.evaluation import calibration
from escalera.core.evaluation.calibration import (
    HALF_WIDTH,
    Agreement,
    Calibration,
    Trust,
    words,
)
from escalera.core.evidence import Evidence, fold
from escalera.core.stats.clustering import Interval
from escalera.domain.dataset import Split
from escalera.domain.judge import Panel
from escalera.domain.project import Project
from escalera.engine import calibrating
from escalera.engine.calibrating import Drawn, DriftWish, Labelled
from escalera.errors import EvidenceMissing, InputError
from escalera.ports import Progress
from escalera.wiring import Installation

_SAID: dict[Trust, str] = {
    "trusted": "it can be trusted as far as that",
    "undecided": "that is not shown yet: more labels are needed",
    "not trusted": "it cannot be trusted: improve the rubric, or take another judge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A panel beside people, and what became of it since it was calibrated.

    `missing` labelled answers were not judged, and `unasked` not graded again: a cap came before.
    `orders` say in which orders it was asked by climbs and comparisons, and why.
    """

    panel: Panel
    calibration: Calibration
    missing: int
    drift: Drift
    unasked: int = 0
    orders: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where the agreement is shown to reach the bar and no drift is shown, else 3."""
        cut = self.missing or self.unasked or self.drift.word == "drifted"
        return 0 if self.calibration.trust == "trusted" and not cut else 3

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        found = self.calibration
        return {
            "judge": found.panel,
            "scorer": self.panel.scorer,
            "models": list(self.panel.models),
            "min_agreement": found.min_agreement,
            "trust": found.trust,
            "missing": self.missing,
            "unasked": self.unasked,
            "drift": self.drift.document(),
            "orders": list(self.orders),
            "overall": _plain(found.overall),
            "tasks": [_plain(entry) for entry in found.tasks],
        }

    def __str__(self) -> str:
        parts = [self._sentence(), "", *self._table(), "", *self._notes(), ""]
        return "\n".join([*parts, *self.drift.lines(), *self.orders])

    def _sentence(self) -> str:
        found = self.calibration
        kappa = found.overall.kappa
        asked = f"at least {found.min_agreement:.2f} is asked for"
        if kappa is None:
            return (
                f"judge {found.panel}: agreement beyond chance cannot be told from "
                f"{found.overall.answers} answers that people grade alike; label answers that "
                "differ"
            )
        said = f"{_shown(kappa)} ({words(kappa.estimate)})"
        return f"judge {found.panel}: kappa {said}, {asked}; {_SAID[found.trust]}"

    def _table(self) -> list[str]:
        head = ("", "answers", "same grade", "kappa", "people's alpha", "tau", "bias")
        entries = self.calibration.tasks
        rows = [head, _row("all", self.calibration.overall)]
        if len(entries) > 1:
            rows += [_row(entry.task, entry) for entry in entries]
        widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]

    def _notes(self) -> list[str]:
        """What a reader must know before the judge is believed."""
        found = self.calibration.overall
        said = []
        if found.unscored:
            why = "; ".join(f"{count} times: {reason}" for reason, count in found.reasons)
            said.append(f"{found.unscored} answers got no grade and count for nothing ({why})")
        if found.bias is not None and not found.bias.lower <= 0 <= found.bias.upper:
            way = "higher" if found.bias.estimate > 0 else "lower"
            said.append(
                f"the judge grades {abs(found.bias.estimate):.3f} {way} than people: figures of "
                "systems with labels of their own are corrected for it"
            )
        if found.people is not None and found.alpha is not None:
            said.append(
                f"people agree with each other to alpha {_shown(found.people)}, with the judge "
                f"among them to {_shown(found.alpha)}"
            )
        if found.steady is not None:
            said.append(f"the judges' own grades of one answer agree to {_shown(found.steady)}")
        if found.position is not None:
            bias, flips = found.position.position_bias, found.position.flip_rate
            said.append(
                f"being shown first adds {_shown(bias, sign=True)} to an answer; the order changes "
                f"{flips.estimate:.1%} of the verdicts [{flips.lower:.1%}, {flips.upper:.1%}]"
            )
        if found.label_worth is not None:
            said.append(f"a label beside this judge is worth {found.label_worth:.1f} without it")
        if found.labels_needed is not None:
            said.append(
                f"about {found.labels_needed} labels of a system's own answers bring its corrected "
                f"score to +-{HALF_WIDTH:.2f}"
            )
        if self.missing:
            said.append(f"{self.missing} labelled answers were not judged: a cap of [budget] came")
        if self.unasked:
            said.append(
                f"{self.unasked} answers were not graded again: a cap of [budget] came; the round "
                "goes on when --again is given once more"
            )
        return said


def run(
    installation: Installation, name: str, wish: DriftWish | None, *, progress: Progress
) -> Calibrated:
    """Judge what has labels and is not judged yet, under the caps, and say what comes of it."""
    panel = panel_of(installation.project, name)
    with closing(installation.journal()) as journal:
        evidence = fold(journal.events())
        means = installation.means(journal, evidence, (), progress)
        found = calibrating.run(installation.project, panel, means, wish or calibrating.NO_WISH)
    made = of(panel, found, evidence, alpha=installation.project.policy.alpha)
    return replace(made, orders=tuple(order_words.lines(installation.project, panel, evidence)))


def of(panel: Panel, found: Labelled, evidence: Evidence, *, alpha: float) -> Calibrated:
    """What *panel* and people say of the same answers. Raises `EvidenceMissing` without any.

    `evidence` knows what was kept of its calibrations.
    """
    if not found.answers:
        raise EvidenceMissing(
            f"no answer with a label was judged by {panel.name!r}: write a form with `escalera "
            f"judge {panel.name} --draw 40`, name it as `labels` of the task when people have "
            "filled it in, and see that [budget] reaches for its calls"
        )
    held = calibration.calibrate(panel, found.answers, alpha=alpha)
    return Calibrated(
        panel=panel,
        calibration=held,
        missing=found.missing,
        drift=drift_words.of(panel, evidence, alpha=alpha),
        unasked=found.unasked,
    )


def panel_of(project: Project, name: str) -> Panel:
    """The judge called *name*. Raises `InputError` where there is none."""
    for panel in project.judges:
        if panel.name == name:
            return panel
    known = sorted(panel.name for panel in project.judges)
    raise InputError(f"there is no judge {name!r}: this project has {known!r}")


def form(drawn: Sequence[Drawn], *, split: Split) -> str:
    """Answers as lines of a file of labels, with `labels` to be filled in.

    Raises `EvidenceMissing` where there are none.
    """
    if not drawn:
        raise EvidenceMissing(
            f"no {split} item without a label was answered: `escalera eval` asks the systems"
        )
    return "".join(
        json.dumps(
            {
                "item": one.item.id.removeprefix(f"{one.item.task}/"),
                "input": one.item.input,
                "reply": one.reply,
                "labels": [],
            },
            ensure_ascii=False,
        )
        + "\n"
        for one in drawn
    )


# Below: private.


def _row(name: str, found: Agreement) -> tuple[str, ...]:
    scored = found.answers - found.unscored
    return (
        name,
        f"{scored}" if not found.unscored else f"{scored} of {found.answers}",
        _shown(found.same),
        _shown(found.kappa),
        _shown(found.people),
        _shown(found.tau),
        _shown(found.bias, sign=True),
    )


def _shown(found: Interval | None, *, sign: bool = False) -> str:
    if found is None:
        return "-"
    form = "{:+.2f}" if sign else "{:.2f}"
    value, lower, upper = (form.format(x) for x in (found.estimate, found.lower, found.upper))
    return f"{value} [{lower}, {upper}]"


def _plain(found: Agreement) -> dict[str, Any]:
    plain = asdict(found)
    plain["reasons"] = [{"reason": reason, "answers": count} for reason, count in found.reasons]
    return plain
