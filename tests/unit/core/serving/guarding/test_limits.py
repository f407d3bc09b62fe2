"""How large a request may be."""

from __future__ import annotations

import pytest

from escalera.core.serving.guarding.limits import Limits


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        (Limits(), None),
        (Limits(bytes=10, messages=2, characters=5), None),
        (Limits(bytes=9), "10 bytes, and 9"),
        (Limits(messages=1), "2 texts, and 1"),
        (Limits(characters=4), "5 characters of text, and 4"),
    ],
)
def test_the_first_that_is_exceeded_is_told(limits, wrong):
    """With what was found and what is allowed; at a limit nothing is."""
    said = limits.exceeded(body=10, texts=["abc", "de"])
    assert said is None if wrong is None else wrong in said
    assert limits.active == (limits != Limits())
