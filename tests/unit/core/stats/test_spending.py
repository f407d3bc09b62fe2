"""Boundaries equal published ones, brute-force paths and numerical integration."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import spending

GOLDEN = [
    # gsDesign (one-sided 0.025 per side, equal looks), sfLDOF and sfLDPocock; also ldbounds.
    ("obrien-fleming", (2.9626, 1.9686)),
    ("obrien-fleming", (3.7103, 2.5114, 1.9930)),
    ("obrien-fleming", (4.3326, 2.9631, 2.3590, 2.0141)),
    ("obrien-fleming", (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
    ("pocock", (2.3683, 2.3675, 2.3582, 2.3500)),
]


def equal_looks(k: int) -> tuple[float, ...]:
    """Information times 1/k, 2/k, ..., 1."""
    return tuple((i + 1) / k for i in range(k))


def plain_recursion(times: tuple[float, ...], limits: tuple[float, ...]) -> list[float]:
    """The slow obvious reference: Simpson on equal steps of the sum process, no cleverness."""
    before = mass = np.empty(0)
    exits = [2 * scipy.stats.norm.sf(limits[0])]
    for k in range(1, len(times)):
        half = limits[k - 1] * math.sqrt(times[k - 1])
        grid = np.linspace(-half, half, 1601)
        weights = np.full(1601, 2.0)
        weights[1::2], weights[[0, -1]] = 4.0, 1.0
        weights *= (grid[1] - grid[0]) / 3
        if k == 1:
            density = scipy.stats.norm.pdf(grid, scale=math.sqrt(times[0]))
        else:
            step = math.sqrt(times[k - 1] - times[k - 2])
            kernel = scipy.stats.norm.pdf(grid[:, None], loc=before[None, :], scale=step)
            density = kernel @ mass
        mass, before = weights * density, grid
        limit = limits[k] * math.sqrt(times[k])
        tail = scipy.stats.norm.sf(limit, loc=grid, scale=math.sqrt(times[k] - times[k - 1]))
        exits.append(2 * float(mass @ tail))
    return exits


@pytest.mark.parametrize(("kind", "expected"), GOLDEN)
def test_boundaries_match_published_tables(
    kind: spending.Spending, expected: tuple[float, ...]
) -> None:
    """Lan-DeMets boundaries for 2 to 5 equal looks agree with gsDesign to 4 decimals."""
    found = spending.boundaries(equal_looks(len(expected)), alpha=0.05, spending=kind)
    assert found == pytest.approx(expected, abs=1.5e-4)


def test_boundaries_match_six_published_digits() -> None:
    """gsDesign prints 4.332634, 2.963131, 2.359044, 2.014090 for four looks."""
    found = spending.boundaries(equal_looks(4), alpha=0.05, spending="obrien-fleming")
    assert found == pytest.approx((4.332634, 2.963131, 2.359044, 2.014090), abs=1.5e-6)


@pytest.mark.parametrize(
    ("limits", "total"),
    [
        # Jennison and Turnbull (2000), table 2.1: Pocock constants for alpha 0.05.
        ((2.178,) * 2, 0.05),
        ((2.413,) * 5, 0.05),
        ((2.555,) * 10, 0.05),
        # Table 2.3: O'Brien-Fleming constants C, limits C sqrt(K/k).
        (tuple(2.040 * math.sqrt(5 / k) for k in range(1, 6)), 0.05),
        (tuple(2.087 * math.sqrt(10 / k) for k in range(1, 11)), 0.05),
        # Armitage, McPherson and Rowe (1969): looking five times at 1.96 errs 14.2 %.
        ((1.96,) * 5, 0.142),
        ((1.96,) * 10, 0.193),
    ],
)
def test_crossing_probabilities_match_published_constants(
    limits: tuple[float, ...], total: float
) -> None:
    """The recursion reproduces the classical constants and the error of naive peeking."""
    found = spending.crossing_probabilities(equal_looks(len(limits)), limits)
    assert math.fsum(found) == pytest.approx(total, abs=2e-4 if total == 0.05 else 6e-4)


def test_two_looks_match_numerical_integration() -> None:
    """For two looks the survivors are a bivariate normal rectangle, known to SciPy."""
    times, limits = (0.3, 1.0), (2.7, 2.0)
    correlation = math.sqrt(0.3)
    rectangle = scipy.stats.multivariate_normal(
        [0, 0], [[1, correlation], [correlation, 1]], abseps=1e-11
    ).cdf(limits, lower_limit=[-2.7, -2.0])
    found = math.fsum(spending.crossing_probabilities(times, limits))
    assert found == pytest.approx(1 - rectangle, abs=1e-9)


def test_grid_is_fine_enough() -> None:
    """A brute grid of 1,601 equal steps moves no crossing probability by more than 1e-8."""
    for times in (equal_looks(5), (0.2, 0.201, 0.21, 0.5, 0.501, 1.0)):
        limits = spending.boundaries(times, alpha=0.05, spending="obrien-fleming")
        coarse = spending.crossing_probabilities(times, limits)
        fine = plain_recursion(times, limits)
        assert coarse == pytest.approx(fine, abs=1e-8)


@given(
    cuts=st.lists(st.floats(0.02, 0.97), min_size=0, max_size=5, unique=True),
    alpha=st.sampled_from([0.01, 0.05, 0.1, 0.2]),
    kind=st.sampled_from(["obrien-fleming", "pocock"]),
)
@settings(derandomize=True, max_examples=25, deadline=None)
def test_total_error_is_alpha_for_any_looks(
    cuts: list[float], alpha: float, kind: spending.Spending
) -> None:
    """Whatever the looks, crossing probabilities follow the spending and add up to alpha."""
    times: list[float] = []
    for t in sorted(cuts):
        if not times or t > times[-1] * 1.01:
            times.append(t)
    looks = (*times, 1.0)
    limits = spending.boundaries(looks, alpha=alpha, spending=kind)
    exits = np.cumsum(spending.crossing_probabilities(looks, limits))
    expected = [spending.spent(t, alpha=alpha, spending=kind) for t in looks]
    assert exits == pytest.approx(expected, abs=1e-7)
    assert expected[-1] == pytest.approx(alpha, rel=1e-12)


def test_later_looks_do_not_move_earlier_boundaries() -> None:
    """A boundary is final once computed: a longer schedule repeats it bit for bit."""
    looks = (0.1, 0.35, 0.36, 0.8, 1.0)
    full = spending.boundaries(looks, alpha=0.05, spending="obrien-fleming")
    for k in range(1, 5):
        part = spending.boundaries(looks[:k], alpha=0.05, spending="obrien-fleming")
        assert part == full[:k]


def test_results_survive_an_empty_cache() -> None:
    """Recomputing from nothing gives the same bits as the cached path."""
    looks = equal_looks(6)
    first = spending.boundaries(looks, alpha=0.05, spending="pocock")
    spending._boundary.cache_clear()
    spending._continuing.cache_clear()
    assert spending.boundaries(looks, alpha=0.05, spending="pocock") == first


def test_hopelessly_early_looks_are_capped() -> None:
    """At 1 % of information the boundary is the cap, not infinity, and costs no error later."""
    found = spending.boundaries((0.01, 1.0), alpha=0.05, spending="obrien-fleming")
    assert found[0] == spending.EXTREME
    assert found[1] == pytest.approx(1.959964, abs=1e-5)


@pytest.mark.slow
def test_brute_force_paths_cross_as_often() -> None:
    """Of 200,000 simulated Brownian paths 5 % cross, with each look's share as computed."""
    rng = np.random.default_rng(5)
    times = np.array([0.15, 0.4, 0.5, 0.8, 1.0])
    for kind in ("obrien-fleming", "pocock"):
        limits = spending.boundaries(tuple(times), alpha=0.05, spending=kind)
        expected = spending.crossing_probabilities(tuple(times), limits)
        steps = rng.standard_normal((200_000, 5)) * np.sqrt(np.diff(times, prepend=0.0))
        crossed = np.abs(steps.cumsum(axis=1) / np.sqrt(times)) >= np.array(limits)
        first = np.bincount(crossed.argmax(axis=1)[crossed.any(axis=1)], minlength=5) / 200_000
        assert first == pytest.approx(expected, abs=4 * math.sqrt(0.025 / 200_000))
        assert first.sum() == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 200_000))


def test_bad_schedules_are_refused() -> None:
    """Times that fall, leave (0, 1] or crowd, and unequal lengths raise."""
    for looks in ((0.5, 0.4), (0.0, 1.0), (0.5, 1.1), (0.5, 0.5)):
        with pytest.raises(ValueError, match="must increase"):
            spending.boundaries(looks, alpha=0.05, spending="pocock")
    with pytest.raises(ValueError, match="closer than"):
        spending.boundaries((0.5, 0.50001), alpha=0.05, spending="pocock")
    with pytest.raises(ValueError, match="one limit per look"):
        spending.crossing_probabilities((0.5, 1.0), (2.0,))
    with pytest.raises(ValueError, match="information_time 0"):
        spending.spent(0, alpha=0.05, spending="pocock")
