"""Comparing files of scores: which items are paired, in which order, and what is missing.

Read once, the common items are enough. A reading that must hold while files grow needs an order
that was fixed before there were results: the keyed hash of the names, over the items of either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from escalera import wiring
from escalera.apps.compared import Comparison, How
from escalera.core.evaluation import outlay, running
from escalera.core.evaluation.contrast import Asked, Contrast, contrast
from escalera.core.evaluation.outlay import Outlay, Taken
from escalera.core.evaluation.running import RunningMode
from escalera.core.evaluation.sample import Row, Sample
from escalera.domain.dataset import rank
from escalera.domain.scores import ScoreRow, ScoreTable
from escalera.domain.verdict import Mode, Question
from escalera.errors import EvidenceMissing, InputError

CHOICE = "::"
"""Stands between a file of scores and the system in it."""

SHOWN = 20
"""Names of systems that a message holds."""

SEED = 0
"""Keys the order of items: files name no project that would have a seed of its own."""

Answers = Mapping[str, Sequence[ScoreRow]]
"""What one system scored on a task, by item; several rows are repeats."""


def compare_files(  # noqa: PLR0913  an option of the command each
    candidate: str,
    incumbent: str,
    *,
    mode: Mode = "group-sequential",
    margin: float = 0.05,
    confidence: float = 0.95,
    format: str | None = None,  # noqa: A002  as the option is called
    common: bool = False,
) -> Comparison:
    """Compare two files of scores in any known format, each named `FILE` or `FILE::SYSTEM`.

    Read once; in the mode "anytime" the verdict holds whenever files are read that still grow, in
    "finite" it is about the items of these files alone. What the candidate lacks of the incumbent's
    items and tasks can keep the gate open, unless only what is in `common` counts.
    """
    tables = [
        (name, wiring.read_scores(Path(name.partition(CHOICE)[0]), format=format))
        for name in (candidate, incumbent)
    ]
    alpha = round(1 - confidence, 12)
    return of_tables(tables[0], tables[1], margin=margin, alpha=alpha, mode=mode, common=common)


def of_tables(
    candidate: tuple[str, ScoreTable],
    incumbent: tuple[str, ScoreTable],
    *,
    margin: float,
    alpha: float,
    mode: Mode = "group-sequential",
    common: bool = False,
) -> Comparison:
    """Compare two named tables of scores; a name is `FILE` or `FILE::SYSTEM`.

    Items are paired by task and item; of repeats the mean counts. By default at fixed n, on the
    items of the incumbent, where what the candidate lacks is a missing score. "anytime": over the
    items of either table, likewise. "finite": the common items are a part of all items. A task of
    the incumbent without a pair of scores is unread. With *common* only what both have counts.
    Raises `InputError` where a table holds several systems and none is named, `EvidenceMissing`
    where nothing is in common.
    """
    left, right = _by_task(*candidate), _by_task(*incumbent)
    pairs: dict[str, tuple[Answers, Answers]] = {
        task: (left[task], right.get(task, {})) for task in left
    }
    if common:
        pairs = {task: _both(new, old) for task, (new, old) in pairs.items()}
    notes = [*candidate[1].notes, *incumbent[1].notes]
    for task in dict.fromkeys((*left, *right)):
        notes += _alone(task, left.get(task, {}), right.get(task, {}), mode, common=common)
    how: How = "fixed-sample"
    if mode == "group-sequential":
        asked = [
            Asked(task=task, margin=margin, sample=_sample(new, old, sorted(old)))
            for task, (new, old) in pairs.items()
        ]
        rows = contrast(asked, alpha=alpha)
    else:
        how = mode
        question = Question(
            kind="regression",
            task="",
            candidate=candidate[0],
            incumbent=incumbent[0],
            threshold=margin,
            alpha=alpha,
            mode=mode,
        )
        rows = _running(question, pairs, mode)
    if not rows:
        raise _nothing_in_common((candidate, left), (incumbent, right))
    share, read = alpha / len(rows), {row.task for row in rows}
    return Comparison(
        candidate=candidate[0],
        incumbent=incumbent[0],
        tasks=rows,
        notes=tuple(dict.fromkeys(notes)),
        mode=how,
        outlays=outlay.shown(
            _outlay(row.task, measure, *pairs[row.task], alpha=share)
            for row in rows
            for measure in outlay.MEASURES
        ),
        unread=() if common else tuple(task for task in right if task not in read),
    )


# Below: private.


def _by_task(name: str, table: ScoreTable) -> dict[str, dict[str, list[ScoreRow]]]:
    """The rows of the system that *name* means, by task and item."""
    _, _, system = name.partition(CHOICE)
    if system not in table.systems and (system or len(table.systems) != 1):
        shown, more = table.systems[:SHOWN], len(table.systems) - SHOWN
        rest = f" and {more} more" if more > 0 else ""
        raise InputError(
            f"{name}: there are the systems {', '.join(map(repr, shown))}{rest}. "
            f"Name one of them as FILE{CHOICE}SYSTEM"
        )
    found: dict[str, dict[str, list[ScoreRow]]] = {}
    for row in table.rows:
        if row.system == (system or table.systems[0]):
            found.setdefault(row.task, {}).setdefault(row.item, []).append(row)
    return found


def _nothing_in_common(
    *sides: tuple[tuple[str, ScoreTable], Mapping[str, Answers]],
) -> EvidenceMissing:
    """Why nothing can be compared: one of the two has no score at all, or names differ."""
    for (name, _), tasks in sides:
        rows = [row for items in tasks.values() for held in items.values() for row in held]
        if all(row.score is None for row in rows):
            return EvidenceMissing(
                f"{name}: none of its {len(rows)} rows has a score (the first: {rows[0].reason}). "
                "Mend what failed and measure again"
            )
    (candidate, table), incumbent = sides[0][0], sides[1][0][0]
    return EvidenceMissing(
        f"{candidate} and {incumbent} have no scored items in common: they must have the "
        f"same tasks ({', '.join(table.tasks)}) and names of items"
    )


def _running(
    question: Question, pairs: Mapping[str, tuple[Answers, Answers]], mode: RunningMode
) -> tuple[Contrast, ...]:
    """A row per task with a pair of scores; they share the alpha of *question*."""
    samples = {}
    for task, (new, old) in pairs.items():
        items = {*new} & {*old} if mode == "finite" else {*new} | {*old}
        sample = _sample(new, old, _in_order(items, new, old, mode))
        if sample.scored.candidate:
            samples[task] = sample
    return tuple(
        running.row(
            replace(question, task=task, alpha=question.alpha / len(samples)),
            sample,
            running.frame(_clusters(*pairs[task]).values()),
        )
        for task, sample in samples.items()
    )


def _in_order(items: set[str], new: Answers, old: Answers, mode: RunningMode) -> list[str]:
    """Items in the order of their names' keyed hash, for "anytime" whole clusters at a time."""
    if mode == "finite":
        return sorted(items, key=lambda item: rank(item, seed=SEED))
    clusters = _clusters(new, old)

    def place(item: str) -> tuple[bytes, bytes]:
        return rank(clusters[item], seed=SEED), rank(item, seed=SEED)

    return sorted(items, key=place)


def _clusters(new: Answers, old: Answers) -> dict[str, str]:
    """The cluster of every item of either; where they differ, the candidate's."""
    return {item: rows[0].cluster for answers in (old, new) for item, rows in answers.items()}


def _sample(new: Answers, old: Answers, items: Sequence[str]) -> Sample:
    clusters = _clusters(new, old)
    scores = [[[row.score for row in one.get(item, ())] for one in (new, old)] for item in items]
    rows = [
        Row(
            candidate=_mean(left),
            incumbent=_mean(right),
            cluster=clusters[item],
            candidate_known=_known(left),
            incumbent_known=_known(right),
        )
        for item, (left, right) in zip(items, scores, strict=True)
    ]
    return Sample(rows=tuple(rows), paired=True)


def _both(new: Answers, old: Answers) -> tuple[Answers, Answers]:
    kept = {*new} & {*old}
    left, right = ({i: rows for i, rows in one.items() if i in kept} for one in (new, old))
    return left, right


def _alone(task: str, new: Answers, old: Answers, mode: Mode, *, common: bool) -> list[str]:
    """What is to be said of items that are in one of the two only."""
    both, alone = len({*new} & {*old}), len({*new} ^ {*old})
    if not alone:
        return []
    said = f"{task}: {alone} items are in one of the two only"
    if common:
        said += "; they are left out, as was asked for"
    elif both and mode == "anytime":
        said += "; they count as missing scores, so that the verdict holds when they come"
    elif both and mode == "finite":
        said += f"; the {both} common ones count as drawn from all by chance, and are read once"
    elif both:
        gone = len({*old} - {*new})
        said += f"; the {gone} that the candidate lacks count as missing scores" if gone else ""
        said += f"; {alone - gone} of the candidate are left out" if alone > gone else ""
    return [said]


def _outlay(
    task: str, measure: outlay.Measure, new: Answers, old: Answers, *, alpha: float
) -> Outlay | None:
    taken = []
    for item in sorted({*new} & {*old}):
        left, right = (_mean([_took(row, measure) for row in side[item]]) for side in (new, old))
        if left is not None and right is not None:
            cluster = new[item][0].cluster
            taken.append(Taken(candidate=left, incumbent=right, cluster=cluster))
    planned = len({*_clusters(new, old).values()})
    return outlay.row(task, measure, taken, alpha=alpha, planned=planned)


def _took(row: ScoreRow, measure: outlay.Measure) -> float | None:
    return row.micro_dollars if measure == "cost" else row.seconds or None


def _known(values: Sequence[float | None]) -> float:
    """The share of an item's repeats that has a score; 1 where the file holds none of them."""
    return 1.0 - values.count(None) / len(values) if values else 1.0


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is known; None where nothing is.

    Of equal values it is that value to the last bit, so that items do not turn by rounding.
    """
    known = [value for value in values if value is not None]
    if len(set(known)) < 2:
        return known[0] if known else None
    return math.fsum(known) / len(known)
