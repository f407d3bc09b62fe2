"""Random bits by place: the published generator, whatever the chunks."""

import numpy as np
import pytest

from escalera.core.merging import chance


def published(state: int, count: int) -> list[int]:
    """SplitMix64 as it is written in its paper, one output after the other."""
    found, mask = [], (1 << 64) - 1
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        found.append(mixed ^ (mixed >> 31))
    return found


def test_it_is_the_published_generator():
    """Two words of 32 bits for each of its outputs; 1234567 gives the number of the literature."""
    assert published(1234567, 1) == [6457827717110365317]
    words = chance.bits(1234567, 0, 200)
    wanted = [part for one in published(1234567, 100) for part in (one & 0xFFFFFFFF, one >> 32)]
    assert words.tolist() == wanted


@pytest.mark.parametrize("cut", [1, 7, 64, 999])
def test_parts_are_those_of_the_whole(cut):
    """Any place can be asked for by itself."""
    whole = chance.bits(99, 0, 1000)
    assert (chance.bits(99, cut, 1000 - cut) == whole[cut:]).all()


def test_keys_differ_by_seed_and_name():
    """And are the same on every machine."""
    keys = {chance.key(seed, name) for seed in range(20) for name in ("a", "b", "ab")}
    assert len(keys) == 60
    assert chance.key(0, "a", "b") != chance.key(0, "ab")
    assert chance.key(0, "0", "lm_head.weight") == 0xE8CEC8302EBA954C


def test_bits_are_even_and_unrelated():
    """Means and correlations of neighbours and of streams stay within six standard errors."""
    one = chance.bits(chance.key(0, "x"), 0, 1 << 18) / 2.0**32 - 0.5
    other = chance.bits(chance.key(0, "y"), 0, 1 << 18) / 2.0**32 - 0.5
    error = np.sqrt(1 / 12 / len(one))
    assert abs(one.mean()) < 6 * error
    for pair in ((one[1:], one[:-1]), (one, other)):
        assert abs(np.corrcoef(*pair)[0, 1]) < 6 / np.sqrt(len(one))
