"""How likely the weak model is right."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.core.routing.messages import many, meant, near, sensed

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


def test_a_signal_that_was_learned_from_embeddings_needs_one():
    """Without it the weak model is not relied on."""
    texts, labels, vectors = meant(30)
    right = [label == "praise" for label in labels]
    found = quality.weigh(texts, right, sensed(vectors))
    assert found.gain.lower > 0
    judge = quality.fit(texts, right, sensed=sensed(vectors, found.share))
    assert judge.signal("qqq", near("praise")) > 0.9
    assert judge.signal("qqq", near("orders")) < 0.1
    assert judge.signal("qqq") == 0.0


def test_nothing_is_weighed_where_nothing_can_be_told_apart():
    """A model that is always right needs no signal."""
    texts, _, vectors = meant(5)
    with pytest.raises(ValueError, match="always right on 10"):
        quality.weigh(texts, [True] * len(texts), sensed(vectors))
