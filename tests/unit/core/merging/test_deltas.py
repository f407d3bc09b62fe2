"""Changes of a base: every method against its definition, number by number in double precision."""

import numpy as np
import pytest
from tests.unit.core.merging.inputs import arrays, merged

from escalera.core.merging import chance
from escalera.core.merging.streams import CELL

SIZE = 40_000
WEIGHTS = (0.5, 0.8, -0.3)


def differences(tensors):
    """What each model changes, rounded to float32 as the methods see it."""
    return [(other - tensors[0]).astype(np.float64) for other in tensors[1:]]


def voted(changes, weights, *, normalize):
    """TIES, algorithm 1, steps 2 and 3, in a loop over numbers."""
    out = np.zeros(changes[0].shape)
    for place in np.ndindex(out.shape):
        weighed = [weight * change[place] for weight, change in zip(weights, changes, strict=True)]
        sign = 1.0 if sum(np.float32(entry) for entry in weighed) >= 0 else -1.0
        agree = [n for n, entry in enumerate(weighed) if entry * sign > 0]
        total = sum(weighed[n] for n in agree)
        by = sum(weights[n] for n in agree) if normalize else 1.0
        out[place] = total / by if by else total
    return out


def trimmed(change, density, gamma=0.0):
    """Sorting and cutting; ties with the smallest and the largest kept stay."""
    ordered = np.sort(np.abs(change))
    kept = int(density * change.size)
    cut = min(int(gamma * change.size), change.size - kept)
    low = ordered[change.size - kept - cut]
    high = ordered[change.size - cut - 1]
    return change * ((np.abs(change) >= low) & (np.abs(change) <= high))


def given(**values):
    """The same parameters for three models, with their own weights."""
    return [{"weight": weight, **values} for weight in WEIGHTS]


def test_task_arithmetic_adds_weighted_changes():
    """Ilharco et al. 2023: base + lambda * sum of w times change; and normalised."""
    tensors = arrays(4, SIZE)
    changes = differences(tensors)
    total = sum(weight * change for weight, change in zip(WEIGHTS, changes, strict=True))
    for factor, normalize in ((1.0, False), (0.7, True)):
        found = merged(
            "task_arithmetic",
            tensors,
            each=given(),
            shared={"lambda": factor, "normalize": normalize},
        )
        wanted = tensors[0] + factor * total / (sum(WEIGHTS) if normalize else 1)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("density", [0.2, 0.75, 1.0])
def test_ties_trims_elects_and_averages(density, normalize):
    """Against its algorithm in loops, also with a negative weight."""
    tensors = arrays(4, 3000)
    changes = [trimmed(change, density) for change in differences(tensors)]
    found = merged("ties", tensors, each=given(density=density), shared={"normalize": normalize})
    wanted = tensors[0] + voted(changes, WEIGHTS, normalize=normalize)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)


def test_ties_of_equal_models_is_that_model():
    """Nothing disagrees, and at full density nothing is trimmed."""
    base, model = arrays(2, SIZE)
    found = merged("ties", [base, model, model], each=[{"weight": 0.3}] * 2)
    np.testing.assert_allclose(found, model, rtol=1e-6, atol=1e-6)


def test_all_ties_at_the_threshold_are_kept():
    """Changes of one size only: a density of a tenth keeps them all, none by chance."""
    base = np.zeros(1000, np.float32)
    model = np.where(np.arange(1000) % 2, 0.5, -0.5).astype(np.float32)
    found = merged("ties", [base, model], each=[{"weight": 1.0, "density": 0.1}])
    assert (found == model).all()


@pytest.mark.parametrize("vote", [False, True])
def test_breadcrumbs_drops_both_ends(vote):
    """Davari and Belilovsky 2024: neither the largest hundredth nor the small ones."""
    tensors = arrays(4, 3000)
    changes = [trimmed(change, 0.6, 0.05) for change in differences(tensors)]
    found = merged(
        "breadcrumbs_ties" if vote else "breadcrumbs",
        tensors,
        each=given(density=0.6, gamma=0.05),
    )
    if vote:
        wanted = voted(changes, WEIGHTS, normalize=False)
    else:
        wanted = sum(weight * change for weight, change in zip(WEIGHTS, changes, strict=True))
    np.testing.assert_allclose(found, tensors[0] + wanted, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("vote", [False, True])
def test_dare_drops_by_chance_and_makes_up_for_it(vote):
    """Yu et al. 2024: kept where the generator's bit says so, and divided by the density."""
    tensors = arrays(4, 3000)
    changes = []
    for key, change in enumerate(differences(tensors)):
        kept = chance.bits(key, 0, 3000) >> 1 < round(0.3 * 2**31)
        changes.append(change * kept / 0.3)
    found = merged("dare_ties" if vote else "dare_linear", tensors, each=given(density=0.3))
    if vote:
        wanted = voted(changes, WEIGHTS, normalize=False)
    else:
        wanted = sum(weight * change for weight, change in zip(WEIGHTS, changes, strict=True))
    np.testing.assert_allclose(found, tensors[0] + wanted, rtol=1e-5, atol=5e-6)


def test_dare_expects_the_whole_change():
    """The mean over many keys is the change itself, within six standard errors."""
    base, model = arrays(2, 2000)
    runs = [
        merged("dare_linear", [base, model], each=[{"weight": 1.0, "density": 0.3}], keys=[key])
        for key in range(200)
    ]
    change = model - base
    error = np.abs(change) * np.sqrt((1 / 0.3 - 1) / 200)
    off = np.abs(np.mean(runs, axis=0) - model) / np.maximum(error, 1e-7)
    assert off.max() < 6


def test_della_keeps_the_larger_more_often():
    """Deep et al. 2024: the share kept at each rank of a row is its probability; the mean stays."""
    base, model = arrays(2, 200, 40)
    order = np.argsort(np.argsort(np.abs(model - base), axis=1), axis=1)
    runs = np.stack(
        [
            merged(
                "della_linear",
                [base, model],
                each=[{"weight": 1.0, "density": 0.5, "epsilon": 0.2}],
                keys=[key],
            )
            - base
            for key in range(60)
        ]
    )
    for rank in (0, 13, 39):
        share = float((runs[:, order == rank] != 0).mean())
        assert share == pytest.approx(0.3 + 0.4 * rank / 39, abs=0.03)
    assert runs.mean() == pytest.approx(float((model - base).mean()), abs=0.002)


def test_a_density_of_nothing_leaves_the_base():
    """For every way to trim."""
    tensors = arrays(3, 1000)
    for method in ("dare_linear", "dare_ties", "della", "della_linear"):
        found = merged(method, tensors, each=[{"weight": 1.0, "density": 0.0}] * 2)
        assert (found == tensors[0]).all()


@pytest.mark.parametrize(
    "method", ["ties", "dare_ties", "dare_linear", "breadcrumbs", "della", "sce", "model_stock"]
)
def test_chunks_change_no_bit(method):
    """One cell at a time, or eight."""
    tensors = arrays(3, 400, 333)
    each = [{"weight": 0.6, "density": 0.4}] * 2
    one, other = (merged(method, tensors, each=each, chunk=size << 15) for size in (1, 8))
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(("method", "gamma"), [("ties", 0.0), ("breadcrumbs", 0.05)])
def test_what_is_kept_can_make_up_for_what_is_cut(method, gamma):
    """`rescale`: the magnitudes of each trimmed change add up to those of the whole one.

    Whatever the blocks are; nothing is scaled where nothing is cut, or where nothing changed.
    """
    tensors = arrays(3, SIZE)
    cut = {"gamma": gamma} if gamma else {}
    each = [{"weight": 0.5, "density": 0.3, **cut}, {"weight": 0.5, "density": 1.0, **cut}]
    wanted = tensors[0].astype(np.float64)
    changes = differences(tensors)
    kept = trimmed(changes[0], 0.3, gamma)
    changes[0] = kept * np.abs(changes[0]).sum() / np.abs(kept).sum()
    shared = {"rescale": True, "normalize": False}
    found = merged(method, tensors, each=each, shared=shared)
    mixed = sum(0.5 * change for change in changes)
    if method == "ties":
        mixed = np.where(np.sign(changes[0]) * np.sign(changes[1]) >= 0, mixed, 0)
        alone = np.where(np.abs(changes[0]) > np.abs(changes[1]), changes[0], changes[1])
        opposed = changes[0] * changes[1] < 0
        mixed = np.where(opposed, 0.5 * alone, mixed)
    np.testing.assert_allclose(found, wanted + mixed, rtol=1e-5, atol=5e-6)
    again = merged(method, tensors, each=each, shared=shared, chunk=2 * CELL)
    assert (again == found).all()
    still = merged(method, [tensors[0]] * 3, each=each, shared=shared)
    assert (still == tensors[0]).all()
