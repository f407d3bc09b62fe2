"""Times as people write them."""

from __future__ import annotations

import click
import pytest

from escalera.apps.cli import times

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("said", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("30m", 1_800), ("0s", 0)]
)
def test_lengths_lie_ahead_or_back(said, seconds):
    """The same words, in both directions."""
    assert times.length(said) == seconds
    assert times.ahead(said, NOW) == NOW + seconds
    assert times.ago(said, NOW) == NOW - seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2027-01-15", 1_799_971_200),
        ("2027-01-15T08:00", NOW),
        ("2027-01-15T09:00+01:00", NOW),
    ],
)
def test_dates_and_times_are_utc_unless_they_say_so(said, seconds):
    """A date is its beginning."""
    assert times.ahead(said, 0.0) == times.ago(said, 0.0) == seconds
    assert times.ago(None, NOW) is None


@pytest.mark.parametrize(
    ("since", "until", "ends"),
    [
        (None, None, (None, None)),
        ("1h", None, (NOW - 3600, None)),
        ("2h", "1h", (NOW - 7200, NOW - 3600)),
        (None, "2028-01-01", (None, 1_830_297_600)),
    ],
)
def test_a_window_has_two_ends_or_fewer(since, until, ends):
    """Each as it is read alone."""
    assert times.window(since, until, NOW) == ends


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2027-02-01", "2027-01-01"),
        ("1h", "1h"),
        ("2027-02-01", None),
        ("2027-02-01", "2027-03-01"),
    ],
)
def test_an_empty_window_is_refused(since, until):
    """It is a slip, and would be told as if nothing had been served."""
    with pytest.raises(click.UsageError, match=f"nothing lies between --since '{since}'"):
        times.window(since, until, NOW)


@pytest.mark.parametrize("said", ["36501d", "99999999999999d", "9" * 5000 + "s"])
def test_what_no_calendar_has_is_refused(said):
    """It would end in an error about years."""
    with pytest.raises(click.UsageError, match="is too long a time: give at most 36500d"):
        times.ago(said, NOW)
    assert times.length("0036500d") == times.LONGEST


@pytest.mark.parametrize("said", ["", "soon", "d", "-1d", "1.5h", "31.01.2027"])
def test_what_is_neither_is_refused(said):
    """With an example of each."""
    with pytest.raises(click.UsageError, match=r"is no time: give a date such as"):
        times.ahead(said, NOW)
    with pytest.raises(click.UsageError, match=r"is no length of time"):
        times.length(said)
