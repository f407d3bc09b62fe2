"""Combinations by inner products, against vectors in double precision."""

import numpy as np
import pytest
from tests.unit.core.merging.inputs import arrays, merged, stream

from escalera.core.merging import geometry
from escalera.core.merging.streams import CELL


def doubles(count: int, size: int = 3000):
    """Inputs, and the same in double precision."""
    tensors = arrays(count, size, spread=0.6)
    return tensors, [values.astype(np.float64) for values in tensors]


def arc(one, other, t):
    """SLERP on vectors as they are, by the angle between their directions."""
    angle = np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    return (np.sin((1 - t) * angle) * one + np.sin(t * angle) * other) / np.sin(angle)


def test_products_are_those_of_double_precision():
    """Of the inputs and of their changes."""
    tensors, exact = doubles(3, 100_000)
    found = geometry.gram(stream(tensors))
    np.testing.assert_allclose(found, np.array(exact) @ np.array(exact).T, rtol=1e-6)
    moved = np.array([other - exact[0] for other in exact[1:]])
    np.testing.assert_allclose(
        geometry.gram(stream(tensors), about_base=True), moved @ moved.T, rtol=1e-5, atol=1e-2
    )


def test_products_do_not_depend_on_the_chunk():
    """Bit by bit, also with an end that is no whole block."""
    tensors, _ = doubles(3, 5 * CELL + 999)
    found = {geometry.gram(stream(tensors, chunk=n * CELL)).tobytes() for n in (1, 2, 3, 8)}
    assert len(found) == 1


def test_linear_is_the_weighted_mean():
    """Normalised or not."""
    tensors, exact = doubles(3)
    each = [{"weight": weight} for weight in (1.0, 2.0, 5.0)]
    total = exact[0] + 2 * exact[1] + 5 * exact[2]
    np.testing.assert_allclose(merged("linear", tensors, each=each), total / 8, atol=1e-6)
    found = merged("linear", tensors, each=each, shared={"normalize": False})
    np.testing.assert_allclose(found, total, atol=1e-5)


def test_wise_ft_goes_from_the_base_to_the_model():
    """Its ends are the two, bit by bit."""
    tensors, exact = doubles(2)
    for share in (0.0, 0.3, 1.0):
        found = merged("wise_ft", tensors, each=[{}], shared={"alpha": share})
        np.testing.assert_allclose(found, (1 - share) * exact[0] + share * exact[1], atol=1e-6)


@pytest.mark.parametrize("t", [0.0, 0.25, 1.0])
def test_slerp_goes_along_the_arc(t):
    """Shoemake 1985; and along the line between vectors that are nearly parallel."""
    tensors, exact = doubles(2)
    found = merged("slerp", tensors, each=[{}], shared={"t": t})
    np.testing.assert_allclose(found, arc(*exact, t), atol=2e-6)
    near = [tensors[0], tensors[0] * np.float32(1.01)]
    found = merged("slerp", near, each=[{}], shared={"t": t})
    np.testing.assert_allclose(found, (1 + 0.01 * t) * exact[0], atol=2e-6)


def test_nuslerp_goes_along_the_arc_of_models_or_changes():
    """The weights say how far."""
    tensors, exact = doubles(3)
    each = [{"weight": 3.0}, {"weight": 1.0}]
    found = merged("nuslerp", tensors[1:], each=each)
    np.testing.assert_allclose(found, arc(exact[1], exact[2], 0.25), atol=2e-6)
    found = merged("nuslerp", tensors, each=each)
    wanted = exact[0] + arc(exact[1] - exact[0], exact[2] - exact[0], 0.25)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def mean_on_sphere(vectors, rounds=10):
    """Karcher's iteration on the vectors themselves."""
    lengths = [np.linalg.norm(vector) for vector in vectors]
    units = [vector / length for vector, length in zip(vectors, lengths, strict=True)]
    mean = sum(units) / np.linalg.norm(sum(units))
    for _ in range(rounds):
        step = np.zeros_like(mean)
        for unit in units:
            angle = np.arccos(unit @ mean)
            step += angle / np.sin(angle) * (unit - np.cos(angle) * mean) / len(units)
        length = np.linalg.norm(step)
        if length < 1e-5:
            break
        mean = np.cos(length) * mean + np.sin(length) * step / length
    return np.mean(lengths) * mean


def test_karcher_is_the_mean_on_the_sphere():
    """The iteration in terms of inner products is the one on vectors; of two, the middle."""
    tensors, exact = doubles(4)
    np.testing.assert_allclose(
        merged("karcher", tensors, each=[{}] * 4), mean_on_sphere(exact), atol=5e-6
    )
    found = merged("karcher", tensors[:2], each=[{}] * 2).astype(float)
    cosines = [found @ one / np.linalg.norm(one) for one in exact[:2]]
    assert cosines[0] == pytest.approx(cosines[1], rel=1e-4)


def test_karcher_leaves_out_what_is_zero():
    """A tensor of zeros has no direction; if all are, so is the mean."""
    zero = np.zeros(1000, np.float32)
    one = arrays(1, 1000)[0]
    found = merged("karcher", [zero, one], each=[{}] * 2)
    np.testing.assert_allclose(found, one / 2, rtol=1e-5)
    assert not merged("karcher", [zero, zero], each=[{}] * 2).any()


def test_multislerp_is_one_step_on_the_sphere():
    """Goddard 2025, on vectors: mean, tangents, one step, mean length."""
    tensors, exact = doubles(3)
    weights = np.array([0.2, 0.3, 0.5])
    lengths = np.array([np.linalg.norm(vector) for vector in exact])
    units = np.array(exact) / lengths[:, None]
    mean = weights @ units
    mean /= np.linalg.norm(mean)
    tangent = weights @ (units - (units @ mean)[:, None] * mean)
    length = np.linalg.norm(tangent)
    wanted = (weights @ lengths) * (np.cos(length) * mean + np.sin(length) / length * tangent)
    found = merged("multislerp", tensors, each=[{"weight": float(w)} for w in 2 * weights])
    np.testing.assert_allclose(found, wanted, atol=5e-6)


def test_model_stock_goes_as_far_as_the_angle_says():
    """Jang et al. 2024, equation 2, on the vectors themselves."""
    tensors, exact = doubles(4)
    changes = [other - exact[0] for other in exact[1:]]
    cosines = [
        a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for n, a in enumerate(changes)
        for b in changes[n + 1 :]
    ]
    cosine = float(np.mean(cosines))
    share = 3 * cosine / (1 + 2 * cosine)
    wanted = share * np.mean(exact[1:], axis=0) + (1 - share) * exact[0]
    np.testing.assert_allclose(merged("model_stock", tensors, each=[{}] * 3), wanted, atol=5e-6)
    assert geometry.model_stock(np.array([[1.0, -1.0], [-1.0, 1.0]])) == 0.0
