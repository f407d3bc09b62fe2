"""What `placebo` found, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from escalera.apps import notebook
from escalera.apps.report import numerals
from escalera.core.evaluation import placebo
from escalera.core.evaluation.placebo import Answers, Claims, Placebo, Rules, Settings
from escalera.core.evidence import Evidence
from escalera.core.ladder import race
from escalera.domain.dataset import Split
from escalera.domain.project import Policy
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.engine.measuring import Wanted
from escalera.errors import InputError

SPLITS: tuple[Split, Split] = ("search", "confirm")
FEWEST = 2
"""Items of each split: fewer cannot be drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The placebo on one task.

    `unscored` counts items that were asked and have no score, `missing` calls that were wanted and
    not made. `found` is None where too few items have a score. `wanted_minibatch` is what was asked
    for, which may be more than was used.
    """

    task: str
    found: Placebo | None
    unscored: int
    missing: int
    wanted_minibatch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """The placebo of one system, task by task."""

    system: str
    trials: tuple[Trial, ...]

    @property
    def exit_code(self) -> int:
        """0, or 3 when a cap came first or a task has too few scores."""
        return 3 if any(t.missing or t.found is None for t in self.trials) else 0

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        rows = [
            {
                "task": trial.task,
                "unscored": trial.unscored,
                "missing_calls": trial.missing,
                "placebo": None if trial.found is None else asdict(trial.found),
            }
            for trial in self.trials
        ]
        return {"system": self.system, "tasks": rows}

    def __str__(self) -> str:
        return "\n\n".join("\n".join(self._lines(trial)) for trial in self.trials)

    def _repr_html_(self) -> str:
        return f"<pre>{notebook.escaped(str(self))}</pre>"

    def _lines(self, trial: Trial) -> list[str]:
        found, title = trial.found, f"{self.system} on {trial.task}"
        notes = [f"  - {note}" for note in _notes(trial)]
        if found is None:
            return [f"{title}: too few items with a score for a placebo", *notes]
        many = numerals.count(found.repetitions)
        title += f": {found.candidates} copies of the same system, {many} repetitions"
        said = [f"  {sentence}" for sentence in headline(found)]
        return [title, "", *said, "", *_table(found), "", *notes]


def headline(found: Placebo) -> tuple[str, str]:
    """What a reader should take away, in two sentences."""
    maximum, ours = found.best_of_minibatches, found.confirmed
    gain = numerals.signed(maximum.gain)
    claimed = f"would claim {gain}; nothing is better"
    if not gain.startswith("+"):
        claimed = "would claim next to nothing here: the scores hardly differ"
    return (
        f"Reporting the best of them {claimed}.",
        f"Escalera claims a gain in {numerals.percent(ours.better)} of the repetitions "
        f"(allowed {numerals.percent(found.alpha)}).",
    )


def require_items(tasks: Sequence[Task]) -> None:
    """Refuse, before anything is bought, tasks that hold too few items. Raises `InputError`."""
    for task in tasks:
        for split in SPLITS:
            held = len(task.items(split))
            if held < FEWEST:
                raise InputError(
                    f"task {task.name!r} has {held} `{split}` items, and a placebo draws from at "
                    f"least {FEWEST}: add items, or name other tasks with --task"
                )


def rules(policy: Policy) -> Rules:
    """How Escalera chooses in a project with this policy."""
    return Rules(
        race_calls=race.CALLS_PER_ENTRANT,
        alpha=policy.alpha,
        looks=policy.looks,
        spending=policy.spending,
    )


def trial(
    task: Task,
    route: Route,
    evidence: Evidence,
    *,
    repeats: int,
    settings: Settings | None = None,
    rules: Rules,
) -> Trial:
    """The placebo of *route* on one task, from what the evidence holds."""
    settings = settings or Settings()
    search, confirm = (_read(task, split, route, evidence, repeats) for split in SPLITS)
    enough = min(len(search.answers.scores), len(confirm.answers.scores)) >= FEWEST
    return Trial(
        task=task.name,
        found=placebo.run(search.answers, confirm.answers, settings, rules) if enough else None,
        unscored=search.unscored + confirm.unscored,
        missing=search.missing + confirm.missing,
        wanted_minibatch=settings.minibatch,
    )


# Below: private.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The scores of one split, the items without any, and the calls that were not made."""

    answers: Answers
    unscored: int
    missing: int


def _read(task: Task, split: Split, route: Route, evidence: Evidence, repeats: int) -> _Reading:
    wanted = Wanted(tasks=(task,), split=split, repeats=repeats)
    scores: dict[str, tuple[float, ...]] = {}
    clusters: dict[str, str] = {}
    missing = 0
    for call in wanted.calls(route, evidence):
        seen = evidence.sample(call.system, call.item, call.repeat)
        if seen is None:
            missing += 1
            continue
        clusters[call.item.digest] = call.item.cluster
        known = scores.setdefault(call.item.digest, ())
        if seen.score is not None:
            scores[call.item.digest] = (*known, seen.score)
    held = [item for item, known in scores.items() if known]
    return _Reading(
        answers=Answers(
            scores=tuple(scores[item] for item in held),
            clusters=tuple(clusters[item] for item in held),
        ),
        unscored=len(scores) - len(held),
        missing=missing,
    )


def _table(found: Placebo) -> list[str]:
    rows = [
        ("what is reported", "gain", "90 % of gains", "called better", "score too high by"),
        _row(f"best of {found.minibatch} items each", found.best_of_minibatches),
        _row(f"best of all {found.search_items} search items", found.best_of_common),
        _row(f"Escalera, on {found.confirm_items} fresh items", found.confirmed),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(name: str, claims: Claims) -> tuple[str, ...]:
    return (
        name,
        _signed(claims.gain),
        f"{_signed(claims.lower)} to {_signed(claims.upper)}",
        numerals.percent(claims.better),
        _signed(claims.excess),
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}" if round(value, 3) else "0.000"


def _notes(trial: Trial) -> list[str]:
    """What must be known before the figures are believed."""
    said = []
    found = trial.found
    if found is not None:
        said = [*_copying(found), _scores(found)]
        if found.minibatch < trial.wanted_minibatch:
            said.append(
                f"Minibatches hold {found.minibatch} items, half of what there is, and not "
                f"{trial.wanted_minibatch}: larger ones would share their items."
            )
    if trial.unscored:
        unscored = numerals.counted(trial.unscored, "item was", "items were")
        said.append(f"{unscored} left out for want of a score.")
    if trial.missing:
        missing = numerals.counted(trial.missing, "call was", "calls were")
        said.append(f"{missing} not made: a cap of [budget] is reached.")
    return said


def _copying(found: Placebo) -> list[str]:
    if found.copying == "sampled":
        return [
            f"Copies differ by sampling: each shows, item by item, one of up to {found.repeats} "
            "answers that this system gave."
        ]
    once = "One answer per item is known" if found.repeats == 1 else "It always answers alike"
    return [
        f"{once}, so copies of this system tie on common items by construction: there, Escalera "
        "would report a difference of exactly 0.",
        "Shown is a harder case: on common and on fresh items every copy has the system's real "
        "scores, drawn anew (whole clusters, with replacement). Minibatches are drawn from the "
        "scores as they are.",
    ]


def _scores(found: Placebo) -> str:
    return (
        f"The system's score is {found.search_score:.3f} on {found.search_items} search items "
        f"(which choose) and {found.confirm_score:.3f} on {found.confirm_items} confirm items "
        f"(which prove). Draws: seed {found.seed}."
    )
