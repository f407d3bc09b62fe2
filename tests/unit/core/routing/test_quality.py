"""How likely the weak model is right."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.core.routing.messages import many

from escalera.core.routing import quality


def test_the_signal_is_high_where_the_weak_model_was_right():
    """On messages that nothing was learned from."""
    texts, labels = many(60)
    right = [label == "praise" for label in labels]
    judge = quality.fit(texts[::2], right[::2])
    signals = np.array([judge.signal(text) for text in texts[1::2]])
    truth = np.array(right[1::2])
    assert ((signals >= 0) & (signals <= 1)).all()
    assert signals[truth].min() > 0.5 > signals[~truth].max()


@pytest.mark.parametrize(("right", "word"), [([True, True], "always"), ([False, False], "never")])
def test_items_of_one_kind_teach_nothing(right, word):
    """And what to do is told."""
    with pytest.raises(ValueError, match=f"{word} right on 2 items.*add harder items"):
        quality.fit(["a", "b"], right)
