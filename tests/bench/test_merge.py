"""What the bench of merges calls the same number, and what it calls a tie."""

from __future__ import annotations

import pytest
import torch
from bench.merge import equality
from safetensors.torch import save_file


def _folder(into, values):
    """A model of one tensor, in bfloat16."""
    into.mkdir()
    tensor = torch.tensor(values, dtype=torch.float32).to(torch.bfloat16)
    save_file({"a": tensor}, into / "model.safetensors")
    return into


@pytest.fixture
def models(tmp_path):
    """A base and two models, whose changes from it are 0, 1, 2, 2 and 3."""
    into = tmp_path / "models"
    into.mkdir()
    _folder(into / "m0", [0.0, 0.0, 0.0, 0.0, 0.0])
    _folder(into / "m1", [0.0, 1.0, 2.0, 2.0, 3.0])
    _folder(into / "m2", [0.0, 1.0, 2.0, 2.0, 3.0])
    return into


def _compared(tmp_path, models, ours, theirs):
    both = _folder(tmp_path / "ours", ours), _folder(tmp_path / "theirs", theirs)
    return equality.differences(*both, models)


def test_a_last_bit_is_rounding(tmp_path, models):
    """One bit is no more than the last; two are more, and beyond rounding."""
    one, two = 1 + 2**-7, 1 + 2**-6
    found = _compared(tmp_path, models, [1.0, 1.0, 1.0, 1.0, 0.0], [1.0, one, two, 2.0, 0.0])
    assert found == {"differ": 3, "more": 2, "beyond": 2, "numbers": 5}


def test_what_cancels_is_as_exact_as_what_went_in(tmp_path, models):
    """What is left of numbers near 2 is off by many bits, but not by more than float32 rounds."""
    found = _compared(tmp_path, models, [0, 0, 2**-21, 2**-18, 0], [0, 0, 2**-20, 2**-12, 0])
    assert found == {"differ": 2, "more": 2, "beyond": 1, "numbers": 5}


def test_ties_are_told_from_faults(tmp_path, models):
    """Of changes as large as the threshold either may be kept; a larger one that is gone is none
    of these.
    """
    both = (
        _folder(tmp_path / "ours", [0, 0, 2, 2, 3]),
        _folder(tmp_path / "theirs", [0, 0, 2, 0, 0]),
    )
    found = equality.at_thresholds(*both, models, density=0.4)
    assert found == {"compared": 2, "at ties": 1}


def test_extremes_that_are_cut_have_a_threshold_too(tmp_path, models):
    """Without the largest fifth, the next is kept; its end is a threshold."""
    both = (
        _folder(tmp_path / "ours", [0, 1, 2, 2, 0]),
        _folder(tmp_path / "theirs", [0, 0, 2, 0, 3]),
    )
    found = equality.at_thresholds(*both, models, density=0.4, gamma=0.2)
    assert found == {"compared": 3, "at ties": 1}
