"""Evidence: the fold of events."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation import compare
from escalera.core.evidence import Evidence, fold
from escalera.core.ladder.case import Case
from escalera.core.ladder.pricing import price
from escalera.core.ladder.steps import Call
from escalera.core.spent import Spent
from escalera.domain.event import Merged, Nominated, Observed, Opened, Rescored, RouterFitted
from escalera.domain.message import Decoding
from escalera.domain.project import ModelPrice
from escalera.domain.recipe import MergePlan
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.domain.verdict import Figure, Question
from escalera.testing import playbook
from escalera.testing.playbook import luck, observed, simulate

TASK = playbook.task("a", items={"train": 2, "search": 20, "confirm": 80})
PROJECT = playbook.project(TASK, price=ModelPrice(prompt=1_000_000, completion=2_000_000))
SYSTEM = System(model="base", revision="r1", prompt=Prompt(), decoding=Decoding())
ROUTE = Route(branches=(Branch(task="a", system=SYSTEM),))
ASKED = [
    observed(PROJECT, Call(system=SYSTEM, item=item), float(luck(item) < 0.8))
    for item in TASK.items("confirm")
]
ONE_LOOK = replace(playbook.DECLARED, looks=(1.0,))
QUESTION = Question(
    kind="adequacy", task="a", candidate=ROUTE.digest, incumbent=None, threshold=0.7, alpha=0.05
)


def answers(system, item):
    return float(luck(item) < 0.3)


def figures(asked):
    """Every number that a decision could rest on."""
    evidence = fold([Nominated(rung="prompt", route=ROUTE), *asked])
    case = Case(project=PROJECT, evidence=evidence)
    return (
        compare.look(
            QUESTION, compare.gather(evidence, TASK.items("confirm"), ROUTE, None), [], ONE_LOOK
        ),
        price(case, "lora", calls=7),
        evidence.spent,
    )


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.permutations(ASKED))
def test_the_order_in_which_calls_return_does_not_matter(asked):
    """Concurrent calls end in any order; every figure is the same to the last bit."""
    assert figures(asked) == figures(ASKED)


def test_what_was_spent_is_counted():
    """Calls, tokens, money and seconds of answers; tokens and seconds of trainings and merges."""
    climbed = simulate(playbook.project(TASK), answers)
    spent, events = climbed.evidence.spent, climbed.events
    asked = [event for event in events if isinstance(event, Observed)]
    assert spent.calls == len(asked)
    assert spent.prompt_tokens == sum(event.usage.prompt_tokens for event in asked)
    assert spent.completion_tokens == len(asked)
    assert spent.training_tokens == 40  # LoRA, and then all weights
    assert spent.seconds == 0.25 * len(asked) + 4.0
    assert climbed.evidence.events == len(events)
    merged = Merged(plan=MergePlan(method="linear", adapters=()), adapter="m", seconds=1.5)
    assert fold([merged]).spent.seconds == 1.5


def test_one_unknown_price_makes_the_sum_unknown():
    """Unknown is never 0, whatever follows."""
    known, unknown = ASKED[0], replace(ASKED[1], micro_dollars=None)
    assert fold([known]).spent.micro_dollars == known.micro_dollars
    assert fold([known, unknown]).spent.micro_dollars is None
    assert fold([known, unknown, ASKED[2]]).spent.micro_dollars is None
    assert Spent().micro_dollars == 0


def test_another_project_keeps_answers_and_drops_decisions():
    """What was bought is kept by content; what was concluded is concluded anew."""
    events = simulate(playbook.project(TASK), answers).events
    before = fold(events)
    after = fold([*events, Opened(project="another", name="n", version="v")])
    for kept in ("answers", "trained", "merged", "failed", "spent"):
        assert getattr(after, kept) == getattr(before, kept)
    for dropped in (
        "proposed", "raced", "priced", "routers", "nominated", "looked", "decided", "stopped",
    ):  # fmt: skip
        assert not getattr(after, dropped), dropped
    assert len(after.opened) == len(before.opened) + 1
    assert before.stopped
    assert before.decided


def test_opening_the_same_project_again_changes_nothing():
    """A climb that is continued does not lose its decisions."""
    events = simulate(playbook.project(TASK), answers).events
    again = fold([*events, events[0]])
    assert isinstance(events[0], Opened)
    assert (again.decided, again.stopped) == (fold(events).decided, fold(events).stopped)


def test_an_edited_item_was_never_asked():
    """Answers are known by content: the old answer to another text or target is no evidence."""
    evidence = fold([Nominated(rung="prompt", route=ROUTE), ASKED[0]])
    item = next(item for item in TASK.examples if item.id == ASKED[0].item)
    edited = replace(item, target="something else")
    assert evidence.has(SYSTEM, item)
    assert evidence.answer(ROUTE, item).score == ASKED[0].score
    assert not evidence.has(SYSTEM, edited)
    assert evidence.answer(ROUTE, edited) is None


def test_the_router_decides_who_answers():
    """With a router the inferred type counts, without one the item's own."""
    items = TASK.items("confirm")[:2]
    other = replace(SYSTEM, revision="r2")
    branches = (Branch(task="a", system=SYSTEM), Branch(task="b", system=other))
    figure = Figure(value=1.0, lower=0.0, upper=1.0, n=2, clusters=2)
    fitted = RouterFitted(
        router="r", items=tuple(i.id for i in items), choices=("b", "a"), accuracy=figure
    )
    evidence = fold([fitted])
    routed = Route(branches=branches, router="r")
    assert [evidence.answering(routed, item) for item in items] == [other, SYSTEM]
    aside = Branch(task="b", system=replace(SYSTEM, revision="r3"))
    shy = fold([replace(fitted, unsure=(items[0].id,))])
    held = replace(routed, unsure=(aside,))
    assert [shy.answering(held, item) for item in items] == [aside.system, SYSTEM]
    declared = Route(branches=branches)
    assert [evidence.answering(declared, item) for item in items] == [SYSTEM, SYSTEM]


def test_nominations_and_decisions_are_found_by_their_keys():
    """The latest nomination of a rung, the decision of a rung and task, or nothing."""
    evidence = simulate(playbook.project(TASK), answers).evidence
    route = evidence.nominee("lora")
    assert route is not None
    latest = [entry for entry in evidence.nominated if entry.route == route][-1]
    assert evidence.nomination(route.digest) is latest
    assert evidence.route(route.digest) == route
    assert evidence.decision("lora", "a").outcome == "inadequate"
    assert evidence.decision("lora", "b") is None
    first = evidence.proposed[0]
    assert evidence.operator(first.system.digest) == first.operator
    assert evidence.operator("unknown") == ""
    empty = Evidence()
    assert empty.nominee("lora") is None
    with pytest.raises(KeyError):
        empty.route(route.digest)


def test_two_folds_share_nothing():
    """Evidence that grows must not grow in another's hands."""
    first, second = fold([]), fold([])
    untouched = copy.deepcopy(second)
    first.apply(ASKED[0])
    first.apply(Opened(project="p", name="n", version="v"))
    assert second == untouched
    assert first != second


def test_a_new_score_replaces_the_old_one_and_nothing_else():
    """The answer keeps its reply and its price; it is counted under its latest scorer."""
    bought = ASKED[0]
    rescored = Rescored(
        system=bought.system,
        item_digest=bought.item_digest,
        repeat=0,
        scorer="other",
        score=0.5,
        reason=None,
    )
    evidence = fold([bought, ASKED[1], rescored])
    found = evidence.answers.get(bought.system, bought.item_digest)
    assert (found.scorer, found.score, found.reason) == ("other", 0.5, None)
    assert found.usage == bought.usage
    assert evidence.spent == fold([bought, ASKED[1]]).spent
    by_another = evidence.answers.by_another
    assert by_another({bought.task: bought.scorer})
    assert by_another({bought.task: "other"})
    assert not fold([bought, rescored]).answers.by_another({bought.task: "other"})


def test_before_anything_is_in_service_no_adapter_is_asked():
    """Whatever is on the shelf of finetuned models."""
    assert not Evidence().serves("f" * 64)
