"""What holds on every climb, whatever the model answers."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from escalera.core.ladder import rungs, steps
from escalera.core.ladder.case import Case
from escalera.domain.event import Looked
from escalera.domain.project import RUNGS
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, Playbook, luck, perform, simulate

ITEMS = {"train": 9, "search": 12, "confirm": 60}
A, B = (playbook.task(name, items=ITEMS) for name in "ab")
PROJECT = playbook.project(A, B)

RATE = st.sampled_from([0.0, 0.3, 0.65, 0.72, 0.8, 0.97, 1.0])
KINDS = (
    "plain", "shots", "adapter(a", "adapter(a 9, b", "adapter(b", "merge",
    "model(a", "model(a 9, b", "model(b",
)  # fmt: skip
TABLES = st.fixed_dictionaries({kind: st.tuples(RATE, RATE) for kind in KINDS})
ALLOWED = st.sets(st.sampled_from(RUNGS[1:])).map(
    lambda names: ("prompt", *(name for name in RUNGS[1:] if name in names))
)
PLAIN = {"derandomize": True, "deadline": None, "phases": [Phase.explicit, Phase.generate]}
EVERY = settings(max_examples=25, **PLAIN)


def model(table, gaps=0.0):
    """A model by a table of rates per kind of system and type; *gaps* is the unscored share."""

    def answers(system, item):
        if system.adapter is None:
            kind = "shots" if system.prompt.shots or system.prompt.selections else "plain"
        else:
            kind = max((k for k in KINDS if system.adapter.startswith(k)), key=len)
        rate = table[kind][item.task == "b"]
        if luck(item) * 7 % 1 < gaps:
            return None
        return float(luck(item) < rate)

    return answers


def climb(table, allowed=RUNGS, gaps=0.0, misrouted=None):
    """A climb; with *misrouted*, a router that sends this share of the items to the other type."""
    query_type = "declared" if misrouted is None else "inferred"
    policy = replace(DECLARED, rungs=allowed, query_type=query_type)

    def infer(item):
        lost = misrouted is not None and luck(item) * 11 % 1 < misrouted
        return {"a": "b", "b": "a"}[item.task] if lost else item.task

    return simulate(playbook.project(A, B, policy=policy), model(table, gaps), infer=infer)


@EVERY
@given(TABLES, ALLOWED, st.sampled_from([0.0, 0.03, 0.2]))
def test_every_climb_ends_and_every_move_is_in_the_table(table, allowed, gaps):
    """From each decided rung to the next only as `rungs` says; after a stop nothing follows."""
    climbed = climb(table, allowed, gaps)
    assert len(climbed.evidence.stopped) == 1
    ends = [d for d in climbed.evidence.decided if d.task == ""]
    passed_by = {"structured"}
    if any(d.rung == "lora" and d.outcome != "inadequate" for d in ends):
        passed_by.add("full")  # LoRA learned enough
    names = [row.name for row in rungs.allowed(allowed) if row.name not in passed_by]
    assert [d.rung for d in ends] == names[: len(ends)]
    moves = [rungs.rung(d.rung).moves[d.outcome] for d in ends]
    assert "stop" not in moves[:-1]
    nothing_to_protect = len(Case(project=PROJECT, evidence=climbed.evidence).failing()) == 2
    assert moves[-1] == "stop" or len(ends) == len(names) or nothing_to_protect


@EVERY
@given(TABLES, st.sampled_from([0.0, 0.03, 0.2]))
def test_nothing_is_promoted_without_a_shown_pass_of_every_gate(table, gaps):
    """A served route has every bar met, and every regression question passed or needless."""
    climbed = climb(table, gaps=gaps)
    (stopped,) = climbed.evidence.stopped
    assert (stopped.route is not None) == (stopped.reason == "adequate")
    if stopped.route is None:
        return
    last = [looks[-1] for looks in climbed.evidence.looked.values()]
    mine = [look for look in last if look.question.candidate == stopped.route]
    assert all(look.passed for look in mine)
    decided = [d for d in climbed.evidence.decided if (d.rung, d.task) == (stopped.rung, "")]
    assert [d.outcome for d in decided] == ["adequate"]


@EVERY
@given(TABLES, ALLOWED)
def test_the_error_that_is_spent_never_exceeds_what_the_project_accepts(table, allowed):
    """Per type, the bars' questions of all rungs share alpha, and so do the regressions'.

    A promotion needs both questions of a rung passed, so the two kinds need no sum between them.
    """
    climbed = climb(table, allowed)
    spent = defaultdict(float)
    for looks in climbed.evidence.looked.values():
        question = looks[0].question
        spent[question.kind, question.task] += question.alpha
        assert looks[-1].alpha_spent <= question.alpha + 1e-12
    assert max(spent.values()) <= DECLARED.alpha + 1e-12
    per_rung = {name: rungs.alpha_of(name, allowed, DECLARED.alpha) for name in allowed}
    assert sum(per_rung.values()) == pytest.approx(DECLARED.alpha)


@EVERY
@given(TABLES)
def test_races_choose_on_search_items_and_verdicts_rest_on_confirm_items(table):
    """No item is used for both, and train items are asked by nobody."""
    for step in climb(table).steps:
        if isinstance(step, steps.Evaluate):
            wanted = "confirm" if step.purpose == "confirm" else "search"
            assert {call.item.split for call in step.calls} == {wanted}


@EVERY
@given(TABLES)
def test_every_rung_is_priced_before_its_first_training_or_race(table):
    """A pilot of ten items per type may come first, and nothing else."""
    priced = set()
    for step in climb(table).steps:
        match step:
            case steps.Price():
                priced.add(step.event.rung)
            case steps.Evaluate(purpose="pilot"):
                assert len(step.calls) <= 20
            case steps.Evaluate() | steps.Train():
                assert step.rung in priced
            case steps.Merge():
                assert "merge" in priced


@EVERY
@given(TABLES, st.sampled_from([None, 0.1]))
def test_a_rung_costs_at_most_the_calls_that_were_told(table, misrouted):
    """The price is an upper bound: what is told before is not exceeded after."""
    climbed, asked, told = climb(table, misrouted=misrouted), defaultdict(set), {}
    seen = set()
    for step in climbed.steps:
        if isinstance(step, steps.Price):
            told[step.event.rung] = step.event.calls
        if isinstance(step, steps.Evaluate):
            new = {(call.system.digest, call.item.id) for call in step.calls} - seen
            seen |= new
            asked[step.rung] |= new
    assert asked
    for rung, calls in asked.items():
        assert len(calls) <= told[rung], rung


@EVERY
@given(RATE, RATE, st.sampled_from([None, 0.1]))
def test_no_step_lists_a_call_twice(better, other, misrouted):
    """Candidate and incumbent may share systems: calls in flight together must differ."""
    table = dict.fromkeys(KINDS, (0.3, 0.97)) | {"adapter(a": (better, other)}
    for step in climb(table, ("prompt", "route"), misrouted=misrouted).steps:
        if isinstance(step, steps.Evaluate):
            assert len(set(step.calls)) == len(step.calls)


@EVERY
@given(TABLES)
def test_no_call_training_or_merge_is_asked_for_twice(table):
    """What was made once is used again."""
    made = [
        step.recipe if isinstance(step, steps.Train) else step.plan
        for step in climb(table).steps
        if isinstance(step, (steps.Train, steps.Merge))
    ]
    assert len(made) == len(set(made))


@settings(max_examples=6, **PLAIN)
@given(TABLES, st.integers(0, 10**6))
def test_the_next_step_is_a_function_of_the_evidence(table, cut):
    """Asked twice, on a copy or on evidence folded anew, the planner wants the same."""
    events = climb(table).events
    events = events[: cut % len(events)]
    first, second = Playbook(PROJECT, events), Playbook(PROJECT, events)
    before = copy.deepcopy(first.evidence)
    step = first.next()
    assert step is not None
    assert step == first.next() == second.next()
    assert first.evidence == before


@settings(max_examples=4, **PLAIN)
@given(TABLES, st.sampled_from([0.1, 0.5, 0.9]))
def test_a_step_lists_all_its_calls_however_many_are_answered(table, share):
    """So units are cut the same after a restart, and a batch keeps its composition."""
    book = Playbook(PROJECT)
    answers = model(table)
    while (step := book.next()) is not None:
        events = perform(step, project=PROJECT, evidence=book.evidence, answers=answers)
        if isinstance(step, steps.Evaluate):
            some = int(share * len(events))
            book.feed(*events[:some])
            assert book.next() == step
            events = events[some:]
        book.feed(*events)


@EVERY
@given(TABLES)
def test_a_look_is_never_taken_back(table):
    """Looks of a question are numbered, use growing items, and end with the first that settles."""
    for looks in climb(table).evidence.looked.values():
        assert [look.look for look in looks] == list(range(1, len(looks) + 1))
        assert [look.settled for look in looks] == [False] * (len(looks) - 1) + [True]
        assert isinstance(looks[0], Looked)
