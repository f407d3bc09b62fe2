"""What a lever may be."""

from __future__ import annotations

from escalera.domain.sweep import LeverRange


def test_wide_ranges_are_drawn_by_their_logarithm() -> None:
    """A rate from 1e-5 to 1e-1 is; a share that may be 0, or a narrow one, is not."""
    assert LeverRange(name="learning_rate", lowest=1e-5, highest=1e-1).logarithmic
    assert not LeverRange(name="warm_up", lowest=0.0, highest=0.3).logarithmic
    assert not LeverRange(name="clip", lowest=0.5, highest=2.0).logarithmic
    assert not LeverRange(name="rank", choices=(4, 16)).logarithmic
