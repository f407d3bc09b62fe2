"""The families are those that are published, and every one falls."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.finetuning import shapes
from escalera.core.finetuning.shapes import FAMILIES, Shapes


def one(family: str, exponent: float, scale: float, floor: float, reference: float) -> Shapes:
    """A single curve."""
    return Shapes(
        reference=reference,
        family=np.array([FAMILIES.index(family)]),
        exponent=np.array([exponent]),
        scale=np.array([scale]),
        floor=np.array([floor]),
    )


@pytest.mark.parametrize(
    ("family", "published"),
    [
        ("power", lambda n, n0, b: (1.0 + n / n0) ** -b),
        ("stretched", lambda n, n0, b: math.exp(-((n / n0) ** b))),
        ("hill", lambda n, n0, b: 1.0 / (1.0 + (n / n0) ** b)),
    ],
)
@given(exponent=st.floats(0.1, 3.0), scale=st.floats(0.05, 20.0), n=st.floats(0.01, 20.0))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_families_are_the_published_forms(family, published, exponent, scale, n) -> None:
    """pow4, wbl4 and mmf4 without their linear parameters (Mohr et al. 2022, table 1)."""
    found = shapes.log_remaining(
        np.array([FAMILIES.index(family)]), np.array([exponent]), np.array([scale]), np.array([n])
    )
    right = published(n, scale, exponent)
    assert float(np.exp(found[0, 0])) == pytest.approx(right, rel=1e-9, abs=1e-300)


def test_golden_relative_error() -> None:
    """By hand: half of the error at 100 stays; the rest halves from 100 to 300 examples."""
    curve = one("power", 1.0, 1.0, 0.5, 100.0)
    found = curve.relative_error(np.array([0.0, 100.0, 300.0, 1e12]))[0]
    assert found.tolist() == pytest.approx([1.5, 1.0, 0.75, 0.5])


def test_every_curve_of_the_grid_falls_to_its_floor() -> None:
    """And is 1 at the reference; the flat one stays."""
    grid = shapes.grid(80.0)
    sizes = np.geomspace(1.0, 80e4, 30)
    heights = grid.relative_error(sizes)
    assert bool((np.diff(heights, axis=1) <= 1e-12).all())
    assert bool((heights >= grid.floor[:, None] - 1e-12).all())
    assert grid.relative_error(np.array([80.0]))[:, 0] == pytest.approx(1.0)
    assert heights[-1].tolist() == [1.0] * 30


def test_the_grid_holds_every_combination_once() -> None:
    """One flat curve, and the others without repetition."""
    grid = shapes.grid(1.0)
    rows = set(zip(grid.family, grid.exponent, grid.scale, grid.floor, strict=True))
    combinations = len(FAMILIES) * len(shapes.EXPONENTS) * len(shapes.SCALES)
    assert len(rows) == len(grid.family) == combinations * (len(shapes.FLOORS) - 1) + 1


def test_taking_curves_keeps_them_whole() -> None:
    """In the order asked, as often as asked."""
    grid = shapes.grid(10.0)
    some = grid.take(np.array([7, 7, 3]))
    sizes = np.array([5.0, 40.0])
    assert some.relative_error(sizes).tolist() == grid.relative_error(sizes)[[7, 7, 3]].tolist()
