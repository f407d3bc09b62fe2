"""What a worker admits from memory, and what it says where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps.gateway.callers import Admission, Caller, Refusal, free_slice
from escalera.domain.access import Account, Allowance, Key, Lease, Limits, Shortage

NOW = 1_000.0
KEY = Key(id="k", name="shop", digest=b"d", created=0.0)
LEASE = Lease(
    requests=10,
    tokens=1000,
    micro_dollars=500,
    key_period="total",
    account_period="",
    until=2_000.0,
)


def holding(key: Key = KEY, account: Account | None = None, lease: Lease = LEASE) -> Caller:
    caller = Caller(key, account)
    caller.own.add(lease)
    return caller


def limited(**given: object) -> Key:
    return replace(KEY, allowance=Allowance(micro_dollars=500), **given)


def test_a_call_is_reserved_and_settled_by_what_it_used():
    """The rest can be used again; a second settlement does nothing."""
    caller = holding()
    admitted = caller.admit("m", 600, 300, NOW)
    assert isinstance(admitted, Admission)
    assert caller.admit("m", 600, 0, NOW) is None
    admitted.settle(100, 40)
    admitted.settle(999, 999)
    admitted.release()
    assert (caller.own.requests, caller.own.tokens, caller.own.micro_dollars) == (9, 900, 460)
    assert caller.own.spent == 40


def test_a_call_that_was_not_made_is_put_back_and_one_of_unknown_cost_is_not():
    """What never came back may have cost all that was reserved."""
    caller = holding()
    caller.admit("m", 600, 300, NOW).release()
    assert (caller.own.requests, caller.own.micro_dollars, caller.own.spent) == (10, 500, 0)
    caller.admit("m", 600, 300, NOW).forfeit()
    assert (caller.own.requests, caller.own.micro_dollars, caller.own.spent) == (9, 200, 300)


def test_a_further_upstream_call_is_reserved_too():
    """As far as the slice goes; all of it is settled together, and nothing after that."""
    caller = holding()
    admitted = caller.admit("m", 600, 300, NOW)
    assert admitted.extend(100, 200)
    assert not admitted.extend(0, 1)
    admitted.settle(50, 350)
    assert (caller.own.micro_dollars, caller.own.beyond) == (150, 0)
    assert not admitted.extend(0, 0)


@pytest.mark.parametrize(
    ("key", "now", "said"),
    [
        (replace(KEY, expires=NOW), NOW, "The API key 'shop' has expired"),
        (replace(KEY, revoked=5.0), NOW, "The API key 'shop' was revoked"),
    ],
)
def test_a_key_that_is_no_longer_good_is_refused(key, now, said):
    """With the status of a key that is unknown, and the reason."""
    caller = holding(key)
    for refused in (caller.admit("m", 1, 1, now), caller.refused(now)):
        assert (refused.status, refused.code) == (401, "invalid_api_key")
        assert refused.message.startswith(said)
    assert Caller(KEY, None).refused(now) is None


def test_a_model_that_the_key_may_not_ask_is_refused_by_name():
    """With those that it may."""
    caller = holding(replace(KEY, models=("small", "b")))
    assert isinstance(caller.admit("small", 1, 1, NOW), Admission)
    refused = caller.admit("large", 1, 1, NOW)
    assert (refused.status, refused.code) == (403, "model_not_allowed")
    assert refused.message == "The API key 'shop' may not ask 'large'; it may ask 'b', 'small'."


def test_money_cannot_be_kept_without_a_price():
    """A key with an allowance is refused in words; one without may ask."""
    refused = holding(limited()).admit("m", 1, None, NOW)
    assert (refused.status, refused.code) == (403, "price_unknown")
    assert "can add a price" in refused.message
    assert isinstance(holding().admit("m", 1, None, NOW), Admission)
    account = Account(name="a", allowance=Allowance(micro_dollars=5))
    assert isinstance(holding(KEY, account).admit("m", 1, None, NOW), Refusal)


def test_money_of_a_window_that_ended_is_not_spent():
    """Then a new lease is needed."""
    caller = holding()
    assert caller.admit("m", 1, 1, 1_999.9) is not None
    assert caller.admit("m", 1, 1, 2_000.0) is None


def short(quantity: str, left: int, *, again: float | None, holder: str = "key:k") -> Shortage:
    return Shortage(quantity=quantity, holder=holder, left=left, limit=1_500_000, retry_after=again)


def test_what_the_store_said_is_believed_for_a_moment():
    """No longer than a second, nor than the wait that it named; smaller calls are asked anew."""
    caller = holding(limited())
    caller.took(short("money", 100, again=None), caller.own, NOW)
    refused = caller.admit("m", 1, 700, NOW)
    assert (refused.status, refused.code, refused.retry_after) == (429, "insufficient_quota", None)
    assert refused.message == (
        "The API key has $0.0001 left of $1.5, and this call may cost up to $0.0007. Ask for fewer "
        "tokens, or for more money."
    )
    assert caller.admit("m", 1, 600, NOW) is None  # 500 are held, and 100 were left
    assert caller.admit("m", 1, 700, NOW + 1.0) is None
    caller.took(short("money", 100, again=0.25), caller.own, NOW)
    assert caller.admit("m", 1, 700, NOW + 0.25) is None


def test_limits_are_told_with_the_time_to_wait():
    """Or that waiting does not help; by the account's name where it is the account's."""
    caller = holding(lease=replace(LEASE, requests=0))
    caller.took(short("requests", 0, again=2.5, holder="account:team"), caller.own, NOW)
    refused = caller.admit("m", 1, 1, NOW)
    assert (refused.status, refused.code, refused.retry_after) == (429, "rate_limit_exceeded", 2.5)
    assert refused.message == (
        "The account 'team' may use 1500000 calls a minute, 0 are left now and this takes 1 call."
    )
    caller = holding()
    caller.took(short("tokens", 10, again=None), caller.own, NOW)
    refused = caller.admit("m", 2_000_000, 1, NOW)
    assert refused.message.endswith("It can never pass: ask for fewer tokens.")


def test_a_lease_of_another_window_begins_a_new_slice():
    """The old one is handed over, with what late calls put back into it."""
    caller = holding()
    admitted = caller.admit("m", 0, 100, NOW)
    old = caller.own
    assert caller.took(replace(LEASE, key_period="next"), old, NOW) is old
    admitted.settle(0, 0)
    assert (old.micro_dollars, caller.own.micro_dollars) == (500, 500)


def test_a_lease_for_a_key_that_changed_meanwhile_is_handed_over():
    """It was taken under other limits."""
    caller = holding()
    before = caller.own
    caller.become(limited(), None)
    back = caller.took(LEASE, before, NOW)
    assert (back.micro_dollars, caller.own.micro_dollars) == (500, 0)


def test_without_the_store_limits_are_this_workers_part():
    """A quarter of them for each of four; money is never lent."""
    key = replace(KEY, limits=Limits(requests=8))
    caller = Caller(key, None)
    for _ in range(2):
        assert caller.admit("m", 5, 0, NOW) is None
        assert caller.lent(5, 0, NOW, workers=4)
        assert isinstance(caller.admit("m", 5, 0, NOW), Admission)
    assert not caller.lent(5, 0, NOW, workers=4)
    assert caller.lent(5, 0, NOW + 30, workers=4)
    penniless = Caller(limited(), None)
    assert not penniless.lent(5, 1, NOW, workers=4)
    rich = holding(limited(limits=Limits(requests=8)), lease=replace(LEASE, requests=0))
    assert rich.lent(5, 500, NOW, workers=1)
    assert not rich.lent(5, 501, NOW, workers=1)
    assert not rich.lent(5, 1, 2_000.0, workers=1)


def test_who_is_not_limited_needs_no_lease():
    """After the first call, every one passes."""
    caller = Caller(KEY, None)
    assert caller.limited.free
    assert caller.admit("m", 10**9, 10**9, NOW) is None
    caller.own = free_slice()
    assert isinstance(caller.admit("m", 10**9, 10**9, NOW), Admission)
