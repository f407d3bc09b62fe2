"""What the store gives, and what it says where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.serving import leasing, limits
from escalera.core.serving.leasing import Holding
from escalera.domain.access import (
    Account,
    Allowance,
    Amounts,
    Asked,
    Key,
    Lease,
    Limits,
    Returned,
    Shortage,
)

NOW = 1_800_000_000.0
KEY = Key(id="k", name="k", digest=b"d", created=0.0, account="a")


def lease(key: Key, account: Account | None, asked: Asked, *, taken: int = 0, at: float = NOW):
    among = leasing.holders(key, account)
    held = [
        leasing.refreshed(one, Holding(holder=one.name, period=one.period(at), taken=taken), at)
        for one in among
    ]
    return leasing.lease(among, held, asked, at)


def asked(money: int, *, requests: int = 1, tokens: int = 0, slice_: int = 100) -> Asked:
    least = Amounts(requests=requests, tokens=tokens, micro_dollars=money)
    return Asked(least=least, wanted=least, slice=slice_)


def with_money(micro_dollars: int, window: str = "total") -> Allowance:
    return Allowance(micro_dollars=micro_dollars, window=window)


def test_who_is_not_limited_gets_all_there_is():
    """None stands for no limit."""
    _, found = lease(KEY, None, asked(5))
    assert (found.requests, found.tokens, found.micro_dollars) == (None, None, None)


def test_a_lease_is_taken_from_key_and_account_at_once():
    """What the tighter of the two has left is what can be had."""
    key = replace(KEY, allowance=with_money(1000, "day"))
    account = Account(name="a", allowance=with_money(300, "month"))
    after, found = lease(key, account, asked(10))
    assert found.micro_dollars == 18  # a sixteenth of the account's 300, more than the 10
    assert [one.taken for one in after] == [18, 18]
    assert (found.key_period, found.account_period) == ("2027-01-15", "2027-01")
    assert found.until == 1_800_057_600.0  # the day ends before the month


def test_slices_shrink_as_the_money_ends():
    """A worker never holds more than a sixteenth of what is left, unless a call needs it."""
    key = replace(KEY, allowance=with_money(100_000))
    sizes = []
    for taken in (0, 90_000, 99_000, 99_990):
        _, found = lease(key, None, asked(1, slice_=5_000), taken=taken)
        sizes.append(found.micro_dollars)
    assert sizes == [5_000, 625, 62, 1]


def test_the_last_money_is_given_and_no_more():
    """Exactly what is left can be had; a micro-dollar more cannot."""
    key = replace(KEY, allowance=with_money(1000))
    _, found = lease(key, None, asked(10), taken=990)
    assert found.micro_dollars == 10
    short = lease(key, None, asked(11), taken=990)
    assert short == Shortage(
        quantity="money", holder="key:k", left=10, limit=1000, retry_after=None
    )


def test_money_that_comes_again_is_told_with_its_time():
    """Seconds to the end of the day; never, where a call costs more than a whole day has."""
    key = replace(KEY, allowance=with_money(1000, "day"))
    assert lease(key, None, asked(11), taken=990).retry_after == 57_600.0
    assert lease(key, None, asked(1001), taken=0).retry_after is None


def test_limits_of_a_minute_are_told_with_the_wait():
    """By the holder that is short, with the seconds until there is enough."""
    key = replace(KEY, limits=Limits(requests=60, tokens=600))
    among = leasing.holders(key, None)
    fresh = leasing.refreshed(among[0], Holding(holder="key:k", period="total"), NOW)
    (after,), _ = leasing.lease(among, [fresh], asked(0, requests=60, tokens=590), NOW)
    short = leasing.lease(among, [after], asked(0), NOW)
    assert (short.quantity, short.left, short.limit, short.retry_after) == ("requests", 0, 60, 1.0)
    later = leasing.refreshed(among[0], after, NOW + 2)
    short = leasing.lease(among, [later], asked(0, tokens=50), NOW + 2)
    assert (short.quantity, short.left, short.retry_after) == ("tokens", 30, 2.0)
    assert leasing.lease(among, [later], asked(0, tokens=601), NOW + 2).retry_after is None


def test_a_shortage_takes_nothing():
    """Neither money where requests are short, nor the other way round."""
    key = replace(KEY, limits=Limits(requests=1), allowance=with_money(10))
    found = lease(key, None, asked(5, requests=2))
    assert isinstance(found, Shortage)
    assert found.quantity == "requests"


def test_what_comes_back_is_there_again():
    """Money into its window, requests and tokens into their buckets, spending noted."""
    key = replace(KEY, limits=Limits(requests=60), allowance=with_money(1000))
    among = leasing.holders(key, None)
    fresh = leasing.refreshed(among[0], Holding(holder="key:k", period="total"), NOW)
    (after,), _ = leasing.lease(among, [fresh], asked(100, requests=10), NOW)
    returned = Returned(
        key="k",
        amounts=Amounts(requests=4, micro_dollars=60),
        spent=40,
        key_period="total",
        account_period="",
    )
    held = leasing.given_back(after, returned)
    assert (held.taken, held.spent) == (40, 40)
    assert held.requests == limits.less(limits.full(60, int(NOW * 1e6)), 6)


@given(
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 3_000),
    st.integers(-500, 5_000),
    st.integers(0, 5_000),
)
def test_it_gives_what_is_needed_or_nothing(allowance, taken, least, wanted, slice_):
    """At least the least, at most what is left."""
    key = replace(KEY, allowance=with_money(allowance))
    wish = Asked(
        least=Amounts(micro_dollars=least), wanted=Amounts(micro_dollars=wanted), slice=slice_
    )
    found = lease(key, None, wish, taken=taken)
    if isinstance(found, Shortage):
        assert allowance - taken < least
        return
    after, given_ = found
    assert isinstance(given_, Lease)
    assert least <= given_.micro_dollars <= max(0, allowance - taken)
    assert after[0].taken == taken + given_.micro_dollars


@pytest.mark.parametrize(("key", "account"), [("key:x", "account:x"), ("key:", "account:")])
def test_keys_and_accounts_of_one_name_are_two_holders(key, account):
    """They do not share what they hold."""
    name = key.partition(":")[2]
    assert leasing.key_holder(name) == key
    assert leasing.account_holder(name) in (account, "")
