"""Worst cases are set aside while calls are in flight."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from escalera.core.evidence import Evidence
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import Call
from escalera.core.spent import Spent
from escalera.domain.event import Reserved
from escalera.domain.message import Decoding
from escalera.domain.project import Budget, ModelPrice
from escalera.domain.system import Prompt, System
from escalera.engine.purse import Purse
from escalera.testing import playbook

TASK = playbook.task("a", items={"search": 9})
SYSTEM = System(model="base", revision="r1", prompt=Prompt(), decoding=Decoding(max_tokens=5))
CALLS = [Call(system=SYSTEM, item=item) for item in TASK.items("search")]
PRICE = ModelPrice(prompt=10**6, completion=10**6)
PRICED = playbook.project(TASK, price=PRICE, budget=Budget(calls=1))
ONE = max(Caps.of(PRICED).worst([call]).micro_dollars for call in CALLS)


def purse(**caps):
    evidence = Evidence()
    project = playbook.project(TASK, price=PRICE, budget=Budget(**caps))
    return Purse(Caps.of(project), evidence, partial(keep, evidence)), evidence


def keep(evidence, events):
    for event in events:
        evidence.apply(event)


def test_without_caps_everything_is_affordable():
    """No waiting, no counting."""
    unlimited, _ = purse()
    assert list(asyncio.run(unlimited.affordable(CALLS))) == CALLS


def test_the_first_calls_that_fit():
    """A unit is cut where the cap ends; nothing is left of a cap that is reached."""
    some, evidence = purse(calls=4)
    assert list(asyncio.run(some.affordable(CALLS))) == CALLS[:4]
    evidence.spent = Spent(calls=4)
    assert list(asyncio.run(some.affordable(CALLS))) == []


def test_what_is_held_is_not_there_for_others_until_it_comes_back():
    """The second waits for the first, whose call turns out to be cheap."""
    shared, evidence = purse(micro_dollars=ONE + ONE // 2)
    order = []

    async def first():
        with shared.held(await shared.affordable(CALLS[:1])):
            order.append("first asks")
            await asyncio.sleep(0.01)
            evidence.spent = Spent(calls=1, known_micro_dollars=1)
            order.append("first paid")

    async def second():
        allowed = await shared.affordable(CALLS[1:2])
        order.append(f"second may ask {len(allowed)}")

    async def run():
        await asyncio.gather(first(), second())

    asyncio.run(run())
    assert order == ["first asks", "first paid", "second may ask 1"]


def test_what_is_held_comes_back_after_an_error_too():
    """A call that failed cost nothing that is known of."""
    shared, _ = purse(calls=1)

    async def run():
        with suppress(ZeroDivisionError), shared.held(CALLS[:1]):
            1 / 0  # noqa: B018
        return await shared.affordable(CALLS)

    assert list(asyncio.run(run())) == CALLS[:1]


def test_what_is_held_together_is_in_the_journal_before_it_can_be_spent():
    """One event for all that is held in a turn, another only where more is held than ever."""
    evidence, written = Evidence(), []

    def record(events):
        written.extend(events)
        keep(evidence, events)

    project = playbook.project(TASK, price=PRICE, budget=Budget(calls=9))
    caps = Caps.of(project)
    shared = Purse(caps, evidence, record)

    async def ask(calls):
        with shared.held(await shared.affordable(calls)):
            await shared.secured()
            seen = evidence.spent.reserved
            await asyncio.sleep(0.01)
            return seen.calls

    async def run():
        first = await asyncio.gather(*(ask([call]) for call in CALLS[:3]))
        again = await asyncio.gather(*(ask([call]) for call in CALLS[:2]))
        return first, again, await ask(CALLS[:5])

    assert asyncio.run(run()) == ([3, 3, 3], [3, 3], 5)
    worst = [caps.worst(CALLS[:count]) for count in (3, 5)]
    expected = [
        Reserved(calls=cost.calls, tokens=cost.tokens, micro_dollars=cost.micro_dollars)
        for cost in worst
    ]
    assert written == expected
    shared.settle()
    assert written[2:] == [Reserved(calls=0, tokens=0, micro_dollars=0)]
    shared.settle()
    assert len(written) == 3


def test_what_a_crash_cut_off_stays_counted():
    """The next run has that much less, run after run; what it settles is its own."""
    _, evidence = purse()
    evidence.apply(Reserved(calls=3, tokens=90, micro_dollars=500))
    project = playbook.project(TASK, price=PRICE, budget=Budget(calls=8))
    resumed = Purse(Caps.of(project), evidence, partial(keep, evidence))

    async def run():
        allowed = await resumed.affordable(CALLS)
        with resumed.held(allowed):
            await resumed.secured()
        return len(allowed), evidence.spent.reserved.calls

    assert asyncio.run(run()) == (5, 8)
    resumed.settle()
    assert evidence.spent.reserved == Reserved(calls=3, tokens=90, micro_dollars=500)


def test_without_caps_nothing_is_written():
    """A cap on minutes is none on calls."""
    for caps in ({}, {"minutes": 5.0}):
        free, evidence = purse(**caps)

        async def run(free=free):
            with free.held(CALLS):
                await free.secured()

        asyncio.run(run())
        free.settle()
        assert evidence.events == 0
