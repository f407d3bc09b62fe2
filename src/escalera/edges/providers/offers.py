"""Who is known to offer finetuning, from the dated table beside this module (no network)."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import lru_cache
from importlib import resources
from urllib.parse import urlsplit

import msgspec

from escalera.domain.hosting import Offer, TuningMethod


def offer_of(base_url: str) -> Offer | None:
    """What is known of the provider behind *base_url*; None where nothing is."""
    host = urlsplit(base_url).hostname or ""
    for offer in offers():
        if host == offer.host or (offer.host.startswith(".") and host.endswith(offer.host)):
            return offer
    return None


@lru_cache(maxsize=1)
def offers() -> tuple[Offer, ...]:
    """The whole table, in its order."""
    text = (resources.files(__package__) / "offers.toml").read_text(encoding="utf-8")
    return tuple(_offer(entry) for entry in msgspec.convert(tomllib.loads(text), _Table).offer)


# Below: private.


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    provider: str
    host: str
    jobs: bool
    answers: bool
    weights: str
    fewest: int
    as_of: dt.date
    source: str
    methods: dict[TuningMethod, list[str]]
    note: str = ""


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    offer: list[_Entry]


def _offer(entry: _Entry) -> Offer:
    return Offer(
        provider=entry.provider,
        host=entry.host,
        jobs=entry.jobs,
        answers=entry.answers,
        methods={method: tuple(given) for method, given in entry.methods.items()},
        weights=entry.weights,
        fewest=entry.fewest,
        as_of=entry.as_of.isoformat(),
        source=entry.source,
        note=entry.note,
    )
