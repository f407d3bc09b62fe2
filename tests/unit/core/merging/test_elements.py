"""Methods number by number, against their equations in double precision."""

import numpy as np
import pytest
from tests.unit.core.merging.inputs import arrays, merged

from escalera.errors import MergeError


@pytest.mark.parametrize("density", [0.25, 1.0])
def test_sce_selects_weighs_and_erases(density):
    """Wan et al. 2024, section 3.2, step by step."""
    tensors = arrays(4, 4000)
    changes = np.stack([other - tensors[0] for other in tensors[1:]]).astype(float)
    variance = changes.var(axis=0)
    kept = variance >= np.sort(variance)[len(variance) - int(density * len(variance))]
    changes = changes * kept
    weights = (changes**2).sum(axis=1)
    weights = weights / weights.sum()
    agree = (np.sign(changes) == np.where(changes.sum(axis=0) >= 0, 1, -1)) & (changes != 0)
    by = (weights[:, None] * agree).sum(axis=0)
    mixed = (weights[:, None] * changes * agree).sum(axis=0) / np.where(by > 0, by, 1)
    found = merged("sce", tensors, each=[{}] * 3, shared={"select_topk": density})
    np.testing.assert_allclose(found, tensors[0] + mixed, rtol=1e-4, atol=2e-6)


def test_sce_of_models_that_changed_nothing_is_the_base():
    """No variance, nothing selected, nothing divided by zero."""
    base = arrays(1, 500)[0]
    found = merged("sce", [base, base, base], each=[{}] * 2, shared={"select_topk": 0.5})
    assert (found == base).all()


def test_fisher_weighs_by_information():
    """Matena and Raffel 2022, equation 4; without any information it is the mean."""
    tensors = arrays(2, 3000)
    generator = np.random.default_rng(1)
    matters = [generator.random(3000).astype(np.float32) for _ in range(2)]
    each = [{"weight": 1.0}, {"weight": 3.0}]
    found = merged("fisher", tensors, each=each, beside=matters)
    parts = [3.0**n * matters[n].astype(float) for n in (0, 1)]
    wanted = (parts[0] * tensors[0] + parts[1] * tensors[1]) / (parts[0] + parts[1])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    plain = merged("fisher", tensors, each=each)
    np.testing.assert_allclose(plain, (tensors[0] + 3 * tensors[1]) / 4, rtol=1e-5, atol=1e-6)


def test_regmean_keeps_the_outputs_of_every_model():
    """Jin et al. 2023: it is the least-squares solution over the inputs of all models."""
    generator = np.random.default_rng(2)
    tensors = [generator.standard_normal((30, 12)).astype(np.float32) for _ in range(2)]
    inputs = [generator.standard_normal((200, 12)) * scale for scale in (1.0, 2.0)]
    products = [(x.T @ x).astype(np.float32) for x in inputs]
    found = merged("regmean", tensors, each=[{}] * 2, shared={"shrink": 1.0}, beside=products)
    outputs = np.vstack([x @ w.T for x, w in zip(inputs, tensors, strict=True)])
    wanted = np.linalg.lstsq(np.vstack(inputs), outputs, rcond=None)[0].T
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
    same = merged("regmean", [tensors[0]] * 2, each=[{}] * 2, beside=products)
    np.testing.assert_allclose(same, tensors[0], rtol=1e-4, atol=1e-5)


def test_nearswap_follows_its_definition():
    """The nearer two numbers are, the more of the second."""
    one, two = arrays(2, 2000)
    weight = np.clip(0.05 / np.maximum(np.abs(one - two), 1e-6), 0, 1)
    found = merged("nearswap", [one, two], each=[{}], shared={"t": 0.05})
    np.testing.assert_allclose(found, weight * two + (1 - weight) * one, rtol=1e-5, atol=1e-6)


def test_ram_keeps_own_changes_and_averages_common_ones():
    """By how many models changed a number by more than epsilon."""
    base = np.zeros(6, np.float32)
    one = np.array([1, 0, 4, 1e-6, 0, -2], np.float32)
    two = np.array([0, 2, 2, 0, 0, -4], np.float32)
    found = merged("ram", [base, one, two], each=[{}] * 2)
    assert found.tolist() == [1, 2, 3, 0, 0, -3]


def test_regmean_averages_what_no_model_has_seen():
    """An input that was always 0 says nothing of its weights, and leaves the others as they are."""
    tensors = arrays(2, 5, 4)
    seen = np.random.default_rng(1).standard_normal((2, 30, 4)).astype(np.float32)
    seen[..., 2] = 0
    inner = [inputs.T @ inputs for inputs in seen]
    found = merged("regmean", tensors, each=[{}] * 2, beside=inner)
    np.testing.assert_allclose(found[:, 2], np.mean(tensors, axis=0)[:, 2], rtol=1e-6)
    kept = [0, 1, 3]
    less = [product[np.ix_(kept, kept)].copy() for product in inner]
    wanted = merged(
        "regmean", [tensor[:, kept].copy() for tensor in tensors], each=[{}] * 2, beside=less
    )
    np.testing.assert_allclose(found[:, kept], wanted, rtol=1e-5, atol=1e-6)


def test_regmean_says_where_there_is_no_inverse():
    """Two inputs that are always equal, where nothing is shrunk."""
    one = np.ones((2, 2), np.float32)
    with pytest.raises(MergeError, match=r"without an inverse .* set shrink below 1"):
        merged("regmean", arrays(2, 3, 2), each=[{}] * 2, shared={"shrink": 1.0}, beside=[one, one])
