"""Any number of workers spend no more than the allowance, in any order, whatever dies."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from escalera.core.serving import spending
from escalera.core.serving.spending import Slice
from escalera.domain.access import (
    Account,
    Allowance,
    Amounts,
    Asked,
    Key,
    Lease,
    Limits,
    Shortage,
)
from escalera.domain.project import ModelPrice
from escalera.testing.gateway_stores import MemoryKeys

DAY = 86_400.0


class Workers(RuleBasedStateMachine):
    """Three workers on one key whose account has money for less than the key.

    Bills are what upstreams charged. Against them stands what the store says was taken.
    """

    @initialize(money=st.integers(0, 5_000), shared=st.integers(0, 5_000))
    def begin(self, money: int, shared: int) -> None:
        self.store = MemoryKeys()
        self.money, self.shared = money, shared
        self.store.put(Account(name="a", allowance=Allowance(micro_dollars=shared)))
        self.store.put(
            Key(
                id="k",
                name="k",
                digest=b"d",
                created=0.0,
                account="a",
                allowance=Allowance(micro_dollars=money, window="day"),
                limits=Limits(requests=10_000),
            )
        )
        self.now = 1_800_000_000.0
        self.slices = [Slice(), Slice(), Slice()]
        self.retired: list[Slice] = []
        self.open: list[tuple[int, Slice, int, float]] = []
        self.bills: dict[int, int] = {}
        self.lost = 0
        self.slice = 400

    @rule(worker=st.integers(0, 2), amount=st.integers(0, 600))
    def call(self, worker: int, amount: int) -> None:
        """Reserve a call, with a lease where the slice does not suffice."""
        own = self.slices[worker]
        if self.now >= own.until or not own.reserve(0, amount):
            if own.until and self.now >= own.until:
                self.retired.append(own)
                own = self.slices[worker] = Slice()
            asked = Asked(least=own.lacking(0, amount), wanted=Amounts(), slice=self.slice)
            found = self.store.lease("k", asked, self.now)
            if isinstance(found, Shortage):
                return
            if not own.belongs(found):
                self.retired.append(own)
                own = self.slices[worker] = Slice()
            own.add(found)
            assert own.reserve(0, amount)
        self.open.append((worker, own, amount, self.now))

    @rule(which=st.integers(0, 100), share=st.floats(0, 1))
    def bill(self, which: int, share: float) -> None:
        """A call ends and costs a part of what was reserved, in the window that it began in."""
        if self.open:
            _, own, amount, began = self.open.pop(which % len(self.open))
            cost = int(amount * share)
            own.settle((0, amount), 0, cost)
            self.bills[int(began // DAY)] = self.bills.get(int(began // DAY), 0) + cost

    @rule(worker=st.integers(0, 2))
    def kill(self, worker: int) -> None:
        """A worker dies: its calls may have cost all they could, its leases are gone."""
        for one in [one for one in self.open if one[0] == worker]:
            self.open.remove(one)
            day = int(one[3] // DAY)
            self.bills[day] = self.bills.get(day, 0) + one[2]
        self.lost += max(0, self.slices[worker].micro_dollars)
        self.slices[worker] = Slice()

    @rule(worker=st.integers(0, 2))
    def give_back(self, worker: int) -> None:
        """A slice lies idle; late calls of it are still open."""
        own = self.slices[worker]
        if own.until:
            self.store.give_back([own.emptied("k")], self.now)

    @rule()
    def tend(self) -> None:
        """Slices of days that have passed go back into those days."""
        self.store.give_back([own.emptied("k") for own in self.retired], self.now)

    @rule(seconds=st.sampled_from([1.0, 3600.0, DAY]))
    def wait(self, seconds: float) -> None:
        """Time passes, into the next day too."""
        self.now += seconds

    @invariant()
    def nothing_is_overspent(self) -> None:
        """No day of the key and not the whole of the account, with all open calls at their most."""
        at_most = dict(self.bills)
        for _, _, amount, began in self.open:
            at_most[int(began // DAY)] = at_most.get(int(began // DAY), 0) + amount
        assert all(spent <= self.money for spent in at_most.values())
        assert sum(at_most.values()) <= self.shared

    @invariant()
    def the_store_knows(self) -> None:
        """Money of the account: taken is what was billed, reserved, held, or lost with a worker."""
        taken = self.store.standing("k", self.now)[1].taken
        reserved = sum(amount for _, _, amount, _ in self.open)
        held = sum(own.micro_dollars for own in {*self.slices, *self.retired})
        assert taken == sum(self.bills.values()) + reserved + held + self.lost


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(
    st.integers(0, 50_000_000),
    st.integers(0, 50_000_000),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.integers(0, 1),
)
def test_no_call_costs_more_than_was_reserved(prompt, completion, bytes_, most, missing):
    """Whatever the price, when tokens are at most the bytes and at most `max_tokens`."""
    price = ModelPrice(prompt=prompt, completion=completion)
    bound = spending.most_prompt_tokens(bytes_)
    reserved = spending.most_cost(price, prompt_tokens=bound, max_tokens=most)
    billed = spending.cost(
        price, prompt_tokens=max(0, bound - missing), completion_tokens=max(0, most - missing)
    )
    assert billed <= reserved


def test_prices_are_rounded_up_and_never_to_nothing():
    """One token at $0.15 a million is a micro-dollar, not 0."""
    price = ModelPrice(prompt=150_000, completion=600_000)
    assert spending.cost(price, prompt_tokens=1, completion_tokens=0) == 1
    assert spending.cost(price, prompt_tokens=1_000_000, completion_tokens=0) == 150_000
    assert spending.most_cost(price, prompt_tokens=0, max_tokens=100, choices=3, calls=2) == 360


def test_images_are_bounded_by_what_they_may_count():
    """Their address is short, and says nothing about their tokens."""
    assert spending.most_prompt_tokens(100) == 612
    assert spending.most_prompt_tokens(100, media=2) == 100_612
    assert spending.likely_tokens(400, 50) == 150


def test_what_was_billed_beyond_a_reservation_is_kept_as_a_debt():
    """The truth is told to the store, and later calls wait until it is covered."""
    own = Slice()
    own.add(_lease(100))
    assert own.reserve(0, 100)
    own.settle((0, 100), 0, 130)
    assert (own.micro_dollars, own.beyond, own.spent, own.held) == (-30, 30, 130, 0)
    assert own.lacking(0, 10).micro_dollars == 40
    returned = own.emptied("k")
    assert (returned.amounts.micro_dollars, returned.spent) == (-30, 130)


def test_nobody_earns_by_a_call():
    """A usage below nothing puts back what was reserved, and no more."""
    own = Slice()
    own.add(_lease(100))
    assert own.reserve(10, 40)
    own.settle((10, 40), -5, -1000)
    assert (own.tokens, own.micro_dollars, own.spent) == (50, 100, 0)


def test_a_call_that_was_never_made_leaves_no_trace():
    """Requests, tokens and money are back."""
    own = Slice()
    own.add(_lease(100))
    before = (own.requests, own.tokens, own.micro_dollars)
    assert own.reserve(7, 40)
    assert own.extend(3, 20)
    own.undo((10, 60))
    assert (own.requests, own.tokens, own.micro_dollars, own.held, own.calls) == (*before, 0, 0)


def test_more_cannot_be_reserved_than_is_there():
    """Of any of the three; what is refused takes nothing."""
    own = Slice()
    assert not own.reserve(0, 0)
    own.add(_lease(100))
    assert not own.reserve(51, 0)
    assert not own.reserve(0, 101)
    assert own.reserve(0, 100)
    assert not own.extend(0, 1)
    assert own.reserve(0, 0)
    assert not own.reserve(0, 0)  # two requests were leased


def test_who_is_not_limited_is_never_short():
    """And gives nothing back that is not there, but says what was spent."""
    own = spending.free()
    assert own.reserve(10**9, 10**9)
    own.settle((10**9, 10**9), 5, 7)
    returned = own.emptied("k")
    assert (returned.amounts, returned.spent) == (Amounts(), 7)


def _lease(money: int) -> Lease:
    return Lease(
        requests=2,
        tokens=50,
        micro_dollars=money,
        key_period="total",
        account_period="",
        until=1.0,
    )
