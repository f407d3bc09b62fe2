"""Recipes: which value a parameter has for a tensor."""

import pytest

from escalera.core.merging.recipe import Conditional, Recipe, Slice, Source, value_of
from escalera.errors import MergeError

NAME = "model.layers.0.mlp.up_proj.weight"


def value(setting, depth=0.0, tensor=NAME, default=None):
    """The value of one setting."""
    return value_of("weight", [(("weight", setting),)], tensor=tensor, depth=depth, default=default)


def test_values_along_the_layers_are_interpolated():
    """At the ends, at a given value, and between two."""
    assert [value((0.0, 1.0, 4.0), depth) for depth in (0, 0.25, 0.5, 0.75, 1)] == [
        0,
        0.5,
        1,
        2.5,
        4,
    ]
    assert value((2.0,), 0.7) == 2.0


def test_the_first_filter_that_fits_decides():
    """A filter is a part of the name; none, and a star, fit everything."""
    setting = (
        Conditional(value=0.1, filter="attn"),
        Conditional(value=(0.2, 0.4), filter="mlp"),
        Conditional(value=0.9),
    )
    assert value(setting, 0.5) == pytest.approx(0.3)
    assert value(setting, tensor="model.norm.weight") == 0.9
    assert value((Conditional(value=0.7, filter="*"),)) == 0.7


def test_the_most_particular_setting_comes_first():
    """What fits nothing is passed over; then the default; then it is an error."""
    layers = [(("weight", (Conditional(value=1.0, filter="attn"),)),), (("weight", 2.0),)]
    assert value_of("weight", layers, tensor=NAME, depth=0, default=None) == 2.0
    assert value_of("density", layers, tensor=NAME, depth=0, default=0.5) == 0.5
    with pytest.raises(MergeError, match=r"'density' is not given for 'model\.layers\.0"):
        value_of("density", layers, tensor=NAME, depth=0, default=None)


def test_models_stand_once_with_the_base_first():
    """Whether whole or in slices."""
    parts = tuple(
        Slice(sources=(Source(model=name, layers=(0, 2)), Source(model="c", layers=(0, 2))))
        for name in ("a", "b")
    )
    found = Recipe(method="ties", slices=parts, base="c")
    assert found.models == ("c", "a", "b")
    assert not found.whole
    assert found.digest != Recipe(method="ties", slices=parts, base="c", seed=1).digest
