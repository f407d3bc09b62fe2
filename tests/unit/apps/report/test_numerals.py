"""How numbers are written."""

from __future__ import annotations

import math

import pytest

from escalera.apps.report import numerals


@pytest.mark.parametrize(
    ("value", "near", "text"),
    [
        (0.84, None, "0.84"),
        (1.0, None, "1.00"),
        (0.898, 0.9, "0.898"),
        (0.9, 0.9, "0.90"),
        (0.89996, 0.9, "0.89996"),
        (0.8949, 0.9, "0.89"),
        (-0.3, None, "−0.30"),
        (math.inf, None, "no bound"),
        (None, 0.9, "not measured"),
    ],
)
def test_a_score_never_reads_as_if_it_met_the_bar(value, near, text):
    """Two decimals, more only beside the bar."""
    assert numerals.score(value, near) == text


@pytest.mark.parametrize(
    ("value", "near", "text"),
    [
        (0.05, -0.03, "+0.05"),
        (-0.28, -0.03, "−0.28"),
        (-0.0301, -0.03, "−0.0301"),
        (0.0, -0.03, "0.00"),
        (-0.001, -0.03, "0.00"),
        (0.001, -0.03, "0.00"),
        (-math.inf, -0.03, "no bound"),
        (None, -0.03, "not measured"),
    ],
)
def test_a_difference_carries_its_sign(value, near, text):
    """A difference that rounds to nothing has no sign."""
    assert numerals.signed(value, near) == text


def test_intervals_name_both_ends():
    """The ends are scores, or signed where they bound a difference."""
    figure = {"lower": -0.32, "upper": 0.24}
    assert numerals.interval(figure) == "−0.32 to 0.24"
    assert numerals.signed_interval(figure) == "−0.32 to +0.24"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (numerals.count(0), "0"),
        (numerals.count(1234567), "1 234 567"),
        (numerals.count(212.44), "212.4"),
        (numerals.count(None), "not measured"),
        (numerals.counted(1, "call", "calls"), "1 call"),
        (numerals.counted(0, "call", "calls"), "0 calls"),
        (numerals.counted(None, "call", "calls"), "calls not measured"),
        (numerals.percent(0.5), "50 %"),
        (numerals.percent(0.985), "98.5 %"),
        (numerals.percent(None), "not measured"),
        (numerals.plain(0.0213), "0.0213"),
        (numerals.plain(3.4449), "3.44"),
        (numerals.plain(120), "120"),
        (numerals.plain(math.nan), "not finite"),
        (numerals.plain(None), "not measured"),
    ],
)
def test_counts_and_shares(written, text):
    """Digits are grouped in threes by a narrow space that does not break."""
    assert written.replace(numerals.GAP, " ") == text


@pytest.mark.parametrize(
    ("micro_dollars", "text"),
    [
        (None, "price unknown"),
        (0, "$0.00"),
        (12_345_678, "$12.35"),
        (1_234_567_890, "$1 234.57"),
        (420_000, "$0.42"),
        (7, "$0.000007"),
    ],
)
def test_money_is_never_rounded_to_nothing(micro_dollars, text):
    """A price that is unknown is no price of 0, and a small one keeps its digits."""
    assert numerals.money(micro_dollars).replace(numerals.GAP, " ") == text


def test_a_call_is_priced_by_the_thousand():
    """The price of one call is too small to read."""
    assert numerals.thousand_calls(412.7) == f"$0.413 per 1{numerals.GAP}000 calls"
    assert numerals.thousand_calls(None) == "price unknown"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not measured"),
        (0.0, "0 ms"),
        (0.31, "310 ms"),
        (2.5, "2.5 s"),
        (402.0, "6.7 min"),
        (9000.0, "2.5 h"),
    ],
)
def test_durations_take_the_unit_that_reads_best(seconds, text):
    """Milliseconds, seconds, minutes or hours."""
    assert numerals.duration(seconds).replace(numerals.GAP, " ") == text


def test_a_clock_may_be_missing():
    """Reproducible documents leave the clocks out."""
    assert numerals.clock({}, "minutes") is None
    assert numerals.clock({"clocks": None}, "minutes") is None
    assert numerals.clock({"clocks": {}}, "minutes") is None
    assert numerals.clock({"clocks": {"minutes": 3}}, "minutes") == 3.0
