"""Streams: every number once, the same sums for any chunk, rows of another vocabulary."""

import numpy as np
import pytest

from escalera.core.merging import numbers
from escalera.core.merging.streams import CELL, Aligned, Held, Spare, Stream


def held(values: np.ndarray) -> Held:
    """A tensor in memory."""
    return Held(raw=values.reshape(-1).astype(np.float32), kind="F32")


@pytest.mark.parametrize("size", [1, 511, CELL, 3 * CELL + 17])
@pytest.mark.parametrize("chunk", [CELL, 4 * CELL])
def test_blocks_hold_every_number_once_and_in_order(size, chunk):
    """Whatever the length of a block."""
    values = np.arange(size, dtype=np.float32)
    stream = Stream([held(values), held(-values)], shape=(size,), chunk=chunk)
    parts = [(b.start, b.values[0].copy(), b.values[1].copy()) for b in stream.blocks()]
    assert np.concatenate([one for _, one, _ in parts]).tolist() == values.tolist()
    assert all((one == -two).all() and one[0] == start for start, one, two in parts)


def test_rows_are_whole():
    """Also when a row is longer than a block should be."""
    for shape in ((7, 50_000), (1000, 130)):
        stream = Stream([held(np.zeros(shape))], shape=shape, chunk=CELL)
        assert all(block.size % shape[1] == 0 for block in stream.rows())
        assert sum(block.size for block in stream.rows()) == np.prod(shape)


def test_a_sample_is_spread_over_the_tensor():
    """All of a small one; of a large one some from the beginning and some near the end."""
    small = Stream([held(np.arange(100))], shape=(100,)).sample()
    assert small.values[0].tolist() == list(range(100))
    large = Stream([held(np.arange(1 << 20))], shape=(1 << 20,)).sample()
    assert large.values[0].size == 1 << 16
    assert large.values[0].min() == 0
    assert large.values[0].max() > 0.98 * (1 << 20)


def test_spare_arrays_are_used_again():
    """By their name, growing when they must."""
    spare = Spare()
    assert np.shares_memory(spare.floats("a", 10), spare.floats("a", 5))
    assert not np.shares_memory(spare.floats("a", 10), spare.floats("b", 5))
    assert spare.floats("a", 99).size == 99


def test_rows_of_another_vocabulary_are_found_and_filled():
    """In blocks that begin and end within rows, for kinds that differ."""
    own = np.arange(40, dtype=np.float32).reshape(4, 10)
    other = -np.arange(50, dtype=np.float32).reshape(5, 10)
    rows = np.array([3, -1, 0, 1, -1])
    table = Aligned(
        own=Held(raw=numbers.as_stored(own.reshape(-1), "BF16"), kind="BF16"),
        instead=held(other),
        width=10,
        rows=rows,
    )
    wanted = np.stack([own[3], other[1], own[0], own[1], other[4]]).reshape(-1)
    assert table.size == 50
    for start, stop in ((0, 50), (3, 27), (19, 20), (41, 50)):
        out = np.empty(stop - start, np.float32)
        table.read(start, stop, out)
        assert out.tolist() == wanted[start:stop].tolist()
