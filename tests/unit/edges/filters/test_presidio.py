"""Presidio's pattern recognisers."""

from __future__ import annotations

import asyncio

import pytest

from escalera.edges.filters import presidio
from escalera.errors import InputError, MissingExtra


def test_without_the_package(monkeypatch):
    """The extra is named."""
    monkeypatch.setattr(presidio, "PatternRecognizer", None)
    with pytest.raises(MissingExtra, match=r"escalera\[presidio\]"):
        presidio.PresidioFilter("p")


def test_it_finds_by_pattern():
    """Without a model, and without asking the network."""
    pytest.importorskip("presidio_analyzer")
    one = presidio.PresidioFilter("p", ["US_SSN", "CREDIT_CARD", "EMAIL_ADDRESS"])
    text = "card 4111 1111 1111 1111, mail a@b.com"
    found = asyncio.run(one.spans(text, side="input", role="user"))
    assert found == [(5, 24), (31, 38)]


def test_a_name_that_it_does_not_know():
    """Is told with those that it knows."""
    pytest.importorskip("presidio_analyzer")
    with pytest.raises(InputError, match=r"'PERSON'.*CREDIT_CARD"):
        presidio.PresidioFilter("p", ["PERSON"])
