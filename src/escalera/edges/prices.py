"""List prices of known endpoints, from the data that genai-prices ships (no network)."""

from __future__ import annotations

from decimal import Decimal

from genai_prices import Usage, calc_price
from genai_prices.types import TieredPrices

from escalera.domain.project import ModelPrice

MICRO = 1_000_000


def price_of(model: str, base_url: str) -> ModelPrice | None:
    """The price of *model* at *base_url*, or None: an unknown price is never 0.

    The provider is told by its URL alone: a model of the same name elsewhere costs something
    else. Where the price grows with the length of the prompt this is the price of short prompts.
    """
    try:
        found = calc_price(Usage(), model, provider_api_url=base_url).model_price
    except LookupError:
        return None
    prompt, completion = _micro(found.input_mtok), _micro(found.output_mtok)
    if prompt is None or completion is None:
        return None
    return ModelPrice(prompt=prompt, completion=completion)


def _micro(price: Decimal | TieredPrices | None) -> int | None:
    """Micro-dollars from dollars, per million tokens."""
    if price is None:
        return None
    plain = price.base if isinstance(price, TieredPrices) else price
    return int((plain * MICRO).to_integral_value())
