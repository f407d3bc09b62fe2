"""The keys of one worker: known, looked up, leased; with the store, and while it is down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from escalera.apps.gateway import door as doors
from escalera.apps.gateway.callers import Admission, Refusal
from escalera.apps.gateway.door import Door
from escalera.core.serving import keys
from escalera.domain.access import Account, Allowance, Key, Limits
from escalera.errors import StoreUnavailable
from escalera.testing.gateway_stores import MemoryKeys

TOKEN = b"esk-one"
KEY = Key(id="k", name="shop", digest=keys.digest(TOKEN.decode()), created=0.0)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(
    store: MemoryKeys, clock: Callable[[], float] | None = None, **given: int
) -> AsyncIterator[Door]:
    door = Door(store, store, now=clock or Clock(), **given)
    await door.open()
    try:
        yield door
    finally:
        await door.close()


def having(*entries: Key | Account) -> MemoryKeys:
    store = MemoryKeys()
    for entry in entries:
        store.put(entry)
    return store


async def ask(door: Door, tokens: int = 0, money: int = 0, token: bytes = TOKEN):
    caller = door.known(token, door._now())
    assert caller is not None
    found = caller.admit("m", tokens, money, door._now())
    return found if found is not None else await door.refill(caller, "m", tokens, money)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that the door does on its own."""
    while not true():  # noqa: ASYNC110 - the door tells nobody
        await asyncio.sleep(0.001)


def test_a_key_of_the_store_is_known_from_the_start():
    """And another one is not, also when it is looked up; nor is one that is too long."""

    async def story() -> None:
        async with opened(having(KEY)) as door:
            assert door.known(TOKEN, 0.0).key == KEY
            assert door.known(b"esk-two", 0.0) is None
            assert await door.look_up(b"esk-two") is None
            looks = door.counts.looks
            assert await door.look_up(TOKEN + b"x" * 600) is None
            assert door.counts.looks == looks

    asyncio.run(story())


def test_a_new_key_is_found_at_once():
    """Without waiting for the next look."""

    async def story() -> None:
        store = having()
        async with opened(store) as door:
            assert door.known(TOKEN, 0.0) is None
            store.put(KEY)
            assert (await door.look_up(TOKEN)).key == KEY

    asyncio.run(story())


def test_many_unknown_keys_cost_few_looks():
    """A flood of them is answered by a look or two, all begun after they came."""

    async def story() -> None:
        store = having(KEY)
        async with opened(store) as door:
            found = await asyncio.gather(*(door.look_up(b"esk-%d" % n) for n in range(1000)))
            assert set(found) == {None}
            assert door.counts.looks <= 3
            crowd = [asyncio.create_task(door.look_up(b"%d" % n)) for n in range(1100)]
            ended = await asyncio.gather(*crowd, return_exceptions=True)
            assert sum(isinstance(one, StoreUnavailable) for one in ended) == 76

    asyncio.run(story())


def test_a_key_that_was_made_during_a_look_is_found_by_the_next():
    """Whoever asks gets an answer that is not older than the question."""

    async def story() -> None:
        store = having()
        async with opened(store) as door:
            first = asyncio.create_task(door.look_up(TOKEN))
            await until(lambda: door._looking is not None)
            store.put(KEY)
            second = asyncio.create_task(door.look_up(TOKEN))
            await first
            assert (await second).key == KEY

    asyncio.run(story())


def test_while_the_store_is_down_known_keys_work_and_unknown_ones_are_told():
    """Not that they are wrong: that nobody can look."""

    async def story() -> None:
        clock = Clock()
        free, rated = KEY, replace(KEY, id="r", digest=keys.digest("esk-r"))
        rated = replace(rated, limits=Limits(requests=4))
        paid = replace(KEY, id="p", digest=keys.digest("esk-p"))
        paid = replace(paid, allowance=Allowance(micro_dollars=1600))
        store = having(free, rated, paid)
        async with opened(store, clock, workers=2) as door:
            (await ask(door, 0, 10, b"esk-p")).settle(0, 10)
            store.down = True
            with pytest.raises(StoreUnavailable, match="it is down"):
                await door.look_up(b"esk-new")
            assert isinstance(await ask(door, 100, 100), Admission)
            said = [await ask(door, 0, 0, b"esk-r") for _ in range(3)]
            assert [type(one) for one in said] == [Admission, Admission, Refusal]
            assert (said[2].status, said[2].code) == (503, "store_unavailable")
            assert isinstance(await ask(door, 0, 90, b"esk-p"), Admission)
            refused = await ask(door, 0, 90, b"esk-p")
            assert (refused.status, refused.code) == (503, "store_unavailable")
            store.down = False
            clock.now += 1
            assert isinstance(await ask(door, 0, 90, b"esk-p"), Admission)

    asyncio.run(story())


def test_after_the_grace_known_keys_are_told_too(monkeypatch):
    """A key that was revoked long ago must not pass for ever; all is well when it is back."""
    monkeypatch.setattr(doors, "EVERY", 0.01)

    async def story() -> None:
        clock, store = Clock(), having(KEY)
        async with opened(store, clock) as door:
            store.down = True
            clock.now += doors.GRACE
            await until(lambda: door.counts.store_failures >= 2)
            assert door.known(TOKEN, clock.now) is not None
            clock.now += 1
            before = door.counts.store_failures
            await until(lambda: door.counts.store_failures >= before + 2)
            with pytest.raises(StoreUnavailable, match="away for more than 3600 seconds"):
                door.known(TOKEN, clock.now)
            store.down = False
            looks = door.counts.looks
            await until(lambda: door.counts.looks != looks)
            assert door.known(TOKEN, clock.now) is not None

    asyncio.run(story())


def test_a_door_that_nobody_tends_lets_nobody_in(monkeypatch):
    """Whatever ended it: a revoked key would pass for ever."""
    monkeypatch.setattr(doors, "EVERY", 0.01)

    async def story() -> None:
        store = having(KEY)
        async with opened(store) as door:
            assert door.known(TOKEN, 0.0) is not None
            monkeypatch.setattr(store, "roster", lambda after: 1 / 0)
            await until(door._tending.done)
            with pytest.raises(StoreUnavailable):
                door.known(TOKEN, 0.0)

    asyncio.run(story())


def test_rotation_lets_both_secrets_in_and_then_only_the_new_one(monkeypatch):
    """Without a moment in which neither works; revoked, neither does."""
    monkeypatch.setattr(doors, "EVERY", 0.01)

    async def story() -> None:
        clock, store = Clock(), having(KEY)
        new = b"esk-two"
        async with opened(store, clock) as door:
            rotated = keys.rotated(KEY, keys.digest(new.decode()), now=clock.now, overlap=60)
            store.put(rotated)
            assert (await door.look_up(new)).key == rotated
            assert door.known(TOKEN, clock.now + 59.9) is door.known(new, clock.now)
            assert door.known(TOKEN, clock.now + 60) is None
            store.put(keys.revoked(rotated, now=clock.now))
            revision = door._revision
            await until(lambda: door._revision != revision)
            assert door.known(TOKEN, clock.now) is None
            assert (await ask(door, token=new)).code == "invalid_api_key"

    asyncio.run(story())


def test_an_account_that_changes_changes_its_keys(monkeypatch):
    """Money that was held under the old one goes back."""
    monkeypatch.setattr(doors, "EVERY", 0.01)

    async def story() -> None:
        account = Account(name="a", allowance=Allowance(micro_dollars=1600))
        store = having(account, replace(KEY, account="a"))
        async with opened(store) as door:
            (await ask(door, 0, 10)).settle(0, 10)
            store.put(replace(account, allowance=Allowance(micro_dollars=20)))
            await until(lambda: store.standing("k", 0.0)[1].taken == 10)
            refused = await ask(door, 0, 11)
            assert refused.message.startswith("The account 'a' has $0.00001 left of $0.00002")

    asyncio.run(story())


def test_who_waits_shares_one_question_and_gets_the_last_money():
    """512 calls at once on a key with money for 10: 10 pass, the store is asked a few times."""

    async def story() -> None:
        store = having(replace(KEY, allowance=Allowance(micro_dollars=109)))
        async with opened(store) as door:
            said = await asyncio.gather(*(ask(door, 0, 10) for _ in range(512)))
            passed = [one for one in said if isinstance(one, Admission)]
            refused = [one for one in said if isinstance(one, Refusal)]
            assert (len(passed), len(refused)) == (10, 502)
            assert {one.code for one in refused} == {"insufficient_quota"}
            assert door.counts.leases <= 3
            for one in passed:
                one.settle(0, 10)
        assert store.standing("k", 0.0)[0].taken == 100

    asyncio.run(story())


def test_nobody_waits_for_a_lease_that_is_over():
    """It would be waited for without a pause: nothing else would ever run again."""

    async def story() -> None:
        async with opened(having(replace(KEY, allowance=Allowance(micro_dollars=100)))) as door:
            (await ask(door, 0, 10)).settle(0, 10)
            over = door._leasing["k"]
            assert over.done()
            assert isinstance(await ask(door, 0, 90), Admission)
            assert door._leasing["k"] is not over

    asyncio.run(story())


def test_two_workers_pass_no_more_than_a_limit_allows_together():
    """The bucket is one for both, so a burst is not twice as large."""

    async def story() -> None:
        store = having(replace(KEY, limits=Limits(requests=100)))
        clock = Clock()
        async with opened(store, clock, workers=2) as one, opened(store, clock, workers=2) as two:
            said = await asyncio.gather(*(ask(door) for door in (one, two) for _ in range(200)))
            assert sum(isinstance(found, Admission) for found in said) == 100
            refused = next(found for found in said if isinstance(found, Refusal))
            assert (refused.code, refused.retry_after) == ("rate_limit_exceeded", 0.6)

    asyncio.run(story())


def test_a_clock_that_is_set_back_holds_nobody_up():
    """Neither a limit that was reached before, nor a store that did not answer then."""

    async def story() -> None:
        store, clock = having(replace(KEY, limits=Limits(requests=2))), Clock()
        async with opened(store, clock) as door:
            said = [await ask(door) for _ in range(3)]
            assert [type(one) for one in said] == [Admission, Admission, Refusal]
            clock.now -= 7200
            said = [await ask(door) for _ in range(3)]
            assert [type(one) for one in said] == [Admission, Admission, Refusal]
            clock.now += 60
            store.down = True
            assert isinstance(await ask(door), Admission)
            assert door.counts.lent
            store.down = False
            clock.now -= 7200
            assert isinstance(await ask(door), Admission)
            assert door.counts.lent == 1

    asyncio.run(story())


def test_idle_slices_go_back_and_spending_is_told(monkeypatch):
    """What a quiet worker holds is there for the others."""
    monkeypatch.setattr(doors, "EVERY", 0.01)
    monkeypatch.setattr(doors, "IDLE", 0.05)

    async def story() -> None:
        store = having(replace(KEY, allowance=Allowance(micro_dollars=1_600_000)))
        async with opened(store, slice_=100_000) as door:
            admitted = await ask(door, 0, 10)
            assert store.standing("k", 0.0)[0].taken == 100_000
            await asyncio.sleep(0.2)
            assert store.standing("k", 0.0)[0].taken == 100_000  # a call is still open
            admitted.settle(0, 7)
            await until(lambda: store.standing("k", 0.0)[0].taken == 7)
            assert store.standing("k", 0.0)[0].spent == 7
            assert isinstance(await ask(door, 0, 10), Admission)

    asyncio.run(story())


def test_a_key_with_few_calls_a_minute_does_not_hoard_the_money_of_its_account():
    """Each call is leased by itself, and money that is held already is not leased again."""

    async def story() -> None:
        limited = replace(KEY, account="team", limits=Limits(requests=30))
        other = replace(KEY, id="o", account="team", digest=keys.digest("esk-o"))
        team = Account(name="team", allowance=Allowance(micro_dollars=5_000_000))
        store = having(team, limited, other)
        async with opened(store, slice_=250_000) as door:
            for _ in range(30):
                (await ask(door, 0, 20)).settle(0, 18)
            assert store.standing("k", 0.0)[1].taken <= 250_000 + 30 * 18
            assert isinstance(await ask(door, 0, 2_000_000, b"esk-o"), Admission)

    asyncio.run(story())


def test_at_midnight_a_new_day_is_leased():
    """The call that began before it is settled into the day before."""

    async def story() -> None:
        clock = Clock()
        store = having(replace(KEY, allowance=Allowance(micro_dollars=100, window="day")))
        async with opened(store, clock) as door:
            late = await ask(door, 0, 100)
            assert (await ask(door, 0, 1)).code == "insufficient_quota"
            yesterday, clock.now = clock.now, clock.now + 86_400
            assert isinstance(await ask(door, 0, 100), Admission)
            assert isinstance(await ask(door, 0, 1), Refusal)
            late.settle(0, 30)
            assert isinstance(await ask(door, 0, 1), Refusal)
        assert store.standing("k", yesterday)[0].taken == 30
        assert store.standing("k", clock.now)[0].taken == 100

    asyncio.run(story())


def test_a_store_that_does_not_answer_keeps_nobody_waiting(monkeypatch):
    """503 after the patience; the lease that comes later is used by later calls."""
    monkeypatch.setattr(doors, "PATIENCE", 0.05)

    async def story() -> None:
        store = having(replace(KEY, allowance=Allowance(micro_dollars=100)))
        async with opened(store) as door:
            with store._lock:
                refused = await ask(door, 0, 60)
                with pytest.raises(StoreUnavailable, match="does not answer"):
                    await door.look_up(b"esk-new")
            assert (refused.status, refused.code) == (503, "store_unavailable")
            assert isinstance(await ask(door, 0, 60), Admission)

    asyncio.run(story())


def test_what_is_leased_ahead_is_waited_for_by_nobody():
    """It is there for the next call; a key that nothing limits needs none, a store may be down."""
    rich = replace(KEY, allowance=Allowance(micro_dollars=1_000_000))

    async def story() -> None:
        for key, money in ((rich, 1_000_000 // 16), (KEY, 0)):
            async with opened(having(key), slice_=100_000) as door:
                caller = door.known(TOKEN, door._now())
                door.ahead(caller, 0, 0)
                await asyncio.gather(*door._leasing.values())
                assert caller.own.micro_dollars == money
        store = having(rich)
        async with opened(store) as door:
            caller = door.known(TOKEN, door._now())
            store.down = True
            door.ahead(caller, 0, 10)
            await until(door._leasing[rich.id].done)
            store.down = False
            assert caller.own.micro_dollars == 0

    asyncio.run(story())
