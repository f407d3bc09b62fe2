"""Scoring the pairs of a shadow: by a task's scorer where the target is known, or by judges.

Pairs are scored in the order in which they came, each once; which pair is next never depends on
what was said of others, so that the trial may go on being read at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from escalera import wiring
from escalera.apps.gateway import trial_book
from escalera.apps.trials import Tried, read_over
from escalera.core.evaluation import judge as judges
from escalera.core.evidence import fold
from escalera.domain.dataset import Example
from escalera.domain.judge import Panel
from escalera.domain.project import Project
from escalera.domain.scoring import Score, Submission, unscored
from escalera.domain.task import Task
from escalera.domain.trial import PairJudged
from escalera.engine import scoring
from escalera.engine.calibrating import OF_LABELS
from escalera.engine.judging import Submitted
from escalera.engine.measuring import Measurement
from escalera.engine.observer import Quiet
from escalera.errors import InputError
from escalera.ports import Progress
from escalera.settings.trial_table import ShadowTable
from escalera.wiring import Installation

NO_SCORER = "neither its target nor a judge is known"
NO_TARGET = "a pairwise judge needs a target"
CUT_OFF = "a cap was reached before it was judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How many pairs got scores now, how many cannot have any, and how many wait for money."""

    scored: int
    unscored: int
    waiting: int

    def __str__(self) -> str:
        said = f"{self.scored} pairs scored, {self.unscored} cannot be"
        return f"{said}; {self.waiting} wait for the caps of [budget]" if self.waiting else said


@dataclass(frozen=True, slots=True)
class _Pair:
    request: str
    item: Example
    answers: tuple[str, str]
    known: bool


def run(file: Path, name: str, *, progress: Progress | None = None) -> Judging:
    """Score what is kept of the shadow *name* and has no score yet.

    Raises `InputError` where its table does not say `quality = "scores"`, or names no task.
    """
    tried = Tried(file)
    table = tried.table(name)
    if not isinstance(table, ShadowTable) or table.quality != "scores":
        raise InputError(
            f'the trial {name!r} is not told by scores: give it `quality = "scores"` in '
            f"[gateway.shadows.{name}] before it begins"
        )
    made = wiring.install(file / "escalera.toml" if file.is_dir() else file)
    task = _task(made.project, table)
    with closing(tried.stores.pairs()) as texts, closing(tried.stores.trials()) as journal:
        events = [*journal.events()]
        done = {one.request for one in events if isinstance(one, PairJudged) and one.trial == name}
        waiting = [
            _pair(made.project, task, request, question, (live, candidate))
            for request, question, live, candidate in texts.read(name)
            if request not in done
        ]
        found = asyncio.run(_scores(made, waiting, progress or Quiet().progressed))
        told = []
        for pair, (live, candidate, by) in zip(waiting, found, strict=True):
            if CUT_OFF in (live.reason, candidate.reason):
                break  # the order stands: what comes later waits too
            told.append(
                PairJudged(
                    trial=name,
                    request=pair.request,
                    judge=by,
                    live_score=live.value,
                    candidate_score=candidate.value,
                    reason=live.reason or candidate.reason,
                )
            )
        trial_book.append(journal, told, read_over)
    scored = sum(one.live_score is not None and one.candidate_score is not None for one in told)
    return Judging(scored=scored, unscored=len(told) - scored, waiting=len(waiting) - len(told))


# Below: private.

_Scored = tuple[Score, Score, str]


def _task(project: Project, table: ShadowTable) -> Task:
    names = [task.name for task in project.tasks]
    name = table.task or (names[0] if len(names) == 1 else "")
    if name not in names:
        raise InputError(
            f"`task` of the shadow is {table.task!r}: name the one of {names} whose scorer judges"
        )
    return project.task(name)


def _pair(
    project: Project, task: Task, request: str, question: str, answers: tuple[str, str]
) -> _Pair:
    """A pair with its item: that of the project with this input, or one without a target."""
    for item in project.task(task.name).examples:
        if item.input == question:
            return _Pair(request, item, answers, known=True)
    item = Example(
        id=f"live/{request}",
        task=task.name,
        split="golden",
        input=question,
        target="",
        cluster=request,
    )
    return _Pair(request, item, answers, known=False)


async def _scores(made: Installation, pairs: Sequence[_Pair], progress: Progress) -> list[_Scored]:
    """The scores of both answers of every pair, and who gave them."""
    project = made.project
    by_rule, by_judge = [], []
    for place, pair in enumerate(pairs):
        panel = project.panel(project.task(pair.item.task).scorer)
        if panel is not None:
            by_judge.append((place, pair, panel))
        elif pair.known:
            by_rule.append((place, pair))
    nothing = unscored(NO_SCORER)
    found: dict[int, _Scored] = {}
    found.update(await _ruled(made, by_rule))
    if by_judge:
        found.update(await _judged(made, by_judge, progress))
    return [found.get(place, (nothing, nothing, "")) for place in range(len(pairs))]


async def _ruled(made: Installation, pairs: Sequence[tuple[int, _Pair]]) -> Mapping[int, _Scored]:
    asked = [
        (made.project.task(pair.item.task).scorer, Submission(reply=answer, item=pair.item))
        for _, pair in pairs
        for answer in pair.answers
    ]
    desk = made.scoring()
    try:
        given = await scoring.scores(desk, asked)
    finally:
        await desk.close()
    return {
        place: (given[2 * n], given[2 * n + 1], asked[2 * n][0])
        for n, (place, _) in enumerate(pairs)
    }


async def _judged(
    made: Installation, pairs: Sequence[tuple[int, _Pair, Panel]], progress: Progress
) -> Mapping[int, _Scored]:
    found: dict[int, _Scored] = {}
    able = []
    for place, pair, panel in pairs:
        if not pair.known and any(one.kind == "pairwise" for one in panel.judges):
            found[place] = (unscored(NO_TARGET), unscored(NO_TARGET), panel.scorer)
        else:
            able.append((place, pair, panel))
    with closing(made.journal()) as journal:
        means = made.means(journal, fold(journal.events()), (), progress)
        measurement = Measurement(made.project, means)
        models = {model for _, _, panel in able for model in panel.models}
        providers = {model: means.provider(model) for model in models}
        try:
            judging = measurement.judging(providers.__getitem__)
            for place, pair, panel in able:
                answers = [
                    Submitted(system=OF_LABELS, item=pair.item, repeat=0, answer=text)
                    for text in pair.answers
                ]
                left, right = await judging.grades(panel, answers)
                if left is None or right is None:
                    found[place] = (unscored(CUT_OFF), unscored(CUT_OFF), panel.scorer)
                    break
                both = (judges.conclude(panel, one) for one in (left, right))
                live, candidate = (Score(value=g.value, reason=g.reason) for g in both)
                found[place] = (live, candidate, panel.scorer)
        finally:
            for provider in providers.values():
                await provider.close()
    late = unscored(CUT_OFF)
    for place, _, panel in able:
        found.setdefault(place, (late, late, panel.scorer))
    return found
