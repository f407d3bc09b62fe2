"""Putting a system into service: behind the gate, or past it with a reason that is recorded."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from escalera import wiring
from escalera.apps import issued
from escalera.apps.compared import Comparison
from escalera.core.evaluation import reliance
from escalera.core.evaluation.contrast import EXIT_CODES
from escalera.core.ladder.naming import SERVED
from escalera.domain.promotion import Gated, Promoted
from escalera.engine.observer import Quiet
from escalera.errors import EvidenceMissing, InputError
from escalera.ports import Progress
from escalera.wiring import stores

if TYPE_CHECKING:
    from escalera.apps.workspace import Workspace


ROLLED_BACK = "rollback"
"""What a promotion is called that brings the system before back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What became of a wish to promote: the gate, and whether the system is in service now.

    `drifted` are the judges behind the gate that have drifted and are to block for it.
    """

    candidate: str
    comparison: Comparison
    override: str | None
    done: bool
    drifted: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 in service; otherwise that of the gate: 3 not enough evidence, 4 a fall was shown.

        Where only a drifted judge stands in the way, that is not enough evidence.
        """
        return 0 if self.done else self.comparison.exit_code or _OPEN

    def __str__(self) -> str:
        if self.drifted and self.comparison.gate == "passed" and not self.done:
            said = (
                f"{self.candidate} stays out of service: its gate is passed, but judged by "
                f"{' and '.join(self.drifted)}, which has drifted since it was calibrated and says "
                '`on_drift = "block"`. Renew its calibration, take another judge, or give a reason '
                "with --override; it is recorded."
            )
        elif not self.done:
            said = (
                f"{self.candidate} stays out of service: the gate is {self.comparison.gate}. "
                "Measure more items, or give a reason with --override; it is recorded."
            )
        elif self.override is None:
            said = f"{self.candidate} is in service: it passed the gate"
        elif self.comparison.gate == "passed":
            named = " and ".join(self.drifted)
            said = f"{self.candidate} is in service, past the drift of {named}: {self.override}"
        else:
            gate = self.comparison.gate
            said = f"{self.candidate} is in service, past a gate that is {gate}: {self.override}"
        return f"{self.comparison}\n{said}"


def promote(
    opened: Workspace,
    candidate: str,
    *,
    incumbent: str = SERVED,
    override: str | None = None,
    progress: Progress | None = None,
) -> Promotion:
    """Hold *candidate* against *incumbent* (what is in service), and serve it from now on.

    Asks as few `confirm` items as settle the gate, under the caps. Where it is not passed, or a
    judge behind it has drifted and is to block for that, nothing is promoted without *override*,
    the reason for doing so all the same. Raises `InputError` for an
    empty reason, `EvidenceMissing` where nothing is in service and no *incumbent* is named.
    """
    if override is not None and not override.strip():
        raise InputError("the reason for an override is empty: say why, the journal keeps it")
    if incumbent == SERVED and opened.evidence().serving is None:
        raise EvidenceMissing(
            "nothing is in service that a system could be held against: name one as INCUMBENT"
        )
    told = progress or Quiet().progressed
    found = opened.compare(candidate, incumbent, buy=True, progress=told)
    drifted = _blocking(opened)
    passed = found.gate == "passed" and not drifted
    if passed or override is not None:
        _record(opened, found, None if passed else override)
    return Promotion(
        candidate=candidate,
        comparison=found,
        override=None if passed else override,
        done=passed or override is not None,
        drifted=drifted,
    )


def roll_back(opened: Workspace, *, reason: str) -> str:
    """Serve again what was in service before the present system; the digest of that route.

    It is recorded as a promotion past an open gate. Raises `InputError` for an empty reason,
    `EvidenceMissing` where nothing was in service before.
    """
    if not reason.strip():
        raise InputError("the reason for a rollback is empty: say why, the journal keeps it")
    evidence = opened.evidence()
    before = [digest for digest in evidence.served if digest != evidence.serving]
    if evidence.serving is None or not before:
        raise EvidenceMissing("nothing was in service before: there is nothing to go back to")
    try:
        route = evidence.route(before[-1])
    except KeyError as error:
        raise EvidenceMissing(
            f"the system {before[-1][:12]} was of a project that has changed since: climb again"
        ) from error
    event = Promoted(
        name=ROLLED_BACK,
        route=route,
        incumbent=evidence.serving,
        gate="undecided",
        tasks=(),
        override=reason,
        at=wiring.wall_clock()(),
    )
    with closing(opened.installation.journal()) as journal:
        for _ in journal.events():
            pass
        journal.append([event])
    return route.digest


# Below: private.

_OPEN = EXIT_CODES["undecided"]
"""What ends a promotion that evidence lacks for."""


def _blocking(opened: Workspace) -> tuple[str, ...]:
    """The judges of tasks that have drifted, of those that are to block a promotion for it."""
    tables, project = opened.installation.tables.judges, opened.project
    strict = [panel for panel in project.judges if tables[panel.name].on_drift == "block"]
    if not strict:
        return ()
    evidence, scorers = opened.evidence(), {task.scorer for task in project.tasks}
    return tuple(
        panel.name
        for panel in strict
        if panel.scorer in scorers and reliance.of(panel, evidence).word == "drifted"
    )


def _record(opened: Workspace, found: Comparison, override: str | None) -> None:
    evidence = opened.evidence()
    route, incumbent = (opened.route(name, evidence) for name in (found.candidate, found.incumbent))
    rows = tuple(
        Gated(
            task=row.task,
            word=row.word,
            margin=row.margin,
            difference=row.difference,
            lost=row.lost,
        )
        for row in found.tasks
    )
    event = Promoted(
        name=found.candidate,
        route=route,
        incumbent=incumbent.digest,
        gate=found.gate,
        tasks=rows,
        override=override,
        at=wiring.wall_clock()(),
    )
    _audit(opened, event)
    with closing(opened.installation.journal()) as journal:
        journal.append([event])
    if override is not None:
        _label(opened, found.candidate)


def _label(opened: Workspace, candidate: str) -> None:
    """Say on the shelf that the gate of a finetuned model was overridden."""
    kept = stores.Stores(folder=opened.installation.state / "gateway")
    if not kept.shelf_file.exists():
        return
    made = {one.name: one.adapter for one in opened.evidence().finetuned.values()}
    with closing(kept.shelf()) as shelf:
        for model in shelf.all():
            if made.get(candidate, candidate) in (model.adapter, model.name):
                shelf.publish(replace(model, gate="overridden"))


def _audit(opened: Workspace, event: Promoted) -> None:
    """Put the act on record, before it is done."""
    forced = {} if event.override is None else {"override": event.override}
    kept = stores.Stores(folder=opened.installation.state / "gateway")
    issued.audit(kept).record(
        "promoted",
        event.name,
        route=event.route.digest,
        incumbent=event.incumbent,
        gate=event.gate,
        **forced,
    )
