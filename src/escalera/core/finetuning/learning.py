"""How a training went: too fast, too slow, too short, by heart, not at all, against its labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import contents, curves, samples
from escalera.core.finetuning.curves import Course, Floats
from escalera.core.finetuning.finding import Finding, beyond, measured
from escalera.core.finetuning.record import RunRecord
from escalera.core.finetuning.samples import Learned

SETTLED = 12.0
"""Steps at the full rate before which nothing but that they are few can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the rules below look at; losses are nats per token of an answer.

    `level` is the loss of a typical example step by step, `low` that of the easier ones (the lower
    quartile). `start` and `end` are typical losses before anything was learned and at the end.
    `scale` is what rises are held against: `start`, or the mean loss then where that is more, since
    `start` is next to nothing where the model knew the typical example already. `rise` is the
    largest rise of `low` above what it had been, in shares of `scale`. `fall` says how often the
    loss fell by a factor of e: the mean loss, where the typical example was known before. `pace` is
    how fast the logarithm of `level` falls at the end, per step at the full rate; `reach` the
    distance that AdamW can have moved a weight. `right` is the share of the examples whose answer
    was likelier than not when it was met last, `held` the score on items that are not taught.
    `excess` is what each example put into the losses of its steps beyond the usual.
    """

    record: RunRecord
    course: Course
    learned: Learned
    excess: Floats
    level: Floats
    low: Floats
    start: float
    scale: float
    end: float
    fall: float
    rise: float
    pace: float
    reach: float
    right: float
    held: float | None

    @property
    def time(self) -> float:
        """Steps at the full rate."""
        return float(self.course.time[-1])

    @property
    def known_before(self) -> bool:
        """Whether the model knew the typical example before the training."""
        return self.start < self.scale / 10

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        return float(self.course.rate.max())

    @property
    def few(self) -> float:
        """The share of the excess that the worst twelfth of the examples put in: 1 where few did.

        0 where nothing exceeds the usual.
        """
        worst = np.sort(self.excess)[::-1][: max(1, round(len(self.excess) / 12))]
        return float(worst.sum() / max(self.excess.sum(), 1e-12))

    @property
    def tells(self) -> bool:
        """Whether the losses are those of answers: else they do not say which answers are known."""
        return self.record.recipe.objective == "supervised"

    @property
    def known(self) -> float:
        """The share of answers that the model gives now: on other items, where that is known."""
        return self.right if self.held is None else self.held


def progress(record: RunRecord, course: Course) -> Progress:
    """The figures of a training."""
    width = max(3, course.steps // 10)
    quarter = np.array([curves.quantile(signal, 0.25) for signal in record.signals])
    level, low = curves.smooth(course.typical, width), curves.smooth(quarter, min(5, width))
    begun = course.seen_loss[course.seen_step < 2]
    begun = begun if len(begun) else course.loss[:2]
    start = float(np.median(begun))
    scale = max(start, float(np.mean(begun)), 1e-9)
    known = samples.learned(record, course)
    late = course.time >= 0.75 * course.time[-1]
    lowest = np.minimum.accumulate(low)
    end = float(np.median(course.typical[late]))
    known_before = start < scale / 10
    begin, stop = (scale, float(course.loss[late].mean())) if known_before else (start, end)
    after = [one for one in record.held_out if one.step > 0]
    return Progress(
        record=record,
        course=course,
        learned=known,
        excess=samples.excess(course, level, known.tokens),
        level=level,
        low=low,
        start=start,
        scale=scale,
        end=end,
        fall=math.log(begin / max(stop, 1e-9)),
        rise=float((low - lowest).max()) / scale,
        pace=_pace(level, course.time),
        reach=float(course.rate.sum()),
        right=_right(known, course),
        held=after[-1].score if after else None,
    )


def rate_high(seen: Progress) -> Finding | None:
    """The loss of all examples rises far above what it was, or gradients vanish before they learn.

    Weights that were thrown far away answer every example alike, and no gradient leads back.
    """
    thrown = _thrown(seen)
    if (seen.rise < _RISE[0] and thrown < 0.5) or seen.known > _GOOD:
        return None
    before = seen.rate / 10
    rose = (
        f"the loss of all examples rose by {seen.rise:.1f} times what it was before the training"
        if seen.rise >= _RISE[0]
        else f"the gradients vanished while the loss was still {seen.end:.2f}"
    )
    return Finding(
        cause="rate too high",
        strength=max(beyond(seen.rise, *_RISE), thrown),
        words=f"{rose}: the steps are longer than the slope holds",
        figures=measured(
            learning_rate=seen.rate,
            rise=seen.rise,
            largest_norm=seen.course.norm.max(),
            farthest_a_weight_can_have_moved=seen.reach,
            steps_clipped=float((seen.course.norm > seen.record.recipe.levers.clip).mean()),
            loss_at_the_end=seen.end,
        ),
        remedy=f"Train with a tenth of the learning rate ({before:.2g}), or let it be found.",
        setting=f"training.learning_rate = {before:.2g}",
        command="escalera climb",
    )


def displaced(seen: Progress) -> Finding | None:
    """Others are answered worse than before a preference was learned, though its loss fell.

    Only the distance to rejected answers is taught, and both kinds of answers can become unlikely
    (Razin et al. 2024, arXiv 2410.08847).
    """
    change = seen.record.held_out[-1].change if seen.record.held_out else None
    if seen.record.recipe.objective != "preference" or seen.held is None or change is None:
        return None
    before, lower = seen.held - change, seen.rate / 10
    return Finding(
        cause="rate too high",
        strength=beyond(-change, 0.05, 0.2),
        words=f"the items that were not taught score {seen.held:.2f}, and {before:.2f} before: "
        "the preferred answers became unlikely together with the rejected ones",
        figures=measured(
            learning_rate=seen.rate,
            score_on_others_before=before,
            score_on_others=seen.held,
            loss_at_the_end=seen.end,
        ),
        remedy=f"Train with a tenth of the learning rate ({lower:.2g}), or for fewer epochs.",
        setting=f"training.learning_rate = {lower:.2g}",
        command="escalera climb",
    )


def rate_low(seen: Progress) -> Finding | None:
    """Little was learned in many steps, and the weights can hardly have moved."""
    if seen.time < SETTLED or seen.known > _LEARNED or seen.rise >= _RISE[0]:
        return None
    own = not seen.record.recipe.trainable.adapter
    limit = _REACH / 10 if own else _REACH
    still = beyond(seen.fall, 0.12, 0.02)
    near = beyond(math.log(max(seen.reach, 1e-12)), math.log(limit), math.log(limit / 4))
    strength = max(still, near) if seen.tells else still
    if strength < 0.5:
        return None
    raised, moved = seen.rate * 10, ", and the weights can hardly have moved"
    return Finding(
        cause="rate too low",
        strength=strength,
        words=f"in {seen.course.steps} steps the loss went from {seen.start:.2f} to "
        f"{seen.end:.2f}{moved if seen.tells and near >= 0.5 else ''}",
        figures=measured(
            learning_rate=seen.rate,
            farthest_a_weight_can_have_moved=seen.reach,
            loss_at_the_start=seen.start,
            loss_at_the_end=seen.end,
            norm_at_the_end_to_the_start=_norms(seen.course),
        ),
        remedy=f"Train with ten times the learning rate ({raised:.2g}), or let it be found.",
        setting=f"training.learning_rate = {raised:.2g}",
        command="escalera climb",
    )


def few_steps(seen: Progress) -> Finding | None:
    """The loss was still falling fast when the training ended."""
    if max(seen.known, seen.right) > _GOOD or seen.rise >= _RISE[0]:
        return None
    halved = math.log(2) / max(seen.pace, 1e-3)
    strength = beyond(halved, seen.time / 2, seen.time / 8)
    if halved < 2 * seen.time:
        strength = max(strength, beyond(seen.time, 1.5 * SETTLED, SETTLED))
    if seen.time < SETTLED and seen.known <= _LEARNED:
        strength = 1.0
    if strength < 0.5:
        return None
    levers = seen.record.recipe.levers
    epochs = levers.epochs * max(2, math.ceil(2 * SETTLED / max(seen.time, 1.0)))
    return Finding(
        cause="too few steps",
        strength=strength,
        words=f"the training ended after {seen.course.steps} steps, {seen.time:.0f} of them at the "
        f"full rate, while the loss halved every {halved:.0f}",
        figures=measured(
            steps=seen.course.steps,
            steps_at_the_full_rate=seen.time,
            steps_to_halve_the_loss=halved,
            loss_at_the_end=seen.end,
        ),
        remedy=f"Train for {epochs} epochs, or with smaller batches.",
        setting=f"training.epochs = {epochs}",
        command="escalera climb",
    )


def overfit(seen: Progress) -> Finding | None:
    """The examples are known by heart, and others are not."""
    if not seen.tells or seen.held is None or seen.time < SETTLED or seen.right < _LEARNED:
        return None
    gap = seen.right - seen.held
    strength = beyond(gap, 0.2, 0.4)
    best = max(seen.record.held_out, key=lambda one: one.score)
    epochs = seen.record.recipe.levers.epochs
    fewer = max(1, round(epochs * best.step / max(1, seen.course.steps)))
    figures = measured(
        answers_learned=seen.right,
        score_on_others=seen.held,
        best_score_on_others=best.score,
        examples=len(seen.record.examples),
        epochs=epochs,
    )
    return Finding(
        cause="overfit",
        strength=strength,
        words=f"{seen.right:.0%} of the examples are known, and {seen.held:.0%} of the items that "
        f"were not taught: {len(seen.record.examples)} examples were seen {epochs} times each",
        figures=figures,
        remedy="Give more examples; until there are, train for fewer epochs or with a smaller rank "
        "or some dropout.",
        setting=f"training.epochs = {min(fewer, max(1, epochs // 2))}",
        command="escalera climb",
    )


def noise(seen: Progress) -> Finding | None:
    """Many examples are not learned though others like them are: their labels contradict."""
    if not seen.tells or seen.time < SETTLED or seen.held is None:
        return None
    if not len(seen.course.seen_loss):
        return None
    wrong = np.flatnonzero(~seen.learned.right)
    share = len(wrong) / len(seen.record.examples)
    exact = max(one.score if one.right is None else one.right for one in seen.record.held_out)
    short = seen.learned.tokens.mean() <= _SHORT
    strength = min(
        beyond(exact - seen.right, 0.08, 0.2),
        beyond(share, 0.08, 0.15),
        beyond(seen.few, _SPREAD, 0.45),
    )
    if exact < _KNOWN or strength < 0.5 or not (short or seen.right >= _SOME):
        return None
    worst = wrong[np.argsort(-seen.learned.last[wrong], kind="stable")]
    items = tuple(seen.record.examples[place].item for place in worst)
    return Finding(
        cause="label noise",
        strength=strength,
        words=f"{share:.0%} of the examples were not learned, while {exact:.0%} of the items "
        "that were not taught were answered: their labels contradict those of others like them",
        figures=measured(
            share_of_examples=share,
            answers_learned=seen.right,
            best_share_right_of_others=exact,
            score_on_others=seen.held,
        ),
        remedy="Look through these examples, the worst first; mend their targets or leave them "
        "out.",
        items=items,
        setting=contents.without(seen.record.recipe, items[:_SHOWN]),
        command="escalera climb",
    )


def underfit(seen: Progress) -> Finding | None:
    """The loss stays high after steps enough: what learns is too small for the task."""
    if not seen.tells or seen.time < SETTLED or seen.rise >= _RISE[0]:
        return None
    strength = min(beyond(1 - seen.right, 0.3, 0.6), beyond(1 - seen.known, 0.25, 0.5))
    if strength < 0.5:
        return None
    trainable = seen.record.recipe.trainable
    rank = max(16, 4 * trainable.rank)
    setting = (
        f"training.weights.rank = {rank}"
        if trainable.adapter
        else 'training.weights.method = "lora"'
    )
    return Finding(
        cause="underfit",
        strength=0.9 * strength,
        words=f"after {seen.course.steps} steps {seen.right:.0%} of the examples are known, and "
        "the loss hardly falls any more",
        figures=measured(
            loss_at_the_start=seen.start,
            loss_at_the_end=seen.end,
            answers_learned=seen.right,
            score_on_others=seen.known,
        ),
        remedy="Let more weights learn: a larger rank, all linear layers, or the whole model.",
        setting=setting,
        command="escalera climb",
    )


# Below: private.

_RISE = (0.35, 0.8)
"""Rises of the loss from which the rate is too high, and beyond doubt."""

_REACH = 0.02
"""Distance, in an adapter's weights, within which hardly anything can be learned."""

_FAR = 0.8
"""Distance, in an adapter's weights, beyond what trainings that learned have gone."""

_VANISHED = 0.3
"""Norm of the gradient, in shares of that at the start, below which it vanished."""

_LEARNED, _GOOD = 0.7, 0.9
"""Shares of answers from which something was learned, and from which nothing is amiss."""

_SPREAD = 0.55
"""Share of the excess that the worst few put in, below which many are bad."""

_SOME, _KNOWN = 0.2, 0.3
"""Shares of answers below which nothing was learned, and from which others are known too."""

_SHORT = 24.0
"""Tokens of an answer up to which one answer may have an even chance."""

_SHOWN = 10


def _thrown(seen: Progress) -> float:
    """How far weights went beyond what a training needs, where gradients vanished unlearned."""
    trainable = seen.record.recipe.trainable
    if trainable.method == "partial" or seen.right > _SOME or _norms(seen.course) > _VANISHED:
        return 0.0
    limit = _FAR if trainable.adapter else _FAR / 10
    return beyond(math.log(max(seen.reach, 1e-12)), math.log(limit), math.log(4 * limit))


def _right(known: Learned, course: Course) -> float:
    """The share of the examples that were learned; where steps do not tell them, of late steps."""
    if len(course.seen_loss):
        return float(known.right.mean())
    late = course.loss[course.time >= 0.75 * course.time[-1]]
    return float((late * known.tokens.mean() < samples.EVEN).mean())


def _pace(level: Floats, time: Floats) -> float:
    """Fall of log(level) per unit of time over the last two fifths, by least squares."""
    late = time >= 0.6 * time[-1]
    if late.sum() < 3:
        late = np.arange(len(time)) >= len(time) - 3
    if late.sum() < 2 or np.ptp(time[late]) == 0:
        return 0.0
    return -float(np.polyfit(time[late], np.log(np.maximum(level[late], 1e-6)), 1)[0])


def _norms(course: Course) -> float:
    """The typical norm in the last fifth of the steps, to that in the first."""
    fifth = max(1, course.steps // 5)
    first, last = np.median(course.norm[:fifth]), np.median(course.norm[-fifth:])
    return float(last / max(first, 1e-12))
