"""How numbers are written for people: units, signs, grouping, and words for what is missing.

Nothing here computes a result. A number that is missing is said to be missing and never becomes 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MINUS = "\N{MINUS SIGN}"
GAP = "\N{NARROW NO-BREAK SPACE}"
NOT_MEASURED = "not measured"
PRICE_UNKNOWN = "price unknown"

_MICRO = 1_000_000
_FINEST = 6
_UNITS = (("ms", 0.001, 1.0), ("s", 1.0, 120.0), ("min", 60.0, 7200.0), ("h", 3600.0, math.inf))


def score(value: float | None, near: float | None = None) -> str:
    """Write a score with two decimals, or as many more as it takes to differ from `near`.

    Two decimals are what a few hundred items can bear; a score of 0.897 beside a bar of 0.90 must
    still not read as if it met it.
    """
    if value is None:
        return NOT_MEASURED
    if not math.isfinite(value):
        return "no bound"
    decimals = 2
    if near is not None and value != near:
        while decimals < _FINEST and round(value, decimals) == round(near, decimals):
            decimals += 1
    return _minus(f"{value:.{decimals}f}")


def signed(value: float | None, near: float | None = None) -> str:
    """Write a difference with its sign; a difference of nothing has none."""
    text = score(value, near)
    if value is None or not math.isfinite(value) or value <= 0 or float(text) == 0:
        return "0.00" if text.strip(MINUS + "0.") == "" else text
    return f"+{text}"


def interval(figure: Mapping[str, Any], near: float | None = None) -> str:
    """Write the two ends of a figure's interval."""
    return f"{score(figure['lower'], near)} to {score(figure['upper'], near)}"


def signed_interval(figure: Mapping[str, Any], near: float | None = None) -> str:
    """Write the two ends of the interval of a difference."""
    return f"{signed(figure['lower'], near)} to {signed(figure['upper'], near)}"


def count(value: float | None) -> str:
    """Write a number of things, digits grouped in threes; a mean keeps one decimal."""
    if value is None:
        return NOT_MEASURED
    whole = float(value).is_integer()
    text = f"{value:,.0f}" if whole or abs(value) >= 1000 else f"{value:,.1f}"
    return _minus(text.replace(",", GAP))


def counted(value: float | None, one: str, many: str) -> str:
    """Write a count with its noun: 1 call, 12 calls."""
    if value is None:
        return f"{many} {NOT_MEASURED}"
    return f"{count(value)} {one if value == 1 else many}"


def percent(value: float | None) -> str:
    """Write a share in [0, 1] as a percentage."""
    if value is None:
        return NOT_MEASURED
    return f"{_significant(100 * value)}{GAP}%"


def money(micro_dollars: float | None) -> str:
    """Write micro-dollars as dollars: cents when there are dollars, three digits below."""
    if micro_dollars is None:
        return PRICE_UNKNOWN
    dollars = micro_dollars / _MICRO
    if abs(dollars) >= 1 or dollars == 0:
        return _minus(f"${dollars:,.2f}".replace(",", GAP))
    return _minus(f"${_significant(dollars)}")


def thousand_calls(micro_dollars_per_call: float | None) -> str:
    """Write what a thousand calls cost: the price of one is too small to read."""
    if micro_dollars_per_call is None:
        return PRICE_UNKNOWN
    return f"{money(1000 * micro_dollars_per_call)} per 1{GAP}000 calls"


def plain(value: float | None) -> str:
    """Write any number with at most three significant digits after grouping."""
    if value is None:
        return NOT_MEASURED
    if not math.isfinite(value):
        return "not finite"
    return _minus(count(value) if float(value).is_integer() else _significant(value))


def duration(seconds: float | None) -> str:
    """Write a duration in the unit in which it reads best."""
    if seconds is None:
        return NOT_MEASURED
    unit, size = next((unit, size) for unit, size, limit in _UNITS if seconds < limit)
    return f"{_significant(seconds / size)}{GAP}{unit}"


def clock(holder: Mapping[str, Any], name: str) -> float | None:
    """Return a clock reading, which a reproducible document leaves out."""
    value = (holder.get("clocks") or {}).get(name)
    return None if value is None else float(value)


# Private.


def _significant(value: float, digits: int = 3) -> str:
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}".replace(",", GAP)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
