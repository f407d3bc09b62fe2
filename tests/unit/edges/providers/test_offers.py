"""The dated table of who offers finetuning."""

from __future__ import annotations

import datetime as dt

import pytest

from escalera.edges.providers.offers import offer_of, offers


def test_every_entry_is_dated_and_sourced() -> None:
    """Nothing stands there without a day and an address to look at."""
    assert len(offers()) >= 5
    for offer in offers():
        assert dt.date.fromisoformat(offer.as_of) >= dt.date(2026, 1, 1)
        assert offer.source.startswith("https://")
        assert offer.fewest >= 1
        assert offer.weights


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://api.openai.com/v1", "OpenAI"),
        ("https://acme.openai.azure.com/openai/v1", "Azure OpenAI"),
        ("https://api.tokenfactory.nebius.com/v1", "Nebius Token Factory"),
        ("https://api.openai.com.evil.example/v1", None),
        ("https://evilopenai.azure.com/v1", None),
        ("http://127.0.0.1:8000/v1", None),
    ],
)
def test_a_provider_is_told_by_its_host(base_url: str, provider: str | None) -> None:
    """By the whole name, or by a domain and what lies below it."""
    found = offer_of(base_url)
    assert (None if found is None else found.provider) == provider


def test_what_openai_offers() -> None:
    """Three methods, and that it ends."""
    found = offer_of("https://api.openai.com/v1")
    assert found is not None
    assert set(found.methods) == {"supervised", "dpo", "reinforcement"}
    assert "beta" in found.methods["dpo"]
    assert "2027-01-06" in found.note
