"""In which orders a judge is asked: both until its bias is small, then one that a coin draws."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.unit.core.test_judgements import EVENT

from escalera.core.evaluation import orders
from escalera.core.evaluation.judge import WORDING
from escalera.core.evidence import fold
from escalera.domain.event import Judged, Observed, Rescored
from escalera.domain.judge import AWAITING, Judge, Panel, Scale
from escalera.domain.message import Decoding
from escalera.testing import playbook

PAIRWISE = Judge(
    kind="pairwise",
    model="large",
    revision="r1",
    rubric="Is right.",
    scale=Scale(lowest=0, highest=4),
    reference=True,
    decoding=Decoding(),
    wording=WORDING,
)
OTHER = replace(PAIRWISE, model="other")
PANEL = Panel(name="better", judges=(PAIRWISE,))
ITEMS = playbook.task("a", items={"confirm": 400}).examples


def project(panel=PANEL):
    task = replace(playbook.task("a", items={"confirm": 400}), scorer=panel.scorer)
    return replace(playbook.project(task), judges=(panel,))


def answered(item, panel=PANEL, system="s"):
    """The answer of a system, which waits for its judges."""
    return Observed(
        system=system,
        item=item.id,
        item_digest=item.digest,
        repeat=0,
        task=item.task,
        split=item.split,
        cluster=item.cluster,
        scorer=panel.scorer,
        score=None,
        reason=AWAITING,
        request=f"q {system} {item.id}",
        bought=True,
        reply="x",
        finish="stop",
        attempts=1,
        usage=EVENT.usage,
        micro_dollars=1,
        revision="r",
        seconds=0.1,
    )


def judged(item, grades, judge=PAIRWISE, system="s", panel=PANEL):
    """Grades by order, and the score that follows."""
    events = [
        replace(
            EVENT,
            system=system,
            item=item.id,
            item_digest=item.digest,
            judge=judge.digest,
            order=order,
            draw=draw,
            grade=grade,
            reason=None if grade is not None else "unreadable",
        )
        for order, given in grades.items()
        for draw, grade in enumerate(given)
    ]
    return [answered(item, panel, system), *events, score(item, system, panel)]


def score(item, system="s", panel=PANEL):
    return Rescored(
        system=system,
        item_digest=item.digest,
        repeat=0,
        scorer=panel.scorer,
        score=0.5,
        reason=None,
    )


def calm(count, first=0, panel=PANEL, judge=PAIRWISE):
    """Answers that win three in four, one in twenty with the order against it."""
    return [
        event
        for n, item in enumerate(ITEMS[first : first + count])
        for event in judged(
            item,
            {"first": [float(n % 4 > 0)], "second": [float((n % 4 > 0) != (n % 20 == 7))]},
            judge,
            panel=panel,
        )
    ]


def known(events, panel=PANEL, upto=400):
    made = project(panel)
    return orders.follow(
        panel,
        fold(events),
        orders.NOTHING,
        upto=upto,
        plan=orders.limits(made, panel),
        cluster_of=orders.clusters(made, panel),
    )


def drawn(panel=PANEL, held=None, seed=0, repeat=0):
    held = known(calm(96, panel=panel), panel) if held is None else held
    return [orders.asked(panel, held, item, repeat, seed=seed) for item in ITEMS]


def test_without_evidence_both_orders_are_asked():
    """Nothing known is not a small bias."""
    for asked in drawn(held=orders.NOTHING):
        assert asked == {PAIRWISE.digest: ("first", "second")}


def test_once_the_bias_is_small_a_coin_draws_one_order_of_most():
    """Each about as often; a tenth keeps both; all as the seed draws, and as the repeat does."""
    found = [asked[PAIRWISE.digest] for asked in drawn()]
    both, first, second = (found.count(o) for o in (("first", "second"), ("first",), ("second",)))
    assert both + first + second == len(ITEMS)
    assert abs(both - 40) < 3 * math.sqrt(400 * 0.1 * 0.9)
    assert abs(first - second) < 3 * math.sqrt(360)
    assert drawn() == drawn()
    assert drawn() != drawn(seed=1) != drawn(repeat=1)


def test_every_system_is_asked_alike_about_an_item():
    """Coins know no system, so what a place is worth cancels in a difference."""
    item = ITEMS[0]
    held = known(calm(96))
    assert orders.asked(PANEL, held, item, 0, seed=3) == orders.asked(
        PANEL, held, replace(item, split="search"), 0, seed=3
    )


def test_judges_of_a_panel_take_turns():
    """Where one is shown the answer first, the next is shown it second."""
    panel = Panel(name="better", judges=(PAIRWISE, OTHER))
    events = []
    for item, one, two in zip(
        ITEMS, per_item(calm(96, panel=panel)), per_item(calm(96, judge=OTHER)), strict=False
    ):
        events += [answered(item, panel), *one, *two, score(item, panel=panel)]
    held = known(events, panel)
    turns = {(asked[PAIRWISE.digest], asked[OTHER.digest]) for asked in drawn(panel, held)}
    both = ("first", "second")
    assert turns == {(both, both), (("first",), ("second",)), (("second",), ("first",))}


def per_item(events):
    """The judgements of each item."""
    found = {}
    for event in events:
        if isinstance(event, Judged):
            found.setdefault(event.item, []).append(event)
    return found.values()


def test_what_was_heard_in_both_orders_counts_in_both():
    """Of equal answers the first that was judged tells; of others nothing."""
    item, other = ITEMS[0], ITEMS[1]
    evidence = fold(
        [*judged(item, {"first": [1.0], "second": [0.0]}), *judged(other, {"first": [1.0]})]
    )
    heard = orders.heard(PANEL, evidence, item, EVENT.answer)
    assert heard == {PAIRWISE.digest}
    assert orders.heard(PANEL, evidence, other, EVENT.answer) == frozenset()
    assert orders.heard(PANEL, evidence, item, "another") == frozenset()
    held = known(calm(96))
    spared = next(
        item
        for item in ITEMS
        if len(orders.asked(PANEL, held, item, 0, seed=0)[PAIRWISE.digest]) == 1
    )
    both = orders.asked(PANEL, held, spared, 0, seed=0, heard=heard)
    assert both == {PAIRWISE.digest: ("first", "second")}


def test_over_coins_the_score_is_the_mean_of_both_orders():
    """Exactly half the coins fall either way: no bias is left, however large it is."""
    held, item, first = known(calm(96)), ITEMS[5], 0
    for seed in range(4000):
        asked = orders.asked(PANEL, held, item, 0, seed=seed)[PAIRWISE.digest]
        first += 1.0 if asked == ("first",) else 0.5 * ("first" in asked)
    assert abs(first / 4000 - 0.5) < 3 * 0.5 / math.sqrt(4000)


@pytest.mark.parametrize(
    "panel",
    [
        replace(PANEL, second_order=1.0),
        replace(PANEL, combine="vote"),
        Panel(name="better", judges=(replace(PAIRWISE, kind="rubric"),)),
    ],
)
def test_who_wants_both_orders_or_votes_or_grades_alone_is_asked_in_all(panel):
    """Whatever is known."""
    assert not panel.spares
    held = orders.Known(answers=96, states=known(calm(96)).states)
    assert all(asked == orders.both(panel) for asked in drawn(panel, held))
    assert orders.savings(project(panel), panel, fold([])) == ()
    assert orders.fewest(panel) == panel.grades


def test_answers_of_one_cluster_count_once():
    """A hundred answers to one item say little of a bias."""
    item = ITEMS[0]
    events = [
        event
        for n in range(100)
        for event in judged(item, {"first": [1.0], "second": [1.0]}, system=f"s{n}")
    ]
    (state,) = known(events).states.values()
    assert (state.word, state.now.pairs) == ("open", 1)


def test_what_is_known_does_not_depend_on_where_the_reading_was_cut():
    """Going on from a state is reading from the beginning."""
    events, made = calm(200), project()
    evidence, plan = fold(events), orders.limits(made, PANEL)
    cluster_of = orders.clusters(made, PANEL)
    held = orders.NOTHING
    for upto in (64, 128, 192):
        held = orders.follow(PANEL, evidence, held, upto=upto, plan=plan, cluster_of=cluster_of)
    assert held == known(events, upto=192)
    assert held.answers == 192


def test_only_what_was_readable_in_both_orders_is_a_pair():
    """Grades in a place are a mean; one order alone, or an unreadable grade, says nothing."""
    a, b, c, d = ITEMS[:4]
    events = [
        *judged(a, {"first": [1.0, 0.5], "second": [0.5, 0.0]}),
        *judged(b, {"first": [1.0]}),
        *judged(c, {"first": [1.0], "second": [None]}),
        *judged(d, {"first": [1.0], "second": [0.0]})[:-1],
    ]
    (state,) = known(events).states.values()
    assert state.now.pairs == 1
    assert state.now.noise == 0.25**2


@pytest.mark.parametrize(
    ("concluded", "found"),
    [(0, (0, 64)), (63, (0, 64)), (64, (64, 128)), (1023, (960, 1024)), (1024, (1024, 1280))],
)
def test_a_bias_is_read_after_fixed_numbers_of_answers(concluded, found):
    """So that a climb that was killed asks as one that was not."""
    assert orders.epoch(concluded) == found


def test_what_was_saved_is_counted():
    """The answers with one order, and the calls that this left out."""
    panel = replace(PANEL, repeats=2)
    events = calm(96, panel=panel)
    for item in ITEMS[96:106]:
        events += judged(item, {"second": [1.0, 1.0]}, panel=panel)
        events += judged(item, {"second": [1.0, 1.0]}, system="copy", panel=panel)
    made = project(panel)
    (found,) = orders.savings(made, panel, fold(events))
    assert (found.judge, found.answers, found.single, found.calls) == (PAIRWISE, 116, 20, 20)
    assert found.state.one_order
    noise, spread = found.state.rests_on.noise, found.state.rests_on.spread
    assert found.wider(0.1) == math.sqrt(1 + 0.9 * noise / spread)
    assert 1.0 < found.wider(0.1) < 1.1
    assert found.wider(1.0) == 1.0
    assert orders.expected(made, panel, fold(events)) == pytest.approx(2.2)
    assert orders.expected(made, panel, fold([])) == 4
    assert orders.fewest(panel) == 2
