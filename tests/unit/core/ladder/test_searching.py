"""The search rung: edits that a model writes, screened, held against what there is, confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import searching, steps
from escalera.core.prompts import rewriting
from escalera.domain.project import BaseModel, Budget, ModelPrice
from escalera.domain.screening import Screened
from escalera.testing import playbook
from escalera.testing.playbook import DECLARED, luck, simulate

ITEMS = {"train": 12, "search": 120, "confirm": 200}
A = playbook.task("a", bar=0.8, items=ITEMS)
WRITER = BaseModel(name="writer", revision="w", trainable=False, price=None)
POLICY = replace(DECLARED, rungs=("prompt", "search", "examples"))
PROJECT = playbook.project(A, policy=POLICY, proposer=WRITER)
WORTH = {"Good rule.": 0.25, "Better rule.": 0.2, "Bad rule.": -0.3, "Vain rule.": 0.0}


def model(base, worth=WORTH):
    """Right at a base rate, and more or less often with each rule in its prompt."""

    def answers(system, item):
        rate = base + sum(gain for rule, gain in worth.items() if rule in system.prompt.system)
        return float(luck(item) < rate)

    return answers


def by_round(*edits):
    return lambda step: edits[step.round - 1] if step.round <= len(edits) else ()


def climb(base, writes, project=PROJECT, worth=WORTH):
    return simulate(project, model(base, worth), writes=writes)


def rules(climbed):
    said = climbed.evidence.nominee("search").system("a").prompt.system
    return [rule for rule in WORTH if rule in said]


def test_edits_that_help_are_found_among_others_and_confirmed():
    """All are screened together; what harms or does nothing is left out."""
    climbed = climb(0.5, by_round(("Bad rule.", "Good rule.", "Vain rule.", "Better rule.")))
    assert rules(climbed) == ["Good rule.", "Better rule."]
    assert climbed.evidence.decision("search", "a").outcome == "adequate"
    (stopped,) = climbed.evidence.stopped
    assert (stopped.reason, stopped.rung) == ("adequate", "search")
    (duel,) = climbed.evidence.duelled.values()
    assert duel.accepted


def test_one_round_builds_on_another():
    """The second round starts from what the first brought, and knows what was tried."""
    climbed = climb(0.4, by_round(("Good rule.", "Bad rule."), ("Better rule.",)))
    assert rules(climbed) == ["Good rule.", "Better rule."]
    first, second = [s for s in climbed.steps if isinstance(s, steps.Rewrite)][:2]
    assert first.tried == ()
    assert {one.edit: one.effect > 0 for one in second.tried} == {
        "Good rule.": True,
        "Bad rule.": False,
    }
    assert "Good rule." in second.parent.prompt.system


def test_the_proposer_is_shown_answers_that_were_wrong():
    """Of the prompt in hand, from `search` items only, and not more than it can read."""
    climbed = climb(0.5, by_round(("Vain rule.",)))
    first = next(s for s in climbed.steps if isinstance(s, steps.Rewrite))
    assert 0 < len(first.mistakes) <= searching.MISTAKES
    for call in first.mistakes:
        assert call.system == first.parent
        assert call.item.split == "search"
        assert climbed.evidence.sample(call.system, call.item).score < 1


@pytest.mark.parametrize(
    "written", [by_round(), by_round(("Vain rule.",), ("Bad rule.",)), by_round((), ())]
)
def test_what_brings_nothing_ends_after_three_rounds(written):
    """And the prompt stays as it was: nothing is confirmed twice, the next rung comes."""
    climbed = climb(0.5, written)
    rounds = [s.round for s in climbed.steps if isinstance(s, steps.Rewrite)]
    assert rounds == [1, 2, 3]
    assert rules(climbed) == []
    assert climbed.evidence.decision("search", "a").outcome == "inadequate"
    assert climbed.evidence.decision("examples", "") is not None


def test_a_proposer_that_writes_nothing_is_told():
    """Not that no prompt was better: none was tried."""
    said = climb(0.5, by_round()).evidence.decision("search", "a").words
    assert said == "writer wrote no instructions that could be read for a, in 3 replies"
    said = climb(0.5, by_round(("Vain rule.",))).evidence.decision("search", "a").words
    assert said == "no searched prompt was shown better for a"


@pytest.mark.parametrize("dear", [0, 10**6, 10**9])
def test_what_the_proposer_takes_is_in_the_price(dear):
    """At most a round's message and the longest reply, as often as there are rounds."""
    cheap, costly = (ModelPrice(prompt=rate, completion=rate) for rate in (10**6, dear))
    project = playbook.project(
        A, policy=POLICY, price=cheap, proposer=replace(WRITER, price=costly)
    )
    told = climb(0.5, by_round(), project).evidence.priced["search"]
    written = searching.writing(project, [A])
    tokens = told.prompt_tokens + told.completion_tokens
    assert written >= searching.ROUNDS * rewriting.MOST_TOKENS * dear // 10**6
    assert told.micro_dollars == pytest.approx(tokens + written, abs=1)
    low, high = told.micro_dollars_range
    assert low < tokens <= high - written


def test_of_a_proposer_without_a_price_none_is_told():
    """It is not free because nobody knows what it costs."""
    cheap = ModelPrice(prompt=10**6, completion=10**6)
    project = playbook.project(A, policy=POLICY, price=cheap, proposer=WRITER)
    priced = climb(0.5, by_round(), project).evidence.priced
    assert priced["search"].micro_dollars is None
    assert priced["prompt"].micro_dollars is not None


def test_a_prompt_that_fresh_items_do_not_show_better_is_not_kept():
    """It looked better on `search` items only: the prompt before stays, and nothing is lost."""

    def lucky(system, item):
        found = 0.5 + 0.3 * ("Good rule." in system.prompt.system) * (item.split == "search")
        return float(luck(item) < found)

    climbed = simulate(PROJECT, lucky, writes=by_round(("Good rule.",)))
    assert rules(climbed) == []
    route, before = (climbed.evidence.nominee(rung) for rung in ("search", "prompt"))
    assert route == before
    asked = [look for look in climbed.evidence.looks if look.question.kind == "improvement"]
    assert asked[-1].verdict != "better"
    assert asked[-1].question.incumbent == before.digest
    said = climbed.evidence.decision("search", "a")
    assert (said.outcome, said.words) == ("inadequate", "no searched prompt was shown better for a")


def test_a_prompt_that_is_better_but_not_enough_is_built_upon():
    """Below the bar it is not promoted; the next rungs begin with it all the same."""
    climbed = climb(0.3, by_round(("Good rule.",)))
    assert rules(climbed) == ["Good rule."]
    assert climbed.evidence.decision("search", "a").outcome == "inadequate"
    shown = [look for look in climbed.evidence.looks if look.question.kind == "improvement"]
    assert shown[-1].verdict == "better"
    examples = [p for p in climbed.evidence.proposed if p.rung == "examples"]
    assert any("Good rule." in entry.system.prompt.system for entry in examples)


def test_what_is_in_doubt_is_screened_again_with_what_is_new():
    """Each answer counts for every edit of a round, whoever wrote it when."""
    climbed = climb(0.4, by_round(("Good rule.", "Vain rule."), ("Bad rule.",)))
    screened = [e for e in climbed.events if isinstance(e, Screened) and e.rung == "search"]
    assert screened[0].factors == ("edit 1.1", "edit 1.2")
    assert screened[1].factors == ("edit 1.2", "edit 2.1")


def test_where_the_bar_is_reached_on_search_items_no_further_round_is_bought():
    """The confirmation says whether it is so."""
    climbed = climb(0.55, by_round(("Good rule.", "Better rule."), ("Vain rule.",)))
    assert [s.round for s in climbed.steps if isinstance(s, steps.Rewrite)] == [1]


def test_a_round_that_costs_more_than_it_is_likely_to_bring_is_not_begun():
    """Half of the last gain, at the task's own value, against the price of a round."""
    price = ModelPrice(prompt=10**6, completion=10**6)
    far = replace(A, bar=0.97)
    written = by_round(("Good rule.",), ("Better rule.",), ("Vain rule.",))
    rounds = {}
    for value in (1e-6, 1e6):
        task = replace(far, value_per_point=value)
        project = playbook.project(task, policy=POLICY, proposer=WRITER, price=price)
        climbed = climb(0.4, written, project)
        rounds[value] = [s.round for s in climbed.steps if isinstance(s, steps.Rewrite)]
    assert rounds[1e-6] == [1]
    assert rounds[1e6][:2] == [1, 2]


def test_calls_keep_to_the_bound_that_is_told():
    """Screening, duels and the proposer of all rounds."""
    written = by_round(*((f"Rule {n}.{k}." for k in range(7)) for n in range(9)))
    climbed = simulate(PROJECT, model(0.5), writes=lambda step: tuple(written(step)))
    calls = {
        (call.system.digest, call.item.id)
        for step in climbed.steps
        if isinstance(step, steps.Evaluate) and step.rung == "search" and step.purpose != "confirm"
        for call in step.calls
    }
    assert 0 < len(calls) <= searching.most_calls(A)


def test_a_cap_that_does_not_reach_for_the_proposer_ends_the_climb():
    """Its worst case counts like every call's."""
    asked = climb(0.5, by_round(("Good rule.",)))
    before = next(n for n, s in enumerate(asked.steps) if isinstance(s, steps.Rewrite))
    spent = sum(
        isinstance(event, playbook.Observed) for event in asked.events[: _position(asked, before)]
    )
    project = playbook.project(A, policy=POLICY, proposer=WRITER, budget=Budget(calls=spent))
    climbed = climb(0.5, by_round(("Good rule.",)), project)
    (stopped,) = climbed.evidence.stopped
    assert (stopped.reason, stopped.rung) == ("budget", "search")
    assert not any(isinstance(step, steps.Rewrite) for step in climbed.steps[:-1])


def _position(climbed, step):
    """Where the events of the steps before *step* end."""
    first = next(n for n, event in enumerate(climbed.events) if type(event).__name__ == "Drafted")
    assert isinstance(climbed.steps[step], steps.Rewrite)
    return first


def test_a_climb_continued_from_any_event_is_the_same_climb():
    """The search is a function of what is known."""
    written = by_round(("Bad rule.", "Good rule."), ("Better rule.",))
    whole = climb(0.4, written)
    for at in range(0, len(whole.events), 97):
        again = simulate(PROJECT, model(0.4), writes=written, events=whole.events[:at])
        assert again.events == whole.events


def test_what_was_written_is_not_asked_for_again_when_the_bar_is_raised():
    """Edits are known by the prompt that they belong to."""
    written = by_round(("Good rule.", "Better rule."))
    whole = climb(0.5, written)
    raised = playbook.project(replace(A, bar=0.85), policy=POLICY, proposer=WRITER)
    again = simulate(raised, model(0.5), writes=lambda step: 1 / 0, events=whole.events)
    assert again.evidence.decision("search", "a") is not None
