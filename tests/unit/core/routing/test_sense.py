"""What a router reads of an embedding."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.core.routing.messages import near, sensed, sensing

from escalera.core.routing import sense


def test_what_all_embeddings_share_is_taken_off():
    """A direction common to all tells none apart; lengths say nothing."""
    common = np.array([9.0, 0.0, 0.0], np.float32)
    table = np.array([[0, 1, 0], [0, -1, 0]], np.float32) + common
    found = sense.centred(table * np.array([[1.0], [5.0]], np.float32), sense.centre(table))
    assert found == pytest.approx(np.array([[0, 1, 0], [0, -1, 0]]), abs=1e-5)


def test_an_embedding_without_a_direction_stays_zero():
    """Of a text without tokens, for one."""
    nothing = np.zeros((1, 3), np.float32)
    assert not sense.centred(nothing, np.zeros(3, np.float32)).any()


def test_the_largest_eigenvalue_is_that_of_the_inner_products():
    """Also where these are negative, and a start of ones would find nothing."""
    table = np.array([[1.0, 0.5], [-1.0, 0.25], [0.0, -0.75]], np.float32)
    found = sense.largest_eigenvalue(table)
    assert found == pytest.approx(np.linalg.eigvalsh(table @ table.T)[-1], rel=1e-6)


def test_an_embedding_of_another_model_is_refused():
    """By its length, and with the remedy."""
    router = sensing()
    with pytest.raises(ValueError, match=r"has 7 numbers.*learned on 3 of 'e5': climb again"):
        router.choose("a lamp", np.ones(7, np.float32))


def test_a_text_without_an_embedding_cannot_be_taught():
    """Whoever teaches leaves it out, or this is a bug."""
    with pytest.raises(KeyError):
        sensed({"a": near("orders")}).table(["b"])
