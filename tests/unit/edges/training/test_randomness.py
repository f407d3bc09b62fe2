"""Random numbers: put back to the bit, and no trace left with others."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from escalera.edges.training import randomness  # noqa: E402

pytestmark = pytest.mark.local


def test_a_state_goes_on_where_it_was_taken() -> None:
    """The same numbers come again after a restore, and the caller's stay its own."""
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with randomness.apart(1):
        kept = randomness.state()
        first = torch.rand(3)
        torch.rand(9)
        randomness.restore(kept)
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.rand(3), expected)
