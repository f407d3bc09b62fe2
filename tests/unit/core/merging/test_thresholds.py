"""The k-th smallest without sorting, against sorting."""

import numpy as np
import pytest

from escalera.core.merging import thresholds
from escalera.core.merging.thresholds import Wanted


def sizes(kind: str, size: int) -> np.ndarray:
    """Magnitudes of very different kinds, as bits."""
    generator = np.random.default_rng(3)
    values = {
        "normal": lambda: generator.standard_normal(size),
        "ties": lambda: generator.integers(0, 5, size) / 4,
        "zeros": lambda: generator.standard_normal(size) * (generator.random(size) < 0.1),
        "growing": lambda: np.linspace(0, 1, size) ** 8,
    }[kind]()
    return np.abs(values).astype(np.float32).view(np.uint32)


@pytest.mark.parametrize("kind", ["normal", "ties", "zeros", "growing"])
@pytest.mark.parametrize("held", [1 << 22, 60_000, 64])
def test_it_is_what_sorting_finds(kind, held):
    """Whether all, some or next to nothing may be held; also where the sample misleads."""
    bits = sizes(kind, 300_000)
    ranks = [0, 1, 90_000, 150_000, 299_998, 299_999]
    wanted = [Wanted(quantity=0, rank=rank, size=len(bits)) for rank in ranks]

    def parts():
        return ([bits[start : start + 7777]] for start in range(0, len(bits), 7777))

    found = thresholds.smallest(wanted, [bits[:5000]], parts, held=held)
    assert found == np.sort(bits)[ranks].tolist()


def test_several_quantities_share_their_passes():
    """One pass serves them all, when the sample is good."""
    one, two = sizes("normal", 400_000), sizes("growing", 400_000)
    passes = []

    def parts():
        passes.append(1)
        return ([one[s : s + 50_000], two[s : s + 50_000]] for s in range(0, 400_000, 50_000))

    wanted = [Wanted(quantity=n, rank=280_000, size=400_000) for n in (0, 1)]
    found = thresholds.smallest(wanted, [one[::31].copy(), two[::31].copy()], parts)
    assert found == [int(np.sort(values)[280_000]) for values in (one, two)]
    assert len(passes) == 1
