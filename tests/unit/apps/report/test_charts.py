"""Where things stand in the charts."""

from __future__ import annotations

import math

import pytest

from escalera.apps.report import charts


def test_a_strip_stays_on_its_axis():
    """Bounds outside 0 to 1, and unbounded ones, stop at the ends."""
    figure = {"value": 0.5, "lower": -math.inf, "upper": 1.2}
    assert charts.strip(figure, 0.7) == charts.Strip(dot=50.0, low=0.0, high=100.0, bar=70.0)
    assert charts.percent(math.nan) == 0.0


@pytest.mark.parametrize(
    ("rounds", "places"),
    [(0, ()), (1, (100.0,)), (2, (0.0, 100.0)), (4, (0.0, 33.33, 66.67, 100.0))],
)
def test_rounds_stand_at_equal_distances(rounds, places):
    """Whatever the numbers of items are."""
    assert charts.columns(rounds) == places


def test_lanes_put_the_winner_first_and_the_first_to_leave_last():
    """Then by the last mean; an entrant without a mean comes after those with one."""
    race = {
        "rounds": [
            {
                "items": 10,
                "entrants": [
                    {"operator": "silent", "mean": None, "survived": False},
                    {"operator": "weak", "mean": 0.2, "survived": False},
                    {"operator": "second", "mean": 0.9, "survived": True},
                    {"operator": "first", "mean": 0.8, "survived": True},
                ],
            },
            {
                "items": 20,
                "entrants": [
                    {"operator": "second", "mean": 0.7, "survived": False},
                    {"operator": "first", "mean": 0.8, "survived": True},
                ],
            },
        ]
    }
    lanes = charts.lanes(race)
    assert [lane.operator for lane in lanes] == ["first", "second", "weak", "silent"]
    assert [lane.won for lane in lanes] == [True, False, False, False]
    assert [stop.x for stop in lanes[0].stops] == [0.0, 100.0]


def test_a_race_without_rounds_has_no_lanes():
    """Nothing ran, nothing is drawn."""
    assert charts.lanes({"rounds": []}) == ()


def test_curves_share_a_ceiling_and_ignore_what_is_no_number():
    """A diverged training must not flatten the others to a line."""
    trainings = [{"curve": [[1, 2.0], [2, math.inf]]}, {"curve": [[1, 3.0], [2, math.nan]]}]
    assert charts.ceiling(trainings) == 3.0
    assert charts.ceiling([]) == 1.0
    assert charts.ceiling([{"curve": [[1, 0.0]]}]) == 1.0


def test_a_curve_runs_from_its_first_step_to_its_last():
    """Loss 0 is the floor, the ceiling the top; points that are no number are counted."""
    drawn = charts.curve([[5, 4.0], [10, math.nan], [15, 1.0]], 4.0)
    assert drawn.path == "M0.00 0.00 L100.00 75.00"
    assert (drawn.first, drawn.last, drawn.lowest) == ((5, 4.0), (15, 1.0), (15, 1.0))
    assert drawn.unusable == 1


def test_a_curve_without_a_usable_point_is_empty():
    """And says how many points it left out."""
    drawn = charts.curve([[1, math.nan], [2, math.inf]], 1.0)
    assert (drawn.path, drawn.first, drawn.unusable) == ("", None, 2)


def test_thinning_keeps_ends_and_spikes():
    """A spike of one step among ten thousand is what one looks for."""
    points = [(step, 1.0) for step in range(10_000)]
    points[4321] = (4321, 9.0)
    points[7777] = (7777, 0.1)
    kept = charts.thin(points)
    assert len(kept) <= charts.MOST_POINTS + 4
    assert {(0, 1.0), (4321, 9.0), (7777, 0.1), (9999, 1.0)} <= set(kept)
    assert kept == sorted(kept)
    assert charts.thin(points[:5]) == points[:5]


@pytest.mark.parametrize(
    ("value", "largest", "length"),
    [(None, 10.0, 0.0), (5.0, 10.0, 50.0), (0.0, 0.0, 0.0), (20.0, 10.0, 100.0)],
)
def test_a_bar_is_a_part_of_the_largest(value, largest, length):
    """What was not measured has no length."""
    assert charts.part(value, largest) == length
