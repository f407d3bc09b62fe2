"""What several people answered."""

from __future__ import annotations

import pytest

from escalera.core.data.flaws import Flaw
from escalera.core.data.labelled import agreed


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["a"], "a"),
        (["a", "b", "a "], "a"),
        (["\tb", "b"], "\tb"),
        (["a", "b", "a", "b", "c", "a"], "a"),
    ],
)
def test_the_majority_decides(answers, expected):
    """Of those who answered, as the first of them wrote it."""
    assert agreed(answers) == expected


@pytest.mark.parametrize(
    ("answers", "said"), [([], "nobody has answered"), (["a", "b"], "as many people answered 'a'")]
)
def test_without_one_nothing_is_decided(answers, said):
    """Nobody tosses a coin."""
    found = agreed(answers)
    assert isinstance(found, Flaw)
    assert said in found.problem
