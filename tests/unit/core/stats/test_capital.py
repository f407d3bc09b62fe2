"""The grid of nulls and what the bets on it keep; the meaning is in `betting` and `finite`."""

import math

import numpy as np
import pytest

from escalera.core.stats import capital

TERMS = capital.Terms(
    alpha=0.05, low=-1.0, high=1.0, planned=None, nulls=(-0.05, 0.0, 0.05), cells=8
)


def fed(values: list[float], terms: capital.Terms = TERMS) -> capital.Capital:
    """The capital after items."""
    sums = np.array(values)
    return capital.update(capital.init(terms), sums, np.ones(sums.size), terms=terms)


def test_nulls_stand_on_the_grid_exactly() -> None:
    """Eight cells, and the margins beside them; 0 is not there twice."""
    start = capital.init(TERMS)
    assert len(start.up) == len(start.down) == 11
    assert capital.ends(start, terms=TERMS) == (-1.0, 1.0)


def test_only_open_nulls_are_kept() -> None:
    """Rising wealth closes nulls from below, and the end lies right behind the last closed one."""
    held = fed([0.7] * 60)
    assert len(held.up) < 11
    lower, upper = capital.ends(held, terms=TERMS)
    assert lower == math.nextafter(0.5, 1.0)
    assert upper == math.nextafter(0.75, 1.0) or upper > 0.7
    assert max(held.up) < math.log(2 / 0.05)


def test_below_is_above_in_a_mirror() -> None:
    """Values of the other sign exchange the halves."""
    values = [0.3, -0.8, 0.1, 0.9, 0.2] * 8
    held, other = fed(values), fed([-x for x in values])
    assert held.up == pytest.approx(other.down[::-1], abs=1e-12)
    assert held.down == pytest.approx(other.up[::-1], abs=1e-12)


def test_wealth_is_fair_at_the_mean() -> None:
    """Averaged over all orders of two values, wealth at their mean is 1: nothing leaks."""
    terms = capital.Terms(alpha=0.05, low=0.0, high=1.0, planned=None, nulls=(0.5,), cells=2)
    values = (0.1, 0.9)
    wealth = [
        math.exp(fed([a, b, c], terms).up[-2]) for a in values for b in values for c in values
    ]
    assert np.mean(wealth) == pytest.approx(1.0, abs=1e-12)


def test_without_replacement_wealth_is_fair_over_the_orders() -> None:
    """Drawing three of three in every order, wealth at the population's mean averages to 1."""
    terms = capital.Terms(
        alpha=0.05, low=0.0, high=1.0, planned=None, nulls=(0.4,), cells=2, population=3
    )
    values = (0.1, 0.3, 0.8)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    wealth = [math.exp(fed([values[i] for i in order], terms).up[-3]) for order in orders]
    assert np.mean(wealth) == pytest.approx(1.0, abs=1e-12)


def test_bad_terms_are_refused() -> None:
    """Alphas, ranges, nulls, plans and cells that make no sense raise."""
    for change, message in (
        ({"alpha": 0.0}, "alpha"),
        ({"low": 1.0}, "no range"),
        ({"nulls": (-1.0,)}, "null -1"),
        ({"planned": 0}, "planned 0"),
        ({"cells": 1}, "cells 1"),
    ):
        fields = {"alpha": 0.05, "low": -1.0, "high": 1.0, "planned": 5, "nulls": (), "cells": 4}
        with pytest.raises(ValueError, match=message):
            capital.Terms(**(fields | change))
