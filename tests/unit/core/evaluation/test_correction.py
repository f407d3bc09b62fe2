"""Figures of a judged task: what they rest on, and what people's labels do to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from escalera.core.evaluation import compare, contrast, correction
from escalera.core.evaluation.contrast import Asked
from escalera.core.evaluation.correction import ENOUGH, Labels
from escalera.core.evaluation.sample import Row, Sample
from escalera.core.evidence import Evidence
from escalera.core.ladder.steps import Call
from escalera.core.stats import distributions, mean, ppi
from escalera.domain.event import Judged
from escalera.domain.judge import Label, answer_digest
from escalera.domain.message import Decoding, Usage
from escalera.domain.project import Policy
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.verdict import Question
from escalera.testing import playbook

SYSTEM = System(model="base", revision="r", prompt=Prompt(), decoding=Decoding())
OTHER = replace(SYSTEM, prompt=Prompt(system="Be brief."))
TASK = replace(
    playbook.task("a", items={"confirm": 120, "golden": 40}), scorer="judge:kind@0123456789ab"
)
PROJECT = playbook.project(TASK)


def route(system):
    return Route(branches=(Branch(task="a", system=system),))


def truth(item, system=SYSTEM):
    """What people would give: 0.5 on average, the other system one grade less for a third."""
    value = int(item.id.rpartition("/")[2]) * 7 % 5 / 4
    return max(0.0, value - 0.25 * (system is OTHER and value > 0.5))


def evidence(*systems, bias=0.25):
    """Every item answered and judged; the judge is too kind by a grade, at most 1."""
    found = Evidence()
    for system in systems or (SYSTEM,):
        for item in TASK.examples:
            call = Call(system=system, item=item)
            score = min(1.0, truth(item, system) + bias)
            found.apply(playbook.observed(PROJECT, call, score))
            found.apply(judged(system, item))
    return found


def judged(system, item):
    return Judged(
        system=system.digest,
        item=item.id,
        item_digest=item.digest,
        repeat=0,
        task="a",
        answer=answer_digest(reply(system, item)),
        judge="j",
        order="alone",
        draw=0,
        turn=0,
        grade=1.0,
        reason=None,
        request="q",
        bought=False,
        reply="",
        finish="stop",
        attempts=1,
        usage=Usage(prompt_tokens=1, completion_tokens=1),
        micro_dollars=0,
        revision="r",
        seconds=0.0,
    )


def reply(system, item):
    return f"{system.digest[:6]} on {item.id}"


def labels(count, *systems, split="confirm", chance=1.0):
    """The task with labels for the first items of a split."""
    given = [
        Label(item=item.id, reply=reply(s, item), scores=(truth(item, s),), probability=chance)
        for s in systems or (SYSTEM,)
        for item in TASK.items(split)[:count]
    ]
    return Labels.of(replace(TASK, labels=tuple(given)))


def sample(found, given, incumbent=None):
    other = None if incumbent is None else route(incumbent)
    return compare.gather(found, TASK.items("confirm"), route(SYSTEM), other, given)


def test_the_figure_is_corrected_from_enough_labels_on():
    """One below, it is the judge's; where a rule scores, it is the scorer's."""
    found = evidence()
    assert correction.basis(sample(found, labels(ENOUGH - 1))) == "judge"
    assert correction.basis(sample(found, labels(ENOUGH))) == "corrected"
    assert correction.basis(sample(found, Labels.of(replace(TASK, scorer="exact")))) == "scorer"
    scores = sample(found, labels(40)).scored
    wanted = ppi.mean(
        scores.candidate,
        [truth(item) if n < 40 else None for n, item in enumerate(TASK.items("confirm"))],
        scores.clusters,
    )
    assert correction.corrected(scores, alpha=0.05) == wanted
    true = float(np.mean([truth(item) for item in TASK.items("confirm")]))
    assert wanted.interval.lower < true < wanted.interval.upper
    assert not mean.interval(scores.candidate).lower < true


def test_a_label_counts_for_the_answer_that_was_labelled():
    """And for no other system's, whatever the item."""
    found = evidence(SYSTEM, OTHER)
    assert correction.labelled(sample(found, labels(40, OTHER)).scored) == 0
    both = sample(found, labels(40, SYSTEM, OTHER), OTHER).scored
    assert correction.labelled(both) == 40
    assert correction.labelled(sample(found, labels(40), OTHER).scored) == 0
    assert both.human[:40] == tuple(
        truth(item) - truth(item, OTHER) for item in TASK.items("confirm")[:40]
    )


def test_golden_items_correct_and_do_not_count():
    """The sample's own items are those of the question."""
    found = evidence()
    given = sample(found, labels(40, split="golden"))
    assert len(given.scored.candidate) == 120
    assert correction.basis(given) == "corrected"
    assert correction.corrected(given.scored, alpha=0.05).items == 160
    assert correction.corrected(given.scored, alpha=0.05).labels == 40


def test_chances_that_differ_are_weighed_and_count_for_less():
    """Labels of one chance are a plain sample."""
    rows = [
        Row(
            candidate=n % 3 / 2,
            incumbent=None,
            cluster=str(n),
            human=n % 2 / 1 if n < 40 else None,
            chance=1.0 if n % 4 else 0.25,
        )
        for n in range(100)
    ]
    scores = Sample(rows=tuple(rows), paired=False, judged=True).scored
    assert correction.labelled(scores) == int(40 * (30 + 10 * 4) ** 2 / (40 * (30 + 10 * 16)))
    assert correction.corrected(scores, alpha=0.05) == ppi.mean(
        scores.candidate, scores.human, scores.clusters, probabilities=scores.chances
    )
    alike = replace(scores, chances=(0.25,) * 100)
    assert correction.labelled(alike) == 40
    assert correction.corrected(alike, alpha=0.05) == ppi.mean(
        scores.candidate, scores.human, scores.clusters
    )


def test_the_statistic_is_that_of_the_interval():
    """At its error the interval ends at the threshold; its sign says on which side it lies."""
    scores = sample(evidence(), labels(60)).scored
    for null in (0.4, 0.6):
        z = correction.z_statistic(scores, null=null)
        found = correction.interval(scores, alpha=2 * distributions.normal_cdf(-abs(z)))
        ends = (found.lower, found.upper)
        assert min(abs(end - null) for end in ends) < 0.001
        assert (z > 0) == (found.estimate > null)


def question(kind, threshold):
    incumbent = route(OTHER).digest if kind == "regression" else None
    return Question(
        kind=kind,
        task="a",
        candidate=route(SYSTEM).digest,
        incumbent=incumbent,
        threshold=threshold,
        alpha=0.05,
    )


@pytest.mark.parametrize(("count", "verdict"), [(0, "adequate"), (100, "inadequate")])
def test_a_verdict_is_that_of_people_where_there_are_labels(count, verdict):
    """The judge alone would promote what people find inadequate; the look says what it rests on."""
    policy = Policy(looks=(1.0,))
    found = compare.look(question("adequacy", 0.6), sample(evidence(), labels(count)), (), policy)
    assert found.verdict == verdict
    assert found.basis == ("corrected" if count else "judge")
    assert found.labels == count
    assert (found.judge is None) == (not count)
    if found.judge is not None:
        assert found.judge.lower > 0.6 > found.figure.upper
        assert found.statistic < -found.boundary


def test_a_difference_is_corrected_too():
    """In a look and in a table; the judge's own difference stands beside it."""
    found = evidence(SYSTEM, OTHER)
    both = sample(found, labels(100, SYSTEM, OTHER), OTHER)
    looked = compare.look(question("regression", 0.05), both, (), Policy(looks=(1.0,)))
    (row,) = contrast.contrast([Asked(task="a", margin=0.05, sample=both)], alpha=0.05)
    for figure in (looked.figure, row.difference):
        assert figure.lower <= 0.1 <= figure.upper
    assert looked.judge.value == row.judge.value < 0.08
    assert (row.basis, row.labels) == ("corrected", 100)
    assert row.p_value < 0.05
    plain = sample(found, Labels.of(TASK), OTHER)
    (row,) = contrast.contrast([Asked(task="a", margin=0.05, sample=plain)], alpha=0.05)
    assert (row.basis, row.judge, row.labels) == ("judge", None, 0)


def test_an_item_without_a_grade_is_missing_whatever_people_gave_it():
    """Its label is not used at either end."""
    rows = sample(evidence(), labels(40)).rows
    gap = replace(rows[0], candidate=None)
    found = Sample(rows=(gap, *rows[1:]), paired=False, judged=True)
    assert found.unscored == 1
    assert correction.labelled(found.scored) == 39
    assert found.worst().human[0] is None
    assert found.best().candidate[0] == 1.0
