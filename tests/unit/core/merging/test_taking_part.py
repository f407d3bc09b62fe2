"""Who takes part in which role."""

import pytest
from tests.unit.core.merging.headers import model, recipe

from escalera.core.merging import taking_part
from escalera.core.merging.methods import named
from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.errors import MergeError


def order(method, *models, base=None):
    """Whether there is a base, and the order of the sources."""
    asked = recipe(method, *models, base=base)
    part = taking_part.with_base(asked, asked.slices[0])
    about, sources = taking_part.ordered(asked, named(method), part)
    taking_part.require_sources(named(method), (about, sources))
    return about, [source.model for source in sources]


def test_the_base_comes_first_where_a_method_works_about_it():
    """Whether it stands among the models or not; to some methods it is an input like any other."""
    assert order("ties", "a", "b", base="c") == (True, ["c", "a", "b"])
    assert order("slerp", "a", "b", base="b") == (True, ["b", "a"])
    assert order("karcher", "a", "b", base="c") == (False, ["a", "b", "c"])
    assert order("nuslerp", "a", "b") == (False, ["a", "b"])


@pytest.mark.parametrize(
    ("method", "models", "base", "said"),
    [
        ("ties", ("a", "b"), None, "needs a base"),
        ("slerp", ("a", "b"), "c", "takes 1 models beside the base, not 2"),
        ("model_stock", ("a",), "c", "takes at least 2"),
        ("passthrough", ("a", "b"), None, "takes 1 models, not 2"),
        ("linear", ("a", "a"), None, "'a' stands twice"),
    ],
)
def test_what_a_method_cannot_do_with_is_refused(method, models, base, said):
    """Too few, too many, no base, one model twice."""
    with pytest.raises(MergeError, match=said):
        order(method, *models, base=base)


def test_sources_of_a_slice_give_as_many_layers():
    """Else there would be no partner for some."""
    part = Slice(sources=(Source(model="a", layers=(0, 2)), Source(model="b", layers=(0, 3))))
    with pytest.raises(MergeError, match=r"\[2, 3\] layers"):
        taking_part.require_sources(named("linear"), (False, part.sources))


def test_parameters_of_other_methods_are_said_and_unknown_ones_refused():
    """So that a file can be tried with another method, and a slip is found."""
    asked = recipe("slerp", "a", base="b", settings=(("t", 0.5), ("density", 0.3)))
    assert taking_part.unused(asked, named("slerp")) == [
        "density has no effect on slerp",
        "weight has no effect on slerp",
    ]
    with pytest.raises(MergeError, match="no parameter 'densty'"):
        taking_part.unused(recipe("ties", "a", settings=(("densty", 1.0),)), named("ties"))


def test_the_output_is_owned_by_the_base_or_the_first_or_who_is_asked():
    """Its configuration and tokenizer."""
    known = {name: model(name) for name in "abc"}
    assert taking_part.owner(recipe("linear", "b", "a"), known).name == "b"
    assert taking_part.owner(recipe("ties", "b", base="c"), known).name == "c"
    assert taking_part.owner(recipe("ties", "b", base="c", tokens="a"), known).name == "a"
    assert taking_part.owner(recipe("ties", "b", base="c", tokens="base"), known).name == "c"


def test_a_common_parameter_with_a_single_model_is_said():
    """It would be one of the whole merge, and has no effect there."""
    own = (("weight", 1.0), ("normalize", False))
    part = Slice(sources=(Source(model="a", settings=own),))
    (said,) = taking_part.unused(Recipe(method="linear", slices=(part,)), named("linear"))
    assert said.startswith("normalize of a single model has no effect")


@pytest.mark.parametrize(
    ("method", "name", "taken", "refused"),
    [
        ("model_stock", "filter_wise", False, True),
        ("nuslerp", "nuslerp_flatten", True, False),
        ("multislerp", "eps", 1e-8, None),
        ("nuslerp", "nuslerp_row_wise", True, None),
    ],
)
def test_mergekits_parameters_are_taken_where_they_ask_for_what_is_done(
    method, name, taken, refused
):
    """At its defaults they are read as they are; another value is refused, not passed over."""
    asked = Recipe(method=method, slices=(), settings=((name, taken),))
    assert taking_part.unused(asked, named(method)) == []
    if refused is not None:
        asked = Recipe(method=method, slices=(), settings=((name, refused),))
        with pytest.raises(MergeError, match=f"{name} of '{method}' is supported as"):
            taking_part.unused(asked, named(method))
    with pytest.raises(MergeError, match=f"has no parameter '{name}'"):
        taking_part.unused(
            Recipe(method="ties", slices=(), settings=((name, taken),)), named("ties")
        )
