"""Sparse rows of messages."""

from __future__ import annotations

import numpy as np
import pytest

from escalera.core.routing import rows

TEXTS = [f"please send {n} lamps to {n % 7} Elm Street" for n in range(150)] + ["thank you", ""]


@pytest.fixture(scope="module")
def held():
    """Rows of which some buckets are common, some rare."""
    return rows.read(TEXTS)


@pytest.fixture(scope="module")
def dense(held):
    """The same as one table."""
    table = np.zeros((len(held), len(held.buckets)))
    table[held.row_of_values(), held.places] = held.values
    return table


def test_rows_have_length_one(dense):
    """But for a message without a word."""
    assert np.linalg.norm(dense, axis=1)[:-1] == pytest.approx(1, abs=1e-5)
    assert not dense[-1].any()


def test_what_many_messages_have_weighs_less(held):
    """And what none has weighs most."""
    counts = np.bincount(held.places)
    order = np.argsort(counts)
    assert (np.diff(held.rarity[order]) <= 1e-6).all()
    assert held.unseen > held.rarity.max()


def test_products_are_those_of_the_dense_table(held, dense):
    """Both ways of multiplying are in use here."""
    counts = np.bincount(held.places)
    assert counts.max() > rows.COMMON > counts.min() > 0
    assert np.allclose(rows.gram(held), dense @ dense.T, atol=1e-5)


@pytest.mark.parametrize("block", [1 << 24, 700])
def test_weights_are_those_of_the_dense_table(held, dense, block, monkeypatch):
    """In one block, and in many small ones."""
    monkeypatch.setattr(rows, "_BLOCK", block)
    duals = np.random.default_rng(0).normal(size=(len(held), 3)).astype(np.float32)
    assert np.allclose(rows.weights(held, duals), dense.T @ duals, atol=1e-5)
    assert np.allclose(rows.gram(held), dense @ dense.T, atol=1e-5)
