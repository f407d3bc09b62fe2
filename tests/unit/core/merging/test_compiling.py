"""Plans: which tensors of which models make which tensor of the output."""

import dataclasses

import pytest
from tests.unit.core.merging.headers import model, recipe

from escalera.core.merging.compiling import COPY, Input, compile_plan
from escalera.core.merging.fitting import Header
from escalera.core.merging.recipe import Conditional, Recipe, Slice, Source
from escalera.errors import MergeError


def plan(method="linear", models=("a", "b"), base=None, **more):
    """A plan over whole models that are all alike."""
    names = dict.fromkeys((*models, *([base] if base else [])))
    return compile_plan(recipe(method, *models, base=base, **more), [model(n) for n in names])


def test_every_tensor_of_the_output_has_its_task():
    """Embeddings, layers in order, the rest; each with its inputs in the models' order."""
    found = plan()
    assert [task.name for task in found.tasks] == [
        "model.embed_tokens.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.mlp.up_proj.weight",
        "model.layers.1.self_attn.q_proj.weight",
        "model.layers.2.mlp.up_proj.weight",
        "model.layers.2.self_attn.q_proj.weight",
        "model.norm.weight",
    ]
    assert found.tasks[1].inputs == tuple(
        Input(model=name, tensor="model.layers.0.mlp.up_proj.weight") for name in "ab"
    )
    assert found.bytes == 2 * (6 * 4 + 4 + 3 * (32 + 16))


def test_values_follow_the_layers_and_the_names():
    """A gradient over three layers; tensors outside them are at its beginning."""
    found = plan("slerp", ("a", "b"), base="a", settings=(("t", (0.0, 1.0)),))
    given = {task.name: dict(task.shared)["t"] for task in found.tasks}
    assert given["model.embed_tokens.weight"] == given["model.norm.weight"] == 0.0
    assert [given[f"model.layers.{n}.mlp.up_proj.weight"] for n in range(3)] == [0.0, 0.5, 1.0]


def test_equal_plans_have_equal_digests():
    """However the models are called; another seed, weight or kind is another plan."""
    one = plan()
    assert one.digest == plan().digest
    others = [plan(seed=1), plan(kind="F32"), plan("karcher"), plan(models=("b", "a"))]
    assert len({one.digest, *(other.digest for other in others)}) == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.owner = "b"


def test_last_uses_name_every_input_once():
    """After the task that reads it last, also where slices read a layer twice."""
    parts = tuple(Slice(sources=(Source(model="a", layers=span),)) for span in ((0, 2), (1, 3)))
    found = compile_plan(Recipe(method="passthrough", slices=parts), [model("a")])
    used = [read for uses in found.last_uses for read in uses]
    assert len(used) == len(set(used)) == 8
    twice = Input(model="a", tensor="model.layers.1.mlp.up_proj.weight")
    last = next(n for n, uses in enumerate(found.last_uses) if twice in uses)
    assert found.tasks[last].name == "model.layers.2.mlp.up_proj.weight"


def test_slices_are_stacked():
    """Layers get new numbers in the order of the slices; the configuration counts them."""
    parts = (
        Slice(sources=(Source(model="a", layers=(0, 1)),)),
        Slice(sources=(Source(model="b", layers=(1, 3)),)),
    )
    found = compile_plan(Recipe(method="passthrough", slices=parts), [model("a"), model("b")])
    read = {task.name: task.inputs[0] for task in found.tasks}
    assert read["model.layers.2.mlp.up_proj.weight"] == Input(
        model="b", tensor="model.layers.2.mlp.up_proj.weight"
    )
    assert read["model.embed_tokens.weight"].model == "a"
    assert read["model.norm.weight"].model == "b"
    assert found.config["num_hidden_layers"] == 3


UP = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            Header(kind="BF16", shape=(9, 4)),
            r"is \(9, 4\) in the model 'b', and .* \(8, 4\) in 'a'",
        ),
        (Header(kind="F8_E4M3", shape=(8, 4)), "of the model 'b' holds F8_E4M3, which cannot"),
        (Header(kind="F64", shape=(8, 4)), "holds F64"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changed, said):
    """Another shape, a kind that cannot be merged."""
    other = model("b", tensors={UP: changed})
    with pytest.raises(MergeError, match=said):
        compile_plan(recipe("linear", "a", "b"), [model("a"), other])


@pytest.mark.parametrize("who", ["a", "b", "c"])
@pytest.mark.parametrize(
    "which", [UP, "model.embed_tokens.weight", "model.norm.weight", "model.layers.2."]
)
def test_a_missing_tensor_is_refused_by_name(who, which):
    """Whichever model lacks it, the first and the base too, and a whole last layer."""
    models = {name: model(name) for name in "abc"}
    held = {key: found for key, found in models[who].tensors.items() if not key.startswith(which)}
    models[who] = dataclasses.replace(models[who], tensors=held)
    for asked in (
        recipe("task_arithmetic", "a", "b", base="c"),
        recipe("karcher", "a", "b", base="c"),
        recipe("linear", "c", "b", "a"),
    ):
        with pytest.raises(MergeError, match=f"'{who}' has no tensor '{which}"):
            compile_plan(asked, list(models.values()))


def test_a_stack_that_one_model_lacks_is_refused_by_name():
    """Layers of another stack, as of a part that sees."""
    more = {"vision.layers.0.up.weight": Header(kind="BF16", shape=(4, 4))}
    for one, other in ((more, {}), ({}, more)):
        with pytest.raises(MergeError, match=r"has no tensor 'vision\.layers\.0\.up"):
            compile_plan(
                recipe("linear", "a", "b"), [model("a", tensors=one), model("b", tensors=other)]
            )


def test_tensors_without_floats_are_copied():
    """And must be of one kind."""
    more = {"model.layers.0.mask": Header(kind="BOOL", shape=(4,))}
    found = compile_plan(
        recipe("linear", "a", "b"), [model("a", tensors=more), model("b", tensors=more)]
    )
    assert [task.method for task in found.tasks if task.kind == "BOOL"] == [COPY]
    odd = {"model.layers.0.mask": Header(kind="I64", shape=(4,))}
    with pytest.raises(MergeError, match="BOOL and I64"):
        compile_plan(
            recipe("linear", "a", "b"), [model("a", tensors=more), model("b", tensors=odd)]
        )


def test_a_value_outside_its_range_is_refused():
    """With the tensor that it was meant for."""
    with pytest.raises(MergeError, match=r"density is 1\.5 for 'model"):
        plan("ties", ("a",), base="b", settings=(("density", 1.5),))
    with pytest.raises(MergeError, match=r"fisher_floor is 0"):  # what matters to none became NaN
        plan("fisher", settings=(("fisher_floor", 0.0),))


def test_other_vocabularies_are_read_in_the_owners_order():
    """Tables have the owner's rows; other tensors are read as they lie."""
    one = model("a", rows=6, vocabulary={"x": 0, "y": 1})
    two = model("b", rows=5, vocabulary={"y": 0, "x": 1})
    found = compile_plan(recipe("linear", "a", "b", tokens="base"), [one, two])
    tables = [task for task in found.tasks if task.inputs[0].aligned]
    assert [(task.name, task.shape) for task in tables] == [("model.embed_tokens.weight", (6, 4))]
    with pytest.raises(MergeError, match="the vocabularies differ"):
        compile_plan(recipe("linear", "a", "b"), [one, two])


def test_what_a_method_needs_beside_the_weights_is_looked_for():
    """For every model or for none of a tensor, in the right shape."""
    asked = recipe("regmean", "a", "b")
    models = [model("a"), model("b")]
    with pytest.raises(MergeError, match="needs beside each weight the inner products"):
        compile_plan(asked, models)
    held = {
        name: model(name, layers=0, tensors={UP: Header(kind="F32", shape=(4, 4))}) for name in "ab"
    }
    for name in held:
        only = {UP: held[name].tensors[UP]}
        held[name] = dataclasses.replace(held[name], tensors=only)
    found = compile_plan(asked, models, held)
    assert [bool(task.beside) for task in found.tasks].count(True) == 1
    with pytest.raises(MergeError, match="only some of the models' statistics"):
        compile_plan(asked, models, held | {"b": dataclasses.replace(held["b"], tensors={})})
    odd = dataclasses.replace(held["b"], tensors={UP: Header(kind="F32", shape=(8, 4))})
    with pytest.raises(MergeError, match=r"Needed is .* \(4, 4\)"):
        compile_plan(asked, models, held | {"b": odd})


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_value_that_is_no_number_is_refused(value):
    """Infinity lies within no bounds, either: all that is written would be lost."""
    with pytest.raises(MergeError, match=r"weight is (inf|nan) for .*Give a finite number"):
        compile_plan(
            Recipe(
                method="linear",
                slices=(Slice(sources=(Source(model="a", settings=(("weight", value),)),)),),
            ),
            [model("a")],
        )


@pytest.mark.parametrize("layers", [(0, 4), (-1, 2), (2, 1), (1, 1), (5, 7)])
def test_layers_that_a_model_does_not_have_are_refused(layers):
    """In any source of a slice; else fewer layers would be written than the configuration says."""
    fits = Source(model="a", layers=(0, layers[1] - layers[0]))
    for sources in ((Source(model="b", layers=layers),), (fits, Source(model="b", layers=layers))):
        method = "passthrough" if len(sources) == 1 else "karcher"
        asked = Recipe(method=method, slices=(Slice(sources=sources),))
        with pytest.raises(
            MergeError, match=r"layer_range of '[ab]' is \[.*the model has 3 layers"
        ):
            compile_plan(asked, [model("a"), model("b")])


def test_slices_of_a_model_with_several_stacks_are_refused():
    """The configuration counts each stack by a key of its own; whole models can be merged."""
    more = {f"decoder.block.{n}.wi.weight": Header(kind="BF16", shape=(4, 4)) for n in range(2)}
    both = model("a", tensors=more)
    part = Slice(sources=(Source(model="a", layers=(0, 2)),))
    with pytest.raises(
        MergeError, match=r"one stack of .* has 'decoder\.block' and 'model\.layers'"
    ):
        compile_plan(Recipe(method="passthrough", slices=(part,)), [both])
    assert compile_plan(recipe("karcher", "a", "b"), [both, dataclasses.replace(both, name="b")])


def test_a_factor_of_one_slice_is_its_own():
    """`scale` with the source of a slice, by filter, as mergekit has it: layers that do nothing."""
    off = (Conditional(filter="up_proj", value=0.0), Conditional(value=1.0))
    parts = (
        Slice(sources=(Source(model="a", layers=(0, 1)),)),
        Slice(sources=(Source(model="a", layers=(0, 1), settings=(("scale", off),)),)),
    )
    found = compile_plan(Recipe(method="passthrough", slices=parts), [model("a")])
    given = {task.name: dict(task.each[0])["scale"] for task in found.tasks}
    assert given["model.layers.0.mlp.up_proj.weight"] == 1.0
    assert given["model.layers.1.mlp.up_proj.weight"] == 0.0
    assert given["model.layers.1.self_attn.q_proj.weight"] == 1.0


def test_a_common_parameter_that_models_alone_have_is_asked_for_where_it_belongs():
    """SLERP has one t for the whole merge."""
    parts = (Slice(sources=(Source(model="a", settings=(("t", 0.5),)),)),)
    with pytest.raises(MergeError, match=r"'t' is not given .* give it under parameters, not to a"):
        compile_plan(Recipe(method="slerp", slices=parts, base="b"), [model("a"), model("b")])


def test_statistics_that_nothing_reads_are_told():
    """Of a method that needs none, under names that the model lacks; all of them are refused."""
    held = Header(kind="F32", shape=(8, 4))
    models = [model("a"), model("b")]

    def beside(*names):
        return {
            one: dataclasses.replace(model(one), tensors=dict.fromkeys(names, held)) for one in "ab"
        }

    found = compile_plan(recipe("linear", "a", "b"), models, beside(UP))
    assert found.notes[-2:] == tuple(f"statistics of {n} have no effect on linear" for n in "ab")
    found = compile_plan(recipe("fisher", "a", "b"), models, beside(UP, "odd"))
    said = "statistics of a hold 1 tensors that nothing reads, as 'odd'"
    assert said in found.notes
    with pytest.raises(MergeError, match="'a' hold 'odd', and the model has no such tensor"):
        compile_plan(recipe("fisher", "a", "b"), models, beside("odd"))
