"""Looks at confirm items, and tables of two systems."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation import compare
from escalera.core.evidence import fold
from escalera.core.ladder.steps import Call
from escalera.core.stats import distributions, paired, proportion
from escalera.domain.event import Nominated
from escalera.domain.identity import canonical
from escalera.domain.message import Decoding
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.verdict import Question
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, observed

TASK = playbook.task("a", items={"confirm": 100})
ITEMS = TASK.items("confirm")
PROJECT = playbook.project(TASK)
HALVES = (0.5, 1.0)


def system(revision):
    return System(model="base", revision=revision, prompt=Prompt(), decoding=Decoding())


def route(revision, tasks=("a",)):
    return Route(branches=tuple(Branch(task=name, system=system(revision)) for name in tasks))


NEW, OLD = route("new"), route("old")
NOMINATED = [Nominated(rung="lora", route=NEW), Nominated(rung="prompt", route=OLD)]


def answered(score, revision="new", items=ITEMS, project=PROJECT):
    """What a system answered: `score` is a function of the item."""
    return [observed(project, Call(system=system(revision), item=i), score(i)) for i in items]


def at_rate(rate):
    return lambda item: float(luck(item) < rate)


def adequacy(bar=0.7, alpha=0.05):
    return Question(
        kind="adequacy",
        task="a",
        candidate=NEW.digest,
        incumbent=None,
        threshold=bar,
        alpha=alpha,
    )


def regression(margin=0.1, alpha=0.05):
    return Question(
        kind="regression",
        task="a",
        candidate=NEW.digest,
        incumbent=OLD.digest,
        threshold=margin,
        alpha=alpha,
    )


def read_at(times):
    """A policy with these looks."""
    return replace(DECLARED, looks=tuple(times))


def look(question, items, evidence, times, before=()):
    """One look at a question, on these items."""
    other = None if question.incumbent is None else OLD
    sample = compare.gather(evidence, items, NEW, other)
    return compare.look(question, sample, list(before), read_at(times))


def looks(question, events, times=HALVES):
    """Every look that the planner would take, oldest first."""
    evidence, found = fold([*NOMINATED, *events]), []
    while not found or not found[-1].settled:
        items = ITEMS[: round(times[len(found)] * len(ITEMS))]
        found.append(look(question, items, evidence, times, found))
    return found


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1.0, ["adequate"]),
        (0.85, ["undecided", "adequate"]),
        (0.7, ["undecided", "undecided"]),
        (0.5, ["undecided", "inadequate"]),
        (0.1, ["inadequate"]),
    ],
)
def test_adequacy_is_the_interval_against_the_bar(rate, words):
    """Far from the bar one look is enough; at the bar all looks leave it open."""
    found = looks(adequacy(), answered(at_rate(rate)))
    assert [entry.verdict for entry in found] == words
    assert [entry.passed for entry in found] == [word == "adequate" for word in words]
    assert [entry.settled for entry in found] == [False] * (len(words) - 1) + [True]


@pytest.mark.parametrize(
    ("old", "new", "verdict", "passed"),
    [
        (0.9, 0.9, "equivalent", True),
        (0.5, 0.9, "better", True),
        (0.9, 0.5, "worse", False),
        (0.9, 0.8, "worse", False),
    ],
)
def test_regression_is_the_paired_interval_against_the_margin(old, new, verdict, passed):
    """Item by item, so equal answers are close to proof."""
    events = [*answered(at_rate(new)), *answered(at_rate(old), "old")]
    last = looks(regression(), events)[-1]
    assert (last.verdict, last.passed, last.settled) == (verdict, passed, True)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [(0.5, 0.9, "better"), (0.9, 0.5, "worse"), (0.9, 0.9, "undecided"), (0.6, 0.62, "undecided")],
)
def test_improvement_is_the_paired_interval_against_nothing(old, new, verdict):
    """Item by item; what is only as good is not better, however often it is asked."""
    question = replace(regression(margin=0.0), kind="improvement")
    found = looks(question, [*answered(at_rate(new)), *answered(at_rate(old), "old")])
    assert (found[-1].verdict, found[-1].passed) == (verdict, verdict == "better")
    assert found[-1].settled
    if verdict != "undecided":
        assert (found[-1].statistic > found[-1].boundary) is (verdict == "better")


def test_gains_that_outweigh_losses_prove_nothing():
    """Twenty items lost and twenty gained: neither a fall nor its absence is shown."""
    swapped = answered(lambda item: float(not 0.6 <= luck(item) < 0.8))
    last = looks(regression(), [*swapped, *answered(at_rate(0.8), "old")])[-1]
    assert (last.verdict, last.passed, last.settled) == ("undecided", False, True)


def test_golden_look():
    """The numbers of one look, as published: the last of two, which spend an alpha of 0.05."""
    first, last = looks(adequacy(alpha=0.05 / compare.SPENT), answered(at_rate(0.85)))
    assert (first.figure.n, first.look, first.looks) == (50, 1, 2)
    assert (last.figure.n, last.figure.clusters, last.look) == (100, 100, 2)
    assert last.figure.value == 0.85
    assert last.alpha_spent == pytest.approx(0.05)
    # Lan-DeMets O'Brien-Fleming boundaries of two equal looks (Jennison and Turnbull 2000).
    assert first.boundary == pytest.approx(2.963, abs=5e-4)
    assert last.boundary == pytest.approx(1.969, abs=5e-4)
    # The score statistic: (0.85 - 0.7) / sqrt(0.7 * 0.3 / 100).
    assert last.statistic == pytest.approx(3.2733, abs=1e-4)


def test_a_tenth_of_alpha_is_kept_back():
    """From new questions: those of earlier rules spend all of it, as they began."""
    (first, last) = looks(adequacy(alpha=0.05), answered(at_rate(0.8)))
    assert last.alpha_spent == pytest.approx(0.045)
    assert compare.spendable(0.05, "wider of two") == 0.05
    assert first.boundary > 2.963


def test_the_interval_and_the_statistic_say_the_same():
    """A verdict is given exactly when the statistic is beyond the boundary."""
    for rate in (0.4, 0.5, 0.55, 0.6, 0.75, 0.8, 0.85, 0.95):
        for entry in looks(adequacy(), answered(at_rate(rate))):
            assert (entry.verdict != "undecided") == (abs(entry.statistic) >= entry.boundary)


def test_replaying_the_journal_gives_the_same_looks():
    """Looks are a function of the evidence: a replay reproduces them to the last bit."""
    events = [*answered(at_rate(0.8)), *answered(at_rate(0.85), "old")]
    assert looks(regression(), events) == looks(regression(), events[::-1])


@pytest.mark.parametrize(
    ("rate", "gaps", "verdict"),
    [
        (1.0, 0, "adequate"),
        (1.0, 5, "adequate"),
        (1.0, 20, "adequate"),
        (1.0, 30, "undecided"),
        (0.8, 0, "adequate"),
        (0.8, 5, "undecided"),
        (0.1, 20, "inadequate"),
        (0.58, 20, "undecided"),
    ],
)
def test_missing_scores_withhold_a_verdict_that_they_could_change(rate, gaps, verdict):
    """All of them wrong, or all of them right: if the verdict stands both times, it is given."""
    missing = {item.id for item in ITEMS[:gaps]}
    scores = at_rate(rate)
    events = answered(lambda item: None if item.id in missing else scores(item))
    found = look(adequacy(bar=0.7), ITEMS, fold([*NOMINATED, *events]), (1.0,))
    assert (found.unscored, found.figure.n) == (gaps, 100 - gaps)
    assert found.verdict == verdict
    assert found.passed == (verdict == "adequate")


def test_missing_scores_of_either_side_can_withhold_a_gate():
    """The incumbent's missing scores count as right, then as wrong."""
    missing = {item.id for item in ITEMS[:15]}
    same = answered(at_rate(0.3))
    old = answered(lambda i: None if i.id in missing else at_rate(0.3)(i), "old")
    new = answered(lambda i: None if i.id in missing else at_rate(0.3)(i))
    whole = [*same, *answered(at_rate(0.3), "old")]
    for events, passed in (
        (whole, True),
        ([*same, *old], False),
        ([*new, *answered(at_rate(0.3), "old")], False),
    ):
        found = look(regression(), ITEMS, fold([*NOMINATED, *events]), (1.0,))
        assert found.passed is passed


def test_a_verdict_that_stands_claims_no_more_than_the_missing_allow():
    """Better on what is there, but perhaps only equal: the gate is passed, the gain not claimed."""
    gained = {item.id for item in ITEMS[:12]}
    missing = {item.id for item in ITEMS[90:]}
    old = [*answered(lambda i: float(i.id not in gained), "old")]
    new = answered(lambda i: None if i.id in missing else 1.0)
    (found,) = looks(regression(margin=0.1), [*new, *old], times=(1.0,))
    assert (found.verdict, found.passed) == ("undecided", True)
    (whole,) = looks(regression(margin=0.1), [*answered(lambda _: 1.0), *old], times=(1.0,))
    assert (whole.verdict, whole.passed) == ("better", True)


def test_a_withheld_verdict_is_read_again_at_the_next_look():
    """Gaps in the first half do not end the question: with all items they may be few enough."""
    missing = {item.id for item in ITEMS[:8]}
    events = answered(lambda item: None if item.id in missing else 1.0)
    first, last = looks(adequacy(), events)
    assert (first.unscored, first.verdict, first.settled) == (8, "undecided", False)
    assert (last.unscored, last.verdict, last.settled) == (8, "adequate", True)


def test_an_item_counts_only_if_both_systems_have_a_score():
    """Pairs are whole or absent; either side's gap leaves the item out."""
    first, second = ITEMS[0].id, ITEMS[1].id
    events = [
        *answered(lambda item: None if item.id == first else 1.0),
        *answered(lambda item: None if item.id == second else 1.0, "old"),
    ]
    sample = compare.gather(fold(events), ITEMS, NEW, OLD)
    scores = sample.scored
    assert (len(scores.candidate), len(scores.incumbent), sample.unscored) == (98, 98, 2)


def test_without_any_score_nothing_is_claimed():
    """The widest interval there is, and no verdict."""
    for question, low in ((adequacy(), 0.0), (regression(), -1.0)):
        events = [*answered(lambda _: None), *answered(lambda _: None, "old")]
        (found,) = looks(question, events, times=(1.0,))
        assert (found.figure.lower, found.figure.upper, found.figure.n) == (low, 1.0, 0)
        assert (found.verdict, found.passed, found.unscored) == ("undecided", False, 100)


CUSTOMERS = [replace(item, cluster=f"c{n % 10}") for n, item in enumerate(sorted(ITEMS, key=luck))]
"""Of whom each loses as much as any other: the rules of `ScoreRule` differ."""


def of_customers(rule, margin, before=()):
    """A look at all customers by a rule, and the figure that the rule gives."""
    events = [
        *answered(at_rate(0.8), items=CUSTOMERS),
        *answered(at_rate(0.9), "old", items=CUSTOMERS),
    ]
    sample = compare.gather(fold([*NOMINATED, *events]), CUSTOMERS, NEW, OLD)
    sample = replace(sample, pairing=rule)
    found = compare.look(regression(margin), sample, list(before), read_at((0.5, 1.0)))
    scores, alpha = sample.scored, 2 * distributions.normal_cdf(-found.boundary)
    told = paired.interval(
        scores.candidate, scores.incumbent, scores.clusters, alpha=alpha, rule=found.pairing
    )
    assert (found.figure.lower, found.figure.upper) == (told.lower, told.upper)
    return found


def test_a_question_is_read_to_its_end_by_the_rule_of_its_first_look():
    """What was begun under the rule before goes on by it, whatever the rule for new questions."""
    margin = 0.168
    begun = of_customers("held effect", margin)
    new = of_customers("skewness allowed", margin)
    assert (begun.pairing, new.pairing) == ("held effect", "skewness allowed")
    assert begun.statistic < new.statistic
    for first in (begun, new):
        last = of_customers("skewness allowed", margin, [first])
        assert last.pairing == first.pairing
        assert last.passed is (first is new)


def test_a_look_at_one_system_names_its_rule_and_an_earlier_one_is_kept():
    """What was begun before rules were named is read as it was, and written as it was."""
    first, last = looks(adequacy(0.85), answered(at_rate(0.9)))
    assert (first.pairing, last.pairing) == ("skewness allowed", "skewness allowed")
    sample = compare.gather(fold([*NOMINATED, *answered(at_rate(0.9))]), ITEMS, NEW, None)
    earlier = compare.look(
        adequacy(0.85), sample, [replace(first, pairing="held effect")], read_at((0.5, 1.0))
    )
    assert earlier.pairing == "held effect"
    assert b"pairing" not in canonical(earlier)
    wilson = proportion.wilson(90, 100, alpha=2 * distributions.normal_cdf(-earlier.boundary))
    assert (earlier.figure.lower, earlier.figure.upper) == (wilson.lower, wilson.upper)
    assert earlier.figure.upper < last.figure.upper


def test_clusters_widen_the_interval():
    """Ten customers with ten equal answers each are ten, not a hundred."""
    grouped = [
        replace(item, cluster=f"c{n // 10}")
        for n, item in enumerate(sorted(ITEMS, key=lambda item: item.id))
    ]
    right = {item.id for n, item in enumerate(sorted(ITEMS, key=lambda i: i.id)) if n // 10 != 3}
    events = answered(lambda item: float(item.id in right))
    alone = look(adequacy(), ITEMS, fold([*NOMINATED, *events]), (1.0,))
    events = answered(lambda item: float(item.id in right), items=grouped)
    together = look(adequacy(), grouped, fold([*NOMINATED, *events]), (1.0,))
    assert (alone.figure.value, together.figure.value) == (0.9, 0.9)
    assert (alone.figure.clusters, together.figure.clusters) == (100, 10)
    assert together.figure.lower < alone.figure.lower
    assert (alone.verdict, together.verdict) == ("adequate", "undecided")
