"""Times and lengths of time as people write them: `2027-01-31`, `2027-01-31T18:00`, `90d`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

LONGEST_SAID = "36500d"
LONGEST, DIGITS = 36_500 * 86_400.0, 10
"""Seconds of the longest length, and more digits than it has in any unit."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def length(said: str) -> float:
    """Seconds of a length such as 90d, 12h, 30m or 0s."""
    if not _is_length(said):
        raise click.UsageError(f"{said!r} is no length of time: give one such as 90d, 12h, 30m, 0s")
    number = said[:-1].lstrip("0") or "0"
    found = float(number) * UNITS[said[-1]] if len(number) <= DIGITS else LONGEST + 1
    if found > LONGEST:
        raise click.UsageError(f"{said[:20]!r} is too long a time: give at most {LONGEST_SAID}")
    return found


def ahead(said: str, now: float) -> float:
    """Seconds since the epoch of a date, a time (UTC), or a length from now on."""
    return now + length(said) if _is_length(said) else _written(said)


def ago(said: str | None, now: float) -> float | None:
    """Seconds since the epoch of a date, a time (UTC), or a length before now; None for None."""
    if said is None:
        return None
    return now - length(said) if _is_length(said) else _written(said)


def window(since: str | None, until: str | None, now: float) -> tuple[float | None, float | None]:
    """Both ends of a stretch of time as `ago` reads them. `click.UsageError` where it is empty."""
    first, last = ago(since, now), ago(until, now)
    end = now if last is None else min(last, now)
    if first is not None and first >= end:
        until = "now" if end == now else repr(until)
        raise click.UsageError(f"nothing lies between --since {since!r} and --until {until}")
    return first, last


# Below: private.


def _is_length(said: str) -> bool:
    return said[-1:] in UNITS and said[:-1].isdecimal()


def _written(said: str) -> float:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise click.UsageError(
            f"{said!r} is no time: give a date such as 2027-01-31, a time such as "
            "2027-01-31T18:00, or a length such as 90d"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
