"""Prompts that another tool proposes: each meets the best so far, and none is trusted."""

from __future__ import annotations

from dataclasses import replace

from escalera.core.ladder import optimising, searching, steps
from escalera.domain.event import Duelled, Observed
from escalera.domain.optimiser import Optimiser, Rewritten
from escalera.domain.project import BaseModel, Budget
from escalera.domain.system import Prompt
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

A = playbook.task("a", bar=0.9, items={"train": 12, "search": 120, "confirm": 200})
WRITER = BaseModel(name="writer", revision="w", trainable=False, price=None)
TOOL = Optimiser(name="miprov2", calls=300)
POLICY = replace(DECLARED, rungs=("prompt", "search"))
PROJECT = playbook.project(A, policy=POLICY, proposer=WRITER, optimiser=TOOL)
WORTH = {"Good.": 0.2, "Better.": 0.35, "Bad.": -0.3}


def model(system, item):
    worth = sum(gain for rule, gain in WORTH.items() if rule in system.prompt.system)
    return float(luck(item) < 0.5 + worth)


def climb(*rewrites, project=PROJECT, **more):
    return simulate(project, model, writes=lambda _: rewrites, **more)


def said(climbed):
    return climbed.evidence.nominee("search").system("a").prompt.system


def test_the_best_of_what_is_proposed_stays():
    """In duels with the best so far, in the order of the tool."""
    climbed = climb("Bad.", "Good.", "Better.", "Never tried.")
    duels = [event for event in climbed.events if isinstance(event, Duelled)]
    assert [event.accepted for event in duels] == [False, True, True]
    assert duels[2].incumbent == duels[1].candidate
    assert said(climbed) == "Better."


def test_a_tool_that_brings_nothing_changes_nothing():
    """Nor does one that proposes what harms."""
    for rewrites in ((), ("Bad.",)):
        climbed = climb(*rewrites)
        before, now = (climbed.evidence.nominee(rung) for rung in ("prompt", "search"))
        assert now == before


def test_what_is_no_better_than_before_is_no_reason_to_change():
    """Not even where it is not worse either: nothing is known of it but that."""
    climbed = climb("Even.")
    (duel,) = [event for event in climbed.events if isinstance(event, Duelled)]
    assert (duel.figure.value, duel.accepted) == (0, False)
    assert said(climbed) == climbed.evidence.nominee("prompt").system("a").prompt.system


def test_the_tool_is_asked_once_and_never_sees_the_items_of_duels():
    """What chose may not judge."""
    climbed = climb("Good.")
    (step,) = [s for s in climbed.steps if isinstance(s, steps.Optimise)]
    judged = {item.id for item in A.items("search")} - {item.id for item in step.items}
    assert len(judged) == 40
    assert (step.optimiser, step.calls) == ("miprov2", 300)
    for asked in climbed.steps:
        if isinstance(asked, steps.Evaluate) and asked.purpose == "duel":
            assert {call.item.id for call in asked.calls} == judged


def test_a_climb_continued_from_any_event_is_the_same_climb():
    """The search is a function of what is known."""
    whole = climb("Good.", "Better.")
    for at in range(0, len(whole.events), 89):
        assert climb("Good.", "Better.", events=whole.events[:at]).events == whole.events


def test_another_tool_or_another_prompt_is_another_search():
    """What one proposed for a prompt says nothing of the other."""
    whole = climb("Good.")
    other = replace(PROJECT, optimiser=replace(TOOL, name="gepa"))
    again = climb("Better.", project=other, events=whole.events)
    assert said(again) == "Better."


def test_the_price_tells_its_calls_and_duels_and_the_cap_keeps_to_them():
    """A search that is not likely to be paid for to its end is not begun."""
    assert searching.most_calls(A, TOOL) == optimising.most_calls(A, TOOL) == 375 + 4 * 40
    free = climb("Good.").events
    began = next(n for n, event in enumerate(free) if isinstance(event, Rewritten))
    spent = sum(isinstance(event, Observed) for event in free[:began])
    climbed = climb("Good.", project=replace(PROJECT, budget=Budget(calls=spent + 299)))
    assert not any(isinstance(step, steps.Optimise) for step in climbed.steps[:-1])
    (stopped,) = climbed.evidence.stopped
    assert (stopped.reason, stopped.rung) == ("budget", "search")


def test_a_system_message_with_values_of_the_item_keeps_them():
    """What is rewritten stands below it."""
    from escalera.core.prompts import rewriting

    plain = Prompt(system="Be {{ '{{' }} kind.")
    assert rewriting.plain(plain) == "Be {{ kind."
    assert rewriting.rewritten(plain, "Say {{ no }}.").system == "Say {{ '{' }}{ no }}."
    valued = Prompt(system="Be kind to {{ name }}.")
    assert rewriting.plain(valued) == ""
    assert rewriting.rewritten(valued, "Be brief.").system == "Be kind to {{ name }}.\nBe brief."
    assert rewriting.rewritten(valued, "") == valued
