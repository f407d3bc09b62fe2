"""`escalera sweep`: the levers of a training that do best for a task, by trials in rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from escalera.core.evidence import Evidence
from escalera.core.finetuning import sweeping as rule
from escalera.core.ladder import sweeping
from escalera.core.ladder.steps import Step
from escalera.core.ladder.sweeping import Swept
from escalera.domain.project import Project
from escalera.domain.sweep import LeverTrial, LeverValue, Sweep
from escalera.domain.task import Task
from escalera.engine import climb
from escalera.engine.climb import Ports
from escalera.engine.observer import Observer, Quiet
from escalera.errors import EvidenceMissing, InputError, TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeping:
    """A sweep for a task, and what it came to."""

    task: Task
    found: Swept

    @property
    def sentence(self) -> str:
        """Which levers to take, and how sure that is."""
        found = self.found
        assert found.winner is not None  # noqa: S101  `run` raises without one
        spent = f"{found.cost:.1f} of {found.sweep.trials} trainings were paid."
        if not found.whole:
            return (
                "The sweep is not at its end, and nothing is decided: raise the caps under "
                f"[budget] and run the command again. {spent}"
            )
        if found.winner == rule.OWN:
            return f"Keep the levers of the project: no trial scored higher. {spent}"
        if found.difference is None or found.scores is None:
            return (
                f"Trial {found.winner} scored highest, and is not confirmed: a cap ended it, or "
                f"there are no fresh items. {spent}"
            )
        new, own = found.scores
        apart = found.difference
        measured = (
            f"{new:.3f} against {own:.3f} of the project's own levers on fresh items, "
            f"{apart.estimate:+.3f} ({apart.lower:+.3f} to {apart.upper:+.3f})"
        )
        if apart.lower > 0.0:
            return f"Take the levers of trial {found.winner}: {measured}. {spent}"
        return (
            f"Trial {found.winner} scored highest, but fresh items do not show that it is better: "
            f"{measured}. Keep the levers of the project, or measure on more items. {spent}"
        )

    @property
    def remedy(self) -> tuple[str, ...]:
        """The winner's levers as lines of the project file; none where the own ones are to stay."""
        found = self.found
        if found.winner is None or found.winner == rule.OWN or not found.whole:
            return ()
        if found.difference is not None and found.difference.lower <= 0.0:
            return ()
        names = [lever.name for lever in found.sweep.levers]
        values = found.tried[found.winner].values
        idle = found.sweep.idle(values)
        said = {n: v for n, v in zip(names, values, strict=True) if n not in idle}
        how = [f"{name} = {_toml(v)}" for name, v in said.items() if name not in sweeping.WEIGHTS]
        which = [f"{name} = {_toml(v)}" for name, v in said.items() if name in sweeping.WEIGHTS]
        return (
            *(("[training]", *how) if how else ()),
            *(("[training.weights]", *which) if which else ()),
        )

    @property
    def exit_code(self) -> int:
        """0 where it came to its end, and 3 where a cap ended it: then nothing is decided."""
        return 0 if self.found.whole else 3

    @property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """A head and a row for each trial, the best first."""
        found = self.found
        names = tuple(lever.name for lever in found.sweep.levers)
        order = sorted(range(len(found.tried)), key=lambda number: _rank(number, found.tried))
        rows = (
            (
                f"{number}{' (own)' if number == rule.OWN else ''}",
                *_shown(one, found.sweep),
                f"{one.scores[-1]:.3f}" if one.scores else "-",
                _came(one),
            )
            for number in order
            for one in [found.tried[number]]
        )
        return (("trial", *names, "score", "came"), *rows)

    @property
    def document(self) -> dict[str, Any]:
        """Everything, as JSON."""
        found = self.found
        return {
            "task": self.task.name,
            "levers": [lever.name for lever in found.sweep.levers],
            "trials": [asdict(one) for one in found.tried],
            "winner": found.winner,
            "whole": found.whole,
            "fresh_scores": found.scores,
            "difference": None if found.difference is None else asdict(found.difference),
            "trainings_paid": round(found.cost, 4),
            "sentence": self.sentence,
            "settings": list(self.remedy),
        }


def run(
    project: Project, task: Task, sweep: Sweep, *, ports: Ports, observer: Observer | None
) -> Sweeping:
    """Run the trials that are missing, and confirm the winner on fresh items.

    Raises `InputError` for a project without ranges or with a model that cannot be trained here,
    `TrainingError` where the project's own levers cannot be trained with, `EvidenceMissing` where
    no trial came to its end.
    """
    if not sweep.levers:
        raise InputError(
            "nothing is to be swept: give ranges in [training.sweep], such as "
            "learning_rate = [1e-4, 1e-2]"
        )
    if not project.model.trainable:
        raise InputError(
            f"the model {project.model.name!r} is served by an endpoint and cannot be trained "
            "here: name a local model under [climb]"
        )

    def plan(evidence: Evidence) -> Step | None:
        return sweeping.next_step(project, evidence, task.name, sweep)

    found, failures = _followed(project, plan, ports, observer)
    swept = sweeping.found(project, found, task.name, sweep)
    if swept.winner is None:
        cause = f" ({failures[-1]})" if failures else ""
        raise EvidenceMissing(
            f"no trial of the sweep for {task.name!r} came to its end{cause}: raise the caps under "
            "[budget], or narrow the ranges, and run the command again"
        )
    return Sweeping(task=task, found=swept)


# Below: private.


def _followed(
    project: Project, plan: climb.Plan, ports: Ports, observer: Observer | None
) -> tuple[Evidence, list[TrainingError]]:
    """Follow the plan; a training that cannot go on is in the journal and ends its trial alone."""
    failures: list[TrainingError] = []
    while True:
        try:
            return climb.follow(project, plan, ports=ports, observer=observer or Quiet()), failures
        except TrainingError as error:
            if failures and str(error) == str(failures[-1]):
                raise
            failures.append(error)


def _rank(number: int, tried: Sequence[LeverTrial]) -> tuple[int, float, int]:
    scores = tried[number].scores
    return -len(scores), -(scores[-1] if scores else 0.0), number


def _came(one: LeverTrial) -> str:
    if one.diverged:
        return "diverged"
    if rule.ended(one):
        return "to its end"
    if not one.scores:
        return "not begun"
    return f"stopped at {100 * rule.PAUSES[len(one.scores) - 1]:.3g} %"


def _shown(one: LeverTrial, sweep: Sweep) -> Iterator[str]:
    """The levers of a trial; of those that its method does not read, a dash."""
    idle = sweep.idle(one.values)
    for lever, value in zip(sweep.levers, one.values, strict=True):
        said = f"{value:.3g}" if isinstance(value, float) else f"{value}"
        yield "-" if lever.name in idle else said


def _toml(value: LeverValue) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:.4g}"
