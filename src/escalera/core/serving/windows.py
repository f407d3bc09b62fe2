"""The windows of allowances: days and months of the UTC calendar, without a clock.

Days are turned into months by the algorithm of Howard Hinnant, "chrono-compatible low-level date
algorithms", `civil_from_days` and `days_from_civil`: exact integer arithmetic.
"""

from __future__ import annotations

import math

from escalera.domain.access import Window

DAY = 86_400
"""Seconds."""


def period(window: Window, now: float) -> str:
    """The name of the window that *now* is in: `total`, `2026-11-21`, `2026-11`."""
    if window == "total":
        return "total"
    year, month, day = _date(int(now // DAY))
    return f"{year:04}-{month:02}" if window == "month" else f"{year:04}-{month:02}-{day:02}"


def ends(window: Window, now: float) -> float:
    """When the window that *now* is in ends, in seconds since the epoch; infinite for `total`."""
    if window == "total":
        return math.inf
    days = int(now // DAY)
    if window == "day":
        return float((days + 1) * DAY)
    year, month, _ = _date(days)
    return float(_days(year + month // 12, month % 12 + 1) * DAY)


def begins(window: Window, now: float) -> float:
    """When the window that *now* is in began, in seconds since the epoch; 0 for `total`."""
    if window == "total":
        return 0.0
    days = int(now // DAY)
    if window == "day":
        return float(days * DAY)
    year, month, _ = _date(days)
    return float(_days(year, month) * DAY)


# Below: private.


def _date(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since the epoch."""
    shifted = days + 719_468
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * from_march + 2) // 5 + 1
    month = from_march + 3 if from_march < 10 else from_march - 9
    return year_of_era + era * 400 + (month <= 2), month, day


def _days(year: int, month: int) -> int:
    """Days since the epoch of the first day of a month."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5
    of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + of_year
    return era * 146_097 + of_era - 719_468
