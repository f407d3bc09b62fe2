"""Options that several commands share."""

from __future__ import annotations

import click
import pytest

from escalera.apps.cli import options


def test_a_number_between() -> None:
    """A number of the range is taken, and one outside of it refused."""
    between = options.Between(0, 1, min_open=True)
    assert between.convert("0.25", None, None) == 0.25
    with pytest.raises(click.BadParameter, match="range"):
        between.convert("0", None, None)


@pytest.mark.parametrize("said", ["nan", "-nan"])
def test_nan_is_in_no_range(said: str) -> None:
    """NaN passes every comparison with the ends of a range, and is refused all the same."""
    with pytest.raises(click.BadParameter, match=f"{said}.* is not a number"):
        options.Between(0, 1).convert(said, None, None)
