"""What an operator does to keys: made, rotated, revoked; each a new value, by rules told in words.

A secret is `esk-` and 256 random bits. Only its SHA-256 is kept: with so many random bits there is
nothing to guess, so that a slow hash would protect nothing and cost every call.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from escalera.core.serving import limits
from escalera.domain.access import Account, Key
from escalera.errors import InputError

PREFIX = "esk-"
SECRET_BYTES = 32
ID_PREFIX = "key_"
LONGEST_NAME = 100
LATEST = 253_402_300_799.0
"""Seconds since the epoch at the end of the year 9999: no calendar goes on behind it."""


def secret(random: bytes) -> str:
    """The secret made of 32 random bytes."""
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret takes {SECRET_BYTES} random bytes, and these are {len(random)}")
    return PREFIX + base64.urlsafe_b64encode(random).decode().rstrip("=")


def digest(token: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(token.encode()).digest()


def checked(entry: Key | Account) -> Key | Account:
    """The entry, if it can be kept. Raises `InputError` for what cannot be."""
    if not entry.name or len(entry.name) > LONGEST_NAME or not entry.name.isprintable():
        raise InputError(
            f"the name {entry.name!r} cannot be used: give one of 1 to {LONGEST_NAME} characters "
            "that can be printed"
        )
    money = None if entry.allowance is None else entry.allowance.micro_dollars
    minutes = None if entry.training is None else entry.training.minutes
    numbers = {
        "requests per minute": (entry.limits.requests, limits.HIGHEST_RATE),
        "tokens per minute": (entry.limits.tokens, limits.HIGHEST_RATE),
        "money in micro-dollars": (money, 10**15),
        "minutes of finetuning": (minutes, 10**9),
    }
    for what, (number, most) in numbers.items():
        if number is not None and not 0 < number <= most:
            raise InputError(f"{what} must be from 1 to {most}, and it is {number!r}")
    if isinstance(entry, Key) and entry.expires is not None and entry.expires <= entry.created:
        raise InputError("the key would have expired before it is made: give a later time")
    if isinstance(entry, Key) and entry.expires is not None and entry.expires > LATEST:
        raise InputError(
            f"the key would expire behind the year 9999, at {entry.expires!r} seconds since the "
            "epoch: give an earlier time, or none"
        )
    return entry


def found(keys: Sequence[Key], wanted: str) -> Key:
    """The key of an id, or of a name that no other one has. Raises `InputError`."""
    by_id = [key for key in keys if key.id == wanted]
    named = by_id or [key for key in keys if key.name == wanted]
    good = [key for key in named if key.revoked is None] or named
    if len(good) == 1:
        return good[0]
    if good:
        ids = ", ".join(key.id for key in good)
        raise InputError(f"{len(good)} keys are named {wanted!r}: give an id, one of {ids}")
    names = ", ".join(f"{key.id} ({key.name})" for key in keys) or "none yet"
    raise InputError(f"there is no key {wanted!r}; there are: {names}")


def rotated(key: Key, new: bytes, *, now: float, overlap: float) -> Key:
    """The key with another secret; that of now is good for *overlap* seconds more.

    Raises `InputError` for an overlap that is none, and for a key that is revoked, or that still
    has two secrets: the older one would end earlier than it was promised.
    """
    if not 0 <= overlap <= LATEST - now:
        raise InputError(
            f"the earlier secret cannot be good for {overlap!r} seconds more: give 0 or more, "
            "within the year 9999"
        )
    if key.revoked is not None:
        raise InputError(f"the key {key.name!r} is revoked: make a new one instead")
    if key.previous and now < key.previous_until:
        left = round(key.previous_until - now)
        raise InputError(
            f"the key {key.name!r} was rotated before, and its earlier secret is good for {left} "
            "seconds more: wait for that, or revoke the key and make a new one"
        )
    return replace(key, digest=new, previous=key.digest, previous_until=now + overlap)


def revoked(key: Key, *, now: float) -> Key:
    """The key, good for nothing from *now* on, nor its earlier secret."""
    if key.revoked is not None:
        return key
    return replace(key, revoked=now, previous=b"", previous_until=0.0)
