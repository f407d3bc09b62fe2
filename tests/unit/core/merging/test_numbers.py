"""Numbers of files: exact both ways, and rounded as IEEE 754 says."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.merging import numbers


@pytest.fixture(autouse=True, params=["NumKong", "NumPy"])
def engine(request, monkeypatch):
    """Every test holds with the package and without it."""
    if request.param == "NumPy":
        monkeypatch.setattr(numbers, "numkong", None)
    else:
        assert numbers.numkong is not None


def rounded(value: float) -> int:
    """The slow, obvious bfloat16 nearest to a number: all neighbours compared as fractions."""
    bits = int(np.float32(value).view(np.uint32))
    near = [bits >> 16, (bits >> 16) + 1]
    far = [abs(Fraction(value) - Fraction(float(widened(entry)))) for entry in near]
    if far[0] == far[1]:
        return near[0] if near[0] % 2 == 0 else near[1]
    return near[far.index(min(far))]


def widened(bits: int) -> np.float32:
    """The number that a bfloat16 stands for."""
    return np.uint32(bits << 16).view(np.float32)


@given(
    st.floats(
        width=32, allow_nan=False, allow_infinity=False, max_value=2.0**126, min_value=-(2.0**126)
    )
)
@settings(max_examples=300)
def test_bfloat16_is_rounded_to_the_nearest_and_to_even(value):
    """As the comparison with both neighbours finds it, denormal numbers included."""
    found = numbers.as_stored(np.array([value], np.float32), "BF16")
    assert int(found[0]) == rounded(value)


def test_middles_go_to_the_even_neighbour():
    """Both halves of the rule, and what is a hair beyond the middle."""
    bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0xBF808000], np.uint32)
    found = numbers.as_stored(bits.view(np.float32), "BF16")
    assert [hex(int(entry)) for entry in found] == ["0x3f80", "0x3f82", "0x3f81", "0xbf80"]


def test_every_bfloat16_comes_back():
    """All 65,536 patterns but those of "not a number" survive reading and writing."""
    raw = np.arange(1 << 16, dtype=np.uint16)
    values = numbers.as_floats(raw, "BF16")
    back = numbers.as_stored(values, "BF16")
    assert (back[~np.isnan(values)] == raw[~np.isnan(values)]).all()
    assert np.isnan(numbers.as_floats(back[np.isnan(values)], "BF16")).all()


def test_both_ways_to_bfloat16_have_the_same_bits(monkeypatch):
    """Every upper half with lower halves below, at and above the middle: also denormal numbers,
    infinities, and what is no number."""
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    values = (upper[:, None] | lower).view(np.float32)
    found = numbers.as_stored(values, "BF16"), numbers.as_floats(upper.astype(np.uint16), "BF16")
    monkeypatch.setattr(numbers, "numkong", None)
    assert (found[0] == numbers.as_stored(values, "BF16")).all()
    plain = numbers.as_floats(upper.astype(np.uint16), "BF16")
    assert (found[1].view(np.uint32) == plain.view(np.uint32)).all()


def test_numbers_that_do_not_lie_side_by_side_are_read_and_written():
    """Every third of an array, and the last of each pair, as an array of its own has them."""
    raw = np.arange(0, 1 << 14, 5, dtype=np.uint16)
    assert (numbers.as_floats(raw[::3], "BF16") == numbers.as_floats(raw[::3].copy(), "BF16")).all()
    values = np.linspace(-3, 3, 200, dtype=np.float32)[1::2]
    out = np.zeros(200, np.uint16)
    numbers.encode(values, "BF16", out[::2], np.empty(100, np.float32))
    assert (out[::2] == numbers.as_stored(values.copy(), "BF16")).all()
    assert not out[1::2].any()


@pytest.mark.parametrize("kind", ["BF16", "F16", "F32"])
def test_what_is_not_finite_is_counted_and_stays(kind):
    """Infinities and "not a number", also of a pattern that would round to a number."""
    raw = np.array([1.0, np.inf, -np.inf, 0.0], np.float32)
    raw.view(np.uint32)[3] = 0x7FFFFFFF
    values = np.empty(4, np.float32)
    numbers.decode(raw, "F32", values)
    out, spare = np.empty(4, numbers.STORED[kind]), np.empty(4, np.float32)
    assert numbers.encode(values, kind, out, spare) == 3
    back = numbers.as_floats(out, kind)
    assert back[:3].tolist() == [1.0, np.inf, -np.inf]
    assert np.isnan(back[3])


def test_what_is_too_large_for_its_kind_becomes_infinite():
    """And is counted."""
    values, out = np.array([1e6, 1.0], np.float32), np.empty(2, np.float16)
    assert numbers.encode(values, "F16", out, np.empty(2, np.float32)) == 1
    assert np.isinf(out[0])


def test_products_are_those_of_exact_arithmetic_but_for_rounding():
    """Against fractions, with lengths that are no multiple of anything; one for each cell."""
    generator = np.random.default_rng(0)
    one, other = generator.standard_normal((2, 20_001)).astype(np.float32)
    exact = [Fraction(float(a)) * Fraction(float(b)) for a, b in zip(one, other, strict=True)]
    for cell in (4096, 16384):
        found = numbers.products(one, other, cell)
        assert len(found) == -(-20_001 // cell)
        for place, value in enumerate(found):
            wanted = float(sum(exact[place * cell : (place + 1) * cell]))
            assert value == pytest.approx(wanted, abs=1e-2 * cell**0.5 * 1e-3)
    assert numbers.products(one[:0], other[:0], 4096) == []


@pytest.mark.parametrize("kind", ["BF16", "F16", "F32"])
@given(data=st.data())
@settings(max_examples=50)
def test_what_is_not_finite_is_counted_whatever_stands_beside_it(kind, data):
    """Random bits, above and below zero: as many as NumPy says are not finite."""
    width = numbers.STORED[kind].itemsize
    raw = np.frombuffer(data.draw(st.binary(max_size=40 * width)).ljust(width, b"\0"), np.uint8)
    raw = raw[: raw.size // width * width].view(numbers.STORED[kind])
    values = numbers.as_floats(raw, kind)
    out, spare = np.empty(raw.size, raw.dtype), np.empty(raw.size, np.float32)
    found = numbers.encode(values, kind, out, spare)
    assert found == np.count_nonzero(~np.isfinite(numbers.as_floats(out, kind)))
