"""What an operator does to keys."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from escalera.core.serving import keys
from escalera.domain.access import Account, Allowance, Key, Limits
from escalera.errors import InputError

KEY = Key(id="key_1", name="shop", digest=b"1" * 32, created=100.0)


def test_a_secret_holds_all_its_random_bits():
    """Different bytes, different secrets; what is kept is their SHA-256."""
    made = keys.secret(bytes(range(32)))
    assert made == "esk-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert keys.digest(made) == hashlib.sha256(made.encode()).digest()
    with pytest.raises(ValueError, match="32 random bytes"):
        keys.secret(b"short")


def test_a_rotated_key_has_two_secrets_for_a_while():
    """The old one until the end of the overlap; a second rotation would break that promise."""
    after = keys.rotated(KEY, b"2" * 32, now=200.0, overlap=50.0)
    assert (after.digest, after.previous, after.previous_until) == (b"2" * 32, b"1" * 32, 250.0)
    with pytest.raises(InputError, match="good for 30 seconds more"):
        keys.rotated(after, b"3" * 32, now=220.0, overlap=50.0)
    assert keys.rotated(after, b"3" * 32, now=250.0, overlap=0.0).previous == b"2" * 32


@pytest.mark.parametrize("overlap", [-1.0, 1e300, float("nan")])
def test_an_overlap_that_is_none_is_refused(overlap):
    """The earlier secret would end before now, or when no calendar goes on."""
    with pytest.raises(InputError, match="the earlier secret cannot be good for"):
        keys.rotated(KEY, b"2" * 32, now=200.0, overlap=overlap)


def test_a_revoked_key_stays_revoked():
    """With both of its secrets; rotating it is refused, and revoking it again changes nothing."""
    rotated = keys.rotated(KEY, b"2" * 32, now=200.0, overlap=50.0)
    after = keys.revoked(rotated, now=210.0)
    assert (after.revoked, after.previous) == (210.0, b"")
    assert keys.revoked(after, now=300.0) is after
    with pytest.raises(InputError, match="make a new one"):
        keys.rotated(after, b"3" * 32, now=300.0, overlap=1.0)


def test_a_key_is_found_by_its_id_or_by_a_name_that_is_its_own():
    """A name of two keys is told with their ids; one that is revoked does not stand in the way."""
    other = replace(KEY, id="key_2")
    gone = replace(KEY, id="key_3", revoked=5.0)
    assert keys.found([KEY, other], "key_2") is other
    assert keys.found([KEY, gone], "shop") is KEY
    assert keys.found([gone], "shop") is gone
    with pytest.raises(
        InputError, match="2 keys are named 'shop': give an id, one of key_1, key_2"
    ):
        keys.found([KEY, other], "shop")
    with pytest.raises(InputError, match=r"no key 'x'; there are: key_1 \(shop\)"):
        keys.found([KEY], "x")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (replace(KEY, name=""), "name '' cannot be used"),
        (replace(KEY, name="a\nb"), "cannot be used"),
        (replace(KEY, limits=Limits(requests=0)), "requests per minute must be from 1"),
        (replace(KEY, limits=Limits(tokens=10**11)), "tokens per minute must be from 1"),
        (replace(KEY, expires=100.0), "expired before it is made"),
        (replace(KEY, expires=1e300), "behind the year 9999, at 1e\\+300 seconds"),
        (Account(name="a", allowance=Allowance(micro_dollars=0)), "money in micro-dollars must be"),
    ],
)
def test_what_cannot_be_kept_is_refused(entry, said):
    """With the value and the rule."""
    with pytest.raises(InputError, match=said):
        keys.checked(entry)
    assert keys.checked(KEY) is KEY
