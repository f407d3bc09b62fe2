"""Forecasts answer the question: how many more, what they would bring, and when they would not."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.finetuning import data_need, trainings
from escalera.core.finetuning.data_need import Forecast, Question
from escalera.core.finetuning.trainings import Training
from escalera.errors import InputError

SIZES = (50, 100, 200, 400)


def measured(score, *, items: int = 500, sizes=SIZES) -> list[Training]:
    """One training of every size, on a curve."""
    return [Training(examples=n, chain=0, score=score(n), items=items) for n in sizes]


def rising(n: float) -> float:
    """To 0.9, from 0.4."""
    return 0.9 - 0.5 * (1.0 + n / 60.0) ** -0.8


def ask(some: list[Training], bar: float, most: int = 6400, **options) -> Forecast:
    return data_need.forecast(some, Question(bar=bar, most=most, **options))


def test_the_bar_is_reached_where_the_curve_reaches_it() -> None:
    """0.82 at 530 examples; the interval holds it, and what is added is without those at hand."""
    right = 60.0 * ((0.5 / 0.08) ** 1.25 - 1.0)
    found = ask(measured(rising, items=20_000), 0.82, cost_per_example=0.4)
    need = found.need
    assert need.lower is not None
    assert need.examples is not None
    assert need.upper is not None
    assert need.lower < right < need.upper
    assert need.examples == pytest.approx(right, rel=0.15)
    assert found.verdict == "more data"
    more = found.more
    assert more == (need.examples - 400, max(0, need.lower - 400), need.upper - 400)
    assert found.price == pytest.approx(tuple(0.4 * n for n in more))


def test_no_cost_no_price() -> None:
    """Unknown is not 0."""
    assert ask(measured(rising), 0.82).price is None


def test_a_bar_below_what_there_is_needs_nothing() -> None:
    """And says with what chance."""
    found = ask(measured(rising), 0.5)
    assert (found.verdict, found.more[0], found.need.now) == ("enough", 0, 1.0)


def test_a_plateau_is_told_as_one() -> None:
    """At 0.7 since 50 examples: more data will not get to 0.9, and no point is to be had soon."""
    found = ask(measured(lambda n: 0.7), 0.9)
    assert found.verdict == "not by data"
    assert found.need.examples is None
    assert found.more == (None, None, None)
    assert found.need.ever < 0.2
    low, high = found.predicted[-1].intervals[2]
    assert low < 0.7 < high < 0.95


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_all_wrong_and_all_right_are_curves_too(score: float) -> None:
    """Intervals stay inside [0, 1], are not empty, and hold what was seen."""
    found = ask(measured(lambda n: score), 0.5)
    for predicted in found.predicted:
        low, high = predicted.intervals[2]
        assert 0.0 <= low < high <= 1.0
    at_hand = found.predicted[0]
    assert abs(at_hand.score - score) < 0.01
    assert found.verdict == ("enough" if score else "not by data")


def test_noise_that_goes_up_and_down_is_no_error() -> None:
    """A curve that fell in between is forecast with more doubt than one that did not."""
    wild = dict(zip(SIZES, (0.5, 0.66, 0.58, 0.7), strict=True))
    smooth = dict(zip(SIZES, (0.5, 0.58, 0.65, 0.7), strict=True))
    widths = []
    for scores in (wild, smooth):
        low, high = ask(measured(scores.__getitem__, items=20_000), 0.9).predicted[1].intervals[1]
        widths.append(high - low)
    assert widths[0] > widths[1]


def test_fewer_items_and_fewer_seeds_leave_more_doubt() -> None:
    """A single seed on 60 items says less than four on 600."""
    few = ask(measured(rising, items=60), 0.85)
    many = ask([replace(t, chain=c) for c in range(4) for t in measured(rising, items=600)], 0.85)
    for a, b in zip(few.predicted, many.predicted, strict=True):
        assert a.intervals[1][1] - a.intervals[1][0] > b.intervals[1][1] - b.intervals[1][0]


@given(
    scores=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    items=st.integers(10, 2000),
    bar=st.floats(0.05, 0.95),
)
@settings(derandomize=True, max_examples=25, deadline=None)
def test_every_forecast_is_in_order(scores, items, bar) -> None:
    """Intervals are nested and hold the median; chances and needs agree."""
    some = dict(zip(SIZES, scores, strict=True))
    found = ask(measured(some.__getitem__, items=items), bar)
    for predicted in found.predicted:
        ends = [0.0, *(low for low, _ in reversed(predicted.intervals)), predicted.score]
        ends += [*(high for _, high in predicted.intervals), 1.0]
        assert ends == sorted(ends)
    need = found.need
    known = [n if n is not None else math.inf for n in (need.lower, need.examples, need.upper)]
    assert known == sorted(known)
    assert known[0] >= 400
    assert 0.0 <= need.now <= need.ever <= 1.0
    assert (need.examples is not None) == (need.ever > 0.5)
    assert sum(weight for _, weight in found.families) == pytest.approx(1.0)


def test_a_higher_bar_needs_more() -> None:
    """Median, ends and chances, over ten bars."""
    needs = [ask(measured(rising), bar).need for bar in np.linspace(0.75, 0.92, 6)]
    for low, high in itertools.pairwise(needs):
        assert low.ever >= high.ever
        assert low.now >= high.now
        assert (low.examples or math.inf) <= (high.examples or math.inf)


def test_one_more_point_by_the_curve() -> None:
    """Where the curve is one point above the 400 at hand."""
    level = rising(400) + 0.01
    right = 60.0 * ((0.5 / (0.9 - level)) ** 1.25 - 1.0) - 400
    found = ask(measured(rising, items=20_000), 0.85)
    assert found.point == pytest.approx(right, rel=0.25)


def test_sizes_told_are_doublings_and_the_most() -> None:
    """Of the examples at hand, which may be more than the largest training."""
    found = data_need.forecast(measured(rising), Question(bar=0.8, most=3000), pool=500)
    assert [p.examples for p in found.predicted] == [500, 1000, 2000, 3000]
    assert found.at_hand == 500


def test_the_same_measurements_give_the_same_forecast() -> None:
    """Bit for bit."""
    assert ask(measured(rising), 0.8) == ask(measured(rising)[::-1], 0.8)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (Question(bar=1.0, most=1000), "bar 1.0"),
        (Question(bar=0.5, most=400), "400 examples at most.*1600 say"),
        (Question(bar=0.5, most=1000, cost_per_example=-1.0), "cost per example -1.0"),
    ],
)
def test_questions_without_an_answer_are_refused(question: Question, says: str) -> None:
    """With value, rule and remedy."""
    with pytest.raises(InputError, match=says):
        data_need.forecast(measured(rising), question)


def test_two_sizes_forecast_nothing() -> None:
    """What to measure next is said."""
    with pytest.raises(InputError, match="train on 25 examples next"):
        ask(measured(rising, sizes=(50, 100)), 0.9)


def test_clusters_widen_what_is_said_of_other_items() -> None:
    """Items of a customer that are alike count for less."""
    rng = np.random.default_rng(2)
    some = [
        trainings.of_scores(n, 0, np.repeat(rng.random(40) < rising(n), 5).astype(float).tolist())
        for n in SIZES
    ]
    question = Question(bar=0.8, most=1600)
    alone = data_need.forecast(some, question).predicted[0].intervals[1]
    together = (
        data_need.forecast(some, question, clusters=[i // 5 for i in range(200)])
        .predicted[0]
        .intervals[1]
    )
    assert together[1] - together[0] > 1.3 * (alone[1] - alone[0])
