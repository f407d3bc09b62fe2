"""The table of methods."""

import pytest
from tests.unit.core.merging.inputs import arrays, merged

from escalera.core.merging.methods import METHODS, named
from escalera.errors import MergeError


def test_every_row_says_where_it_comes_from():
    """A source with a year or an identifier, and a title, each its own."""
    assert len(METHODS) == len({row.title for row in METHODS.values()}) >= 20
    assert all(
        any(sign.isdigit() for sign in row.source) or "no " in row.source
        for row in METHODS.values()
    )


def test_an_unknown_method_is_refused_with_all_names():
    """The message lists what there is."""
    with pytest.raises(MergeError, match=r"'magic'.*breadcrumbs.*ties"):
        named("magic")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_model_that_changed_nothing_gives_itself_back(method):
    """The base with copies of itself, by every method and whatever the weights."""
    row = METHODS[method]
    base = arrays(1, 20, 30)[0]
    count = max(row.fewest, min(row.most, 2))
    given = {p.name: 0.5 for p in row.parameters if p.each and p.default is None}
    shared = {p.name: 0.5 for p in row.parameters if not p.each and p.default is None}
    inputs = [base] * (count + (row.base == "needed"))
    found = merged(method, inputs, each=[given] * count, shared=shared)
    assert abs(found - base).max() < 1e-5


def test_weights_that_cancel_out_are_refused():
    """Nothing can be divided by their sum."""
    tensors = arrays(2, 10)
    with pytest.raises(MergeError, match="add up to 0"):
        merged("linear", tensors, each=[{"weight": 1.0}, {"weight": -1.0}])
    rounded = [{"weight": weight} for weight in (0.1, 0.2, -0.3)]  # adds up to 5.6e-17
    for method in ("linear", "multislerp"):
        with pytest.raises(MergeError, match="add up to 0"):
            merged(method, arrays(3, 10), each=rounded)
        with pytest.raises(MergeError, match="add up to 0"):
            merged(method, tensors, each=[{"weight": 0.0}, {"weight": 0.0}])
    antipodes = [tensors[0], tensors[0], -2 * tensors[0]]
    with pytest.raises(MergeError, match="cancel out"):
        merged("multislerp", antipodes, each=[{"weight": w} for w in (0.5, 0.5, 1.0)])


def test_probabilities_outside_their_range_are_refused():
    """DELLA's epsilon may not lead below 0 or above 1."""
    with pytest.raises(MergeError, match="lower epsilon"):
        merged("della", arrays(2, 10), each=[{"weight": 1.0, "density": 0.9, "epsilon": 0.2}])


def test_passthrough_scales_by_the_models_own_factor():
    """As mergekit has it: `scale` stands with the model that it is of."""
    (only,) = arrays(1, 10)
    assert (merged("passthrough", [only], each=[{"scale": 0.5}]) == only / 2).all()
