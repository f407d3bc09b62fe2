"""List prices of known endpoints."""

from __future__ import annotations

import pytest

from escalera.domain.project import ModelPrice
from escalera.edges.prices import price_of

OPENAI = "https://api.openai.com/v1"


def test_a_known_model() -> None:
    """The published price: 0.15 and 0.60 dollars per million tokens (OpenAI, July 2024)."""
    assert price_of("gpt-4o-mini", OPENAI) == ModelPrice(prompt=150_000, completion=600_000)


def test_a_price_that_grows_gives_the_price_of_short_prompts() -> None:
    """Gemini 2.5 Pro is dearer beyond 200,000 tokens; the base price is 1.25 and 10 dollars."""
    google = "https://generativelanguage.googleapis.com/v1beta/openai"
    assert price_of("gemini-2.5-pro", google) == ModelPrice(prompt=1_250_000, completion=10_000_000)


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("no-such-model", OPENAI),
        ("gpt-4o-mini", "http://127.0.0.1:8000/v1"),
        ("gpt-4o-mini", "https://gateway.example/v1"),
        ("text-embedding-3-small", OPENAI),
    ],
)
def test_an_unknown_price_is_none(model: str, base_url: str) -> None:
    """A model elsewhere, or one without a price for answers, has no price; it is not free."""
    assert price_of(model, base_url) is None
