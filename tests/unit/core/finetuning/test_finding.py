"""What a finding is made of."""

from __future__ import annotations

import pytest

from escalera.core.finetuning import finding


@pytest.mark.parametrize(
    ("value", "limit", "certain", "strength"),
    [
        (2, 2, 4, 0.5),
        (4, 2, 4, 1.0),
        (9, 2, 4, 1.0),
        (0, 2, 4, 0.0),
        (1, 2, 0, 0.75),
        (3, 2, 0, 0.25),
    ],
)
def test_a_strength_is_half_at_the_limit_and_whole_where_it_is_certain(
    value, limit, certain, strength
) -> None:
    """On whichever side of the limit that lies, and never outside [0, 1]."""
    assert finding.beyond(value, limit, certain) == strength


def test_figures_have_names_that_can_be_read() -> None:
    """In the order in which they were given."""
    found = finding.measured(loss_at_the_end=1, steps=3)
    assert [(one.name, one.value) for one in found] == [("loss at the end", 1.0), ("steps", 3.0)]
