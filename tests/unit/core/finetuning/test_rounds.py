"""Rounds of a sweep: how many go on, which, and what it costs at the most."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.finetuning import rounds
from escalera.core.finetuning.rounds import PausedTrial
from escalera.core.finetuning.sweeping import OWN, PAUSES

CLUSTERS = tuple(f"c{number}" for number in range(200))


def paused(number: int, right: int, loss: float = 1.0) -> PausedTrial:
    """A trial that is right on the first so many of two hundred items."""
    scores = tuple(float(item < right) for item in range(200))
    return PausedTrial(number=number, scores=scores, clusters=CLUSTERS, loss=loss)


def swept(scores: list[list[int]], losses: list[float] | None = None) -> list[list[int]]:
    """The numbers that came to each pause; a row of `scores` has right answers by pause."""
    alive, came = list(range(len(scores))), [list(range(len(scores)))]
    for place in range(1, len(PAUSES)):
        there = [
            paused(number, scores[number][place - 1], losses[number] if losses else 1.0)
            for number in alive
        ]
        alive = rounds.going_on(there, room=rounds.room([len(some) for some in came]))
        came.append(alive)
    return came


def paid(came: list[list[int]]) -> float:
    """In full trainings."""
    widths = [after - before for before, after in zip((0.0, *PAUSES), PAUSES, strict=False)]
    return sum(len(some) * width for some, width in zip(came, widths, strict=True))


def test_twenty_trials_have_room_for_eight_six_and_four() -> None:
    """That is a share of .35, to the last pause."""
    assert [rounds.room(came) for came in ([20], [20, 8], [20, 8, 6])] == [8, 6, 4]
    whole = 20 * 0.125 + 8 * 0.125 + 6 * 0.25 + 4 * 0.5
    assert whole == pytest.approx(rounds.SHARE * 20)


def test_what_diverged_leaves_room_to_the_others() -> None:
    """Six of twenty went on where eight might have, then five: all of these may end."""
    assert rounds.room([20, 6]) == 6
    assert rounds.room([20, 6, 5]) == 5
    assert rounds.room([20, 8, 5]) == 4


def test_two_go_on_in_any_case() -> None:
    """The own levers and one beside them, in a sweep that is too small for its share."""
    assert [rounds.room([many]) for many in (2, 3, 4, 8)] == [2, 2, 2, 2]
    assert rounds.going_on([paused(0, 10), paused(1, 90)], room=2) == [0, 1]
    assert rounds.going_on([paused(0, 10)], room=2) == [0]


def test_those_go_on_to_whom_the_fewest_are_shown_to_be_ahead() -> None:
    """With fifteen items of two hundred between them there is no doubt; a loss changes nothing."""
    clear = [paused(number, 190 - 15 * number, loss=12.0 - number) for number in range(12)]
    assert rounds.going_on(clear, room=8) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert rounds.going_on(clear, room=3) == [0, 1, 2]


def test_those_that_answers_do_not_tell_apart_rank_by_loss() -> None:
    """Of a dozen with next to no right answer, those go on who have lost least of late."""
    near = [paused(number, number % 3, loss=12.0 - number) for number in range(12)]
    assert rounds.going_on(near, room=4) == [0, 9, 10, 11]
    assert len(rounds.going_on(near, room=12)) == 12


def test_answers_come_before_losses() -> None:
    """A low loss does not carry one that is shown to lag."""
    field = [
        *(paused(number, 150 - number, loss=5.0 + number) for number in range(4)),
        *(paused(number, 20, loss=0.1) for number in range(4, 12)),
    ]
    assert rounds.going_on(field, room=4) == [0, 1, 2, 3]


def test_the_own_levers_always_have_a_place() -> None:
    """However low they score: the winner has to beat them."""
    field = [paused(OWN, 0), *(paused(number, 190 - 15 * number) for number in range(1, 12))]
    assert rounds.going_on(field, room=5) == [OWN, 1, 2, 3, 4]
    assert rounds.going_on(field, room=2) == [OWN, 1]


def test_the_late_loss_is_that_of_the_last_quarter_of_the_steps() -> None:
    """What began high may have learned since; what is no number comes last."""
    assert rounds.late([9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 3.0, 1.0]) == 2.0
    assert rounds.late([5.0]) == 5.0
    assert rounds.late([1.0, 1.0, 1.0, math.nan]) == math.inf
    assert rounds.late([]) == math.inf


def test_without_common_items_nobody_lags() -> None:
    """There are losses to tell them apart by: as many go on as there is room for."""
    empty = [
        PausedTrial(number=number, scores=(), clusters=(), loss=9.0 - number) for number in range(9)
    ]
    assert rounds.going_on(empty, room=5) == [0, 5, 6, 7, 8]
    assert rounds.best(empty) == 0
    assert rounds.best([]) is None


def test_of_equal_winners_the_first_is_taken() -> None:
    """So that the own levers stay where nothing beats them."""
    assert rounds.best([paused(0, 90), paused(3, 91), paused(5, 91)]) == 3


@given(st.permutations(range(20)))
def test_the_best_comes_to_its_end_in_any_order_where_pauses_rank_as_ends(order: list[int]) -> None:
    """Unlike stopping one after the other, its costs do not depend on the order either."""
    came = swept([[8 * rank] * 4 for rank in order])
    assert order.index(19) in came[-1]
    assert paid(came) <= rounds.SHARE * 20 + 1e-9


@given(
    st.integers(8, 24).flatmap(
        lambda many: st.lists(
            st.lists(st.integers(0, 40), min_size=4, max_size=4), min_size=many, max_size=many
        )
    )
)
def test_a_sweep_never_costs_more_than_its_share(scores: list[list[int]]) -> None:
    """Whatever the answers are, and the own levers and another one come to their end."""
    came = swept(scores)
    assert paid(came) <= rounds.SHARE * len(scores) + 1e-9
    assert len(came[-1]) >= rounds.LEAST
    assert all(OWN in some for some in came)


def test_where_nothing_is_right_yet_the_loss_finds_the_best() -> None:
    """At a first pause with a handful of right answers, at random; by score that is chance."""
    found = []
    for seed in range(100):
        chance = random.Random(seed)
        ends = chance.sample(range(20), 20)
        scores = [[chance.randrange(4), 4 * end, 8 * end, 8 * end] for end in ends]
        losses = [3.0 - 0.05 * end + chance.gauss(0.0, 0.1) for end in ends]
        found.append(ends.index(19) in swept(scores, losses)[-1])
    assert sum(found) >= 97
