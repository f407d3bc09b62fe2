"""Performing an evaluation."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from escalera.core.evidence import fold
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import Call, Evaluate
from escalera.domain.message import Decoding
from escalera.domain.project import Budget, ModelPrice
from escalera.domain.selection import Selection
from escalera.domain.system import Material, Prompt, System
from escalera.engine.evaluation import Evaluator
from escalera.engine.purse import Purse
from escalera.errors import (
    AccessRefused,
    CallFailed,
    JournalConflict,
    ProviderError,
    ProviderUnavailable,
)
from escalera.testing import playbook
from escalera.testing.memory import MemoryJournal
from escalera.testing.scoring import PureScoring
from escalera.testing.scripted import Faults, ScriptedProvider

TASK = playbook.task("a", items={"search": 10})
PROJECT = playbook.project(TASK)
ITEMS = TASK.items("search")
SMALL = System(model="base", revision="r1", prompt=Prompt(system="Be brief."), decoding=Decoding())
LARGE = replace(SMALL, prompt=Prompt(system="Be kind."))
STEP = Evaluate(
    rung="prompt",
    purpose="race",
    task="a",
    calls=tuple(Call(system=system, item=item) for system in (SMALL, LARGE) for item in ITEMS),
)


def right(request):
    """The target of the item that is asked about."""
    return f"answer {request.messages[-1].content.split()[-1]}"


def about(number):
    return lambda request: request.messages[-1].content.endswith(f" {number}")


def perform(provider, *, evidence=None, step=STEP, record=None, project=PROJECT, before=()):
    """Everything that was recorded, unit by unit; an outage is returned, not raised."""
    journal = MemoryJournal(before)
    evidence = fold(before) if evidence is None else evidence
    units, told, error = [], [], None

    def keep(events):
        units.append(list(events))
        journal.append(events)
        for event in events:
            evidence.apply(event)

    def keep_reserved(events):
        for event in events:
            evidence.apply(event)

    async def run():
        evaluator = Evaluator(
            project=project,
            evidence=evidence,
            provider=provider,
            scoring=PureScoring(),
            purse=Purse(Caps.of(project), evidence, keep_reserved),
            bought=journal.bought,
            invalid=lambda schema, text: None if text == schema else "not the schema",
            record=record or keep,
            progress=lambda *said: told.append(said),
        )
        await evaluator.perform(step.calls, purpose=step.purpose)

    try:
        asyncio.run(run())
    except ProviderError as caught:
        error = caught
    return units, told, error


def flat(units):
    return [event for unit in units for event in unit]


def test_every_call_is_scored_and_described():
    """What is recorded says which system answered which item, and at what price."""
    provider = ScriptedProvider(right, price=ModelPrice(prompt=10**6, completion=10**6))
    units, _, error = perform(provider)
    events = [event for unit in units for event in unit]
    assert error is None
    assert [(event.system, event.item) for event in events] == [
        (call.system.digest, call.item.id) for call in STEP.calls
    ]
    first, item = events[0], ITEMS[0]
    assert (first.score, first.reason, first.reply) == (1.0, None, item.target)
    assert (first.item_digest, first.task, first.split) == (item.digest, "a", "search")
    assert (first.cluster, first.scorer, first.revision) == (item.cluster, "exact", "scripted-1")
    assert first.micro_dollars == first.usage.prompt_tokens + first.usage.completion_tokens == 8


def test_answers_of_a_task_with_a_schema_are_checked():
    """Whatever the system: validity is said beside the score, and for others it is unknown."""
    task = replace(TASK, schema="answer 3")
    units, _, _ = perform(ScriptedProvider(right), project=playbook.project(task))
    assert [event.valid for event in flat(units)] == [
        event.reply == "answer 3" for event in flat(units)
    ]
    assert any(event.valid for event in flat(units))
    plain, _, _ = perform(ScriptedProvider(right))
    assert {event.valid for event in flat(plain)} == {None}


def test_an_answer_that_was_repaired_says_so():
    """One answer, however often it was sent back; every call counts."""
    evidence = fold([])

    class Repaired(ScriptedProvider):
        async def answer(self, requests):
            return [replace(reply, repairs=2) for reply in await super().answer(requests)]

    units, _, _ = perform(Repaired(right), evidence=evidence)
    assert {event.repairs for event in flat(units)} == {2}
    assert evidence.spent.calls == 3 * len(STEP.calls)
    assert evidence.sample(SMALL, ITEMS[0]).repairs == 2


@pytest.mark.parametrize("concurrency", [1, 3])
def test_units_belong_to_one_system_and_are_asked_as_a_whole(concurrency):
    """Ten items in units of four, for each of two systems."""
    provider = ScriptedProvider(right, unit=4, concurrency=concurrency)
    asked = []
    answer = provider.answer

    async def watched(requests):
        asked.append(requests)
        return await answer(requests)

    provider.answer = watched
    units, told, _ = perform(provider)
    assert [len(requests) for requests in asked] == [4, 4, 2, 4, 4, 2]
    assert all(len({request.messages[0] for request in unit}) == 1 for unit in asked)
    assert sum(len(unit) for unit in units) == 20
    assert told[-1] == ("race", 20, 20)
    assert [done for _, done, _ in told] == [4, 8, 10, 14, 18, 20]


def test_units_are_cut_before_what_is_answered_is_left_out():
    """After a restart a batch is what it would have been: no unit is filled up from the next."""
    whole, _, _ = perform(ScriptedProvider(right, unit=4))
    known = fold([*whole[0], whole[1][0]])
    rest, told, _ = perform(ScriptedProvider(right, unit=4), evidence=known)
    assert rest == [whole[1][1:], *whole[2:]]
    assert told[-1] == ("race", 15, 15)


def test_nothing_is_asked_when_everything_is_known():
    """A second run buys nothing."""
    whole, _, _ = perform(ScriptedProvider(right))
    provider = ScriptedProvider(right)
    again, told, _ = perform(provider, evidence=fold([e for unit in whole for e in unit]))
    assert (again, told, provider.requests) == ([], [], [])


def test_an_absent_endpoint_is_no_wrong_answer():
    """The error is raised, nothing is scored for that call, and later units are not begun."""
    provider = ScriptedProvider(right, faults=Faults(when=about(ITEMS[2].target.split()[1])))
    units, _, error = perform(provider)
    events = [event for unit in units for event in unit]
    assert isinstance(error, ProviderUnavailable)
    assert [event.item for event in events] == [item.id for item in ITEMS[:2]]
    assert all(event.score == 1.0 for event in events)
    assert len(provider.requests) == 3


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_item_that_the_endpoint_fails_at_holds_up_nothing(concurrency):
    """Asked again when the rest is done; failed again it goes without a score, with the reason."""
    faults = Faults(when=about(ITEMS[2].target.split()[1]), kind="failed")
    provider = ScriptedProvider(right, concurrency=concurrency, faults=faults)
    units, _, error = perform(provider)
    events = flat(units)
    assert error is None
    assert len(events) == 20
    failed = [event for event in events if event.score is None]
    assert {event.item for event in failed} == {ITEMS[2].id}
    assert all("status 500" in event.reason for event in failed)
    assert all(event.finish is None for event in failed)
    asked = [r for r in provider.requests if about(ITEMS[2].target.split()[1])(r)]
    assert len(asked) == 2 * len(failed) == 4


def test_a_failure_that_passes_is_not_held_against_the_item():
    """The second time it is answered, and scored."""
    units, _, error = perform(ScriptedProvider(right, faults=Faults(first=2, kind="failed")))
    assert error is None
    assert [event.score for event in flat(units)] == [1.0] * 20


@pytest.mark.parametrize("concurrency", [1, 5])
def test_an_endpoint_that_fails_at_everything_is_away(concurrency):
    """As many failures in a row as calls may be in flight, three at least: nothing is unscored."""
    faults = Faults(when=lambda _: True, kind="failed")
    provider = ScriptedProvider(right, concurrency=concurrency, faults=faults)
    units, _, error = perform(provider)
    assert isinstance(error, CallFailed)
    assert flat(units) == []
    assert len(provider.requests) <= max(3, 2 * concurrency)


def test_where_nothing_was_answered_nothing_is_given_up():
    """One call, failed twice: that may be the endpoint's state, so it is an error."""
    provider = ScriptedProvider(right, faults=Faults(when=lambda _: True, kind="failed"))
    units, _, error = perform(provider, step=replace(STEP, calls=STEP.calls[:1]))
    assert isinstance(error, CallFailed)
    assert flat(units) == []
    assert len(provider.requests) == 2


def test_a_wrong_key_ends_the_evaluation_at_once():
    """It would be refused for every item: nothing is recorded as unscored for it."""
    provider = ScriptedProvider(right, faults=Faults(first=99, kind="no access"))
    units, _, error = perform(provider)
    assert isinstance(error, AccessRefused)
    assert not any(units)
    assert len(provider.requests) == 1


def test_the_next_run_asks_only_what_is_missing():
    """Twenty calls in all, over two runs, plus the one that failed."""
    evidence = fold([])
    first = ScriptedProvider(right, faults=Faults(when=about(ITEMS[4].target.split()[1])))
    perform(first, evidence=evidence)
    second = ScriptedProvider(right)
    _, _, error = perform(second, evidence=evidence)
    assert error is None
    assert len(first.requests) == 5
    assert len(second.requests) == 16
    assert len(evidence.answers) == 20


def test_a_refused_request_is_unscored_with_the_reason():
    """The endpoint's word is kept; the other calls go on, and nothing was billed."""
    faults = Faults(when=about(ITEMS[1].target.split()[1]), kind="rejected")
    units, _, error = perform(ScriptedProvider(right, faults=faults))
    events = [event for unit in units for event in unit]
    assert error is None
    assert len(events) == 20
    refused = [event for event in events if event.score is None]
    assert {event.item for event in refused} == {ITEMS[1].id}
    assert all("scripted rejection" in event.reason for event in refused)
    assert {event.micro_dollars for event in refused} == {0}


class Slow(ScriptedProvider):
    """Answers after a few turns of the loop; with `fails`, the first unit soon ends in an error."""

    fails = False

    async def answer(self, requests):
        failed = self.fails and not self.requests
        answers = await super().answer(requests)
        for _ in range(1 if failed else 5):
            await asyncio.sleep(0)
        away = ProviderUnavailable("away", provider="slow")
        return [away if failed else answer for answer in answers]


def test_units_under_way_are_recorded_when_the_endpoint_goes_away():
    """They are paid for: three are in flight, one fails, two are kept and the rest never begins."""
    provider = Slow(right, concurrency=3)
    provider.fails = True
    units, _, error = perform(provider)
    assert isinstance(error, ProviderUnavailable)
    assert len(provider.requests) == 3
    assert [event.item for unit in units for event in unit] == [ITEMS[1].id, ITEMS[2].id]


def test_a_lost_journal_ends_everything_under_way():
    """Without a place to record answers none is bought."""
    provider = Slow(right, concurrency=2)

    def refuse(events):
        raise JournalConflict("another process writes")

    with pytest.raises(JournalConflict):
        perform(provider, record=refuse)
    assert len(provider.requests) <= 4


def test_answers_of_one_turn_are_recorded_together():
    """A durable transaction costs the same for one answer as for many."""
    units, _, _ = perform(ScriptedProvider(right, concurrency=20))
    assert [len(unit) for unit in units] == [20]
    alone, _, _ = perform(ScriptedProvider(right, concurrency=1))
    assert [len(unit) for unit in alone] == [1] * 20


@pytest.mark.parametrize("concurrency", [1, 7, 512])
@pytest.mark.parametrize("cap", [60, 500, 1111])
def test_no_cap_is_exceeded_however_many_calls_are_in_flight(concurrency, cap):
    """Worst cases are reserved: what is spent stays below the cap, and little of it is left."""
    price = ModelPrice(prompt=10**6, completion=10**6)
    project = playbook.project(TASK, price=price, budget=Budget(micro_dollars=cap))
    provider = Slow(right, price=price, concurrency=concurrency)
    evidence = fold([])
    perform(provider, evidence=evidence, project=project)
    worst = max(Caps.of(project).worst([call]).micro_dollars for call in STEP.calls)
    spent = evidence.spent.micro_dollars
    assert spent == int(evidence.answers.measures().micro_dollars.sum())
    assert spent <= cap
    assert len(evidence.answers) == 20 or cap - spent < worst


def test_a_request_that_was_answered_is_not_bought_for_another_target():
    """A corrected target, or a system that asks the same: scored anew, paid once."""
    bought = flat(perform(ScriptedProvider(right))[0])
    fixed = tuple(Call(system=SMALL, item=replace(item, target="other")) for item in ITEMS[:3])
    provider, evidence = ScriptedProvider(right), fold(bought)
    units, _, _ = perform(
        provider, evidence=evidence, before=bought, step=replace(STEP, calls=fixed)
    )
    assert provider.requests == []
    assert [(event.score, event.bought) for event in flat(units)] == [(0.0, False)] * 3
    assert evidence.spent.calls == 20


def test_a_request_that_two_systems_make_is_bought_once():
    """Two selections may choose the same for an item; killed anywhere, as much is bought."""
    texts = [
        Selection(kind="examples", count=count, order="nearest last", tokens=9, pool="p")
        for count in (2, 4)
    ]
    both = tuple(replace(SMALL, prompt=Prompt(selections=(one,))) for one in texts)
    calls = tuple(
        Call(system=system, item=item, material=Material()) for system in both for item in ITEMS
    )
    step = replace(STEP, calls=calls)
    provider, evidence = ScriptedProvider(right, unit=3), fold([])
    units, _, _ = perform(provider, evidence=evidence, step=step)
    assert len(provider.requests) == evidence.spent.calls == len(ITEMS)
    assert all(evidence.has(call.system, call.item) for call in calls)
    for some in (1, 4, 10, 15):
        before = flat(units)[:some]
        again, after = ScriptedProvider(right, unit=3), fold(before)
        perform(again, evidence=after, before=before, step=step)
        assert after.spent.calls == len(ITEMS)
        assert len(after.answers) == 2 * len(ITEMS)


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, model="another"),
        replace(SMALL, revision="r2"),
        replace(SMALL, adapter="a"),
        replace(SMALL, prompt=Prompt(system="Be brief!")),
        replace(SMALL, decoding=Decoding(max_tokens=7)),
        replace(SMALL, decoding=Decoding(temperature=0.1)),
        replace(SMALL, decoding=Decoding(top_p=0.9)),
        replace(SMALL, decoding=Decoding(seed=1)),
    ],
)
def test_an_answer_counts_for_exactly_what_was_asked(other):
    """Whatever changes the answer changes the key: model, revision, adapter, prompt, decoding."""
    bought = flat(perform(ScriptedProvider(right))[0])
    provider = ScriptedProvider(right)
    calls = tuple(Call(system=other, item=item) for item in ITEMS)
    perform(provider, before=bought, step=replace(STEP, calls=calls))
    assert len(provider.requests) == len(ITEMS)


def test_samples_of_an_answer_are_told_apart():
    """Each repeat is asked with a seed of its own, once."""
    drawn = replace(SMALL, decoding=Decoding(temperature=1.0, seed=5))
    calls = tuple(Call(system=drawn, item=ITEMS[0], repeat=n) for n in range(3))
    provider, evidence = ScriptedProvider(right), fold([])
    perform(provider, evidence=evidence, step=replace(STEP, calls=calls))
    assert [request.decoding.seed for request in provider.requests] == [5, 6, 7]
    assert all(evidence.has(drawn, ITEMS[0], repeat) for repeat in range(3))
    assert not evidence.has(drawn, ITEMS[0], 3)
    perform(provider, evidence=evidence, step=replace(STEP, calls=calls))
    assert len(provider.requests) == 3
