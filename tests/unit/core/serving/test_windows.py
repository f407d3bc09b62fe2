"""The windows of allowances agree with Python's calendar."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.serving import windows

MOMENTS = st.integers(0, 7_258_118_399)  # to the end of 2199


@given(MOMENTS)
def test_days_and_months_are_those_of_the_calendar(now):
    """By `datetime` as the reference."""
    moment = datetime.fromtimestamp(now, UTC)
    assert windows.period("day", now) == moment.strftime("%Y-%m-%d")
    assert windows.period("month", now) == moment.strftime("%Y-%m")


@given(MOMENTS)
def test_a_window_ends_where_the_next_begins(now):
    """The last moment is within it, its end is not."""
    moment = datetime.fromtimestamp(now, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0)
    assert windows.ends("day", now) == (midnight + timedelta(days=1)).timestamp()
    for window in ("day", "month"):
        end = windows.ends(window, now)
        assert windows.period(window, end - 0.001) == windows.period(window, now)
        assert windows.period(window, end) != windows.period(window, now)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-12-31T23:59:59+00:00", "2027-01-01T00:00:00+00:00"),
        ("2028-02-29T12:00:00+00:00", "2028-03-01T00:00:00+00:00"),
        ("2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
    ],
)
def test_months_of_every_length_end_on_a_first(moment, ends):
    """The turn of a year, and a leap day."""
    now = datetime.fromisoformat(moment).timestamp()
    assert windows.ends("month", now) == datetime.fromisoformat(ends).timestamp()


def test_a_total_has_one_window_for_ever():
    """Whatever the time."""
    assert {windows.period("total", now) for now in (0, 1e9)} == {"total"}
    assert windows.ends("total", 1e9) == math.inf


@pytest.mark.parametrize("window", ["day", "month"])
def test_a_window_begins_where_the_one_before_ends(window):
    """A second earlier is another window, whose end is that moment."""
    for now in (1_800_000_000.0, 1_709_208_000.0, 951_868_800.5):
        began = windows.begins(window, now)
        assert began <= now < windows.ends(window, now)
        assert windows.ends(window, began - 1) == began
    assert windows.begins("total", 5.0) == 0.0
