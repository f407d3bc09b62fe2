"""`[training]`: tables to levers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from escalera.core.finetuning import effort
from escalera.domain.dataset import Examples
from escalera.domain.recipe import Rewind
from escalera.errors import ProjectError
from escalera.settings import training_table
from escalera.settings.training_table import (
    SoftenedTable,
    SweepTable,
    TeacherTable,
    TrainingTable,
    WeightsTable,
)
from escalera.testing import playbook


def test_tables_become_levers() -> None:
    """Nested weights, "auto" as a rate to be found, and lists as tuples."""
    table = msgspec.convert(
        {
            "effort": "pilot",
            "learning_rate": "auto",
            "weights": {"method": "partial", "layers": ["mlp"], "share": 0.5},
        },
        TrainingTable,
    )
    found = table.settings()
    weights, levers = effort.trainable(found), effort.levers(found, seed=9)
    assert (weights.method, weights.layers, weights.share) == ("partial", ("mlp",), 0.5)
    assert (levers.learning_rate, levers.epochs, levers.seed) == (None, 1, 9)
    assert hash(weights) == hash(effort.trainable(found))


def test_items_that_are_left_out_must_be_train_items() -> None:
    """Each once and in order; an id that no task has is refused with its key."""
    task = playbook.task("a", items={"train": 3, "search": 2, "confirm": 2})
    first, second, _ = (item.id for item in task.items("train"))
    table = TrainingTable(without=[second, first, second])
    assert training_table.left_out(Path("e.toml"), table, [task]) == tuple(sorted((first, second)))
    unknown = TrainingTable(without=[task.items("search")[0].id])
    with pytest.raises(ProjectError, match=r"training\.without"):
        training_table.left_out(Path("e.toml"), unknown, [task])


def test_a_preference_needs_pairs_before_anything_is_spent() -> None:
    """Of every task, where a rung trains."""
    paired, bare = (playbook.task(name, items={"train": 2, "search": 2}) for name in "ab")
    first, *others = paired.examples
    examples = Examples([replace(first, split="train", rejected="no"), *others])
    paired = replace(paired, examples=examples)
    table = TrainingTable(objective="preference")
    where = Path("e.toml")
    training_table.require_pairs(where, table, [paired], ["lora"])
    training_table.require_pairs(where, table, [bare], ["prompt"])
    training_table.require_pairs(where, TrainingTable(), [bare], ["lora"])
    with pytest.raises(ProjectError, match=r"no `train` item of 'b' has a `rejected`") as caught:
        training_table.require_pairs(where, table, [paired, bare], ["prompt", "lora"])
    assert "escalera label --pairs" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (TrainingTable(teacher=TeacherTable(system="none")), "training.teacher.system"),
        (TrainingTable(teacher=TeacherTable(system="lora")), "training.teacher.system"),
        (TrainingTable(teacher=TeacherTable(system="big", samples=4)), "training.teacher.samples"),
        (
            TrainingTable(objective="preference", teacher=TeacherTable(system="big")),
            "training.objective",
        ),
        (TrainingTable(objective="distillation"), "training.objective"),
        (TrainingTable(beta=0.3), "training.beta"),
        (TrainingTable(softened=SoftenedTable(model="here")), "training.objective"),
        (
            TrainingTable(objective="distillation", softened=SoftenedTable(model="big")),
            "training.softened.model",
        ),
    ],
)
def test_whom_a_training_learns_from_must_be_there(table, key) -> None:
    """A model of the file or a rung that prompts; for distributions one on this machine."""
    models = {"big": False, "here": True}
    assert key in [found[0] for found in training_table.problems(table, models)]


@pytest.mark.parametrize("beta", [0.0, -1.0, float("inf"), float("nan")])
def test_how_strongly_preferences_are_held_is_above_0(beta) -> None:
    """And finite; what is right is none of the rules that are broken."""
    wrong, right = (TrainingTable(objective="preference", beta=one) for one in (beta, 1e-3))
    told = [key for holds, key, *_ in training_table.ranges(wrong) if not holds]
    assert told == ["training.beta"]
    assert all(holds for holds, *_ in training_table.ranges(right))


@pytest.mark.parametrize("objective", ["preference", "distillation"])
def test_what_trl_does_not_do_is_told_before_anything_is_bought(objective) -> None:
    """Not by the trainer, behind the rungs below."""
    table = TrainingTable(engine="trl", objective=objective, softened=SoftenedTable(model="here"))
    found = {key: said for key, said, _ in training_table.problems(table, {"here": True})}
    assert f"no objective {objective!r}" in found["training.engine"]
    assert training_table.problems(TrainingTable(engine="trl"), {}) == []


def test_a_rung_that_teaches_must_be_climbed() -> None:
    """Told with the project file, where something is trained; a model need not be a rung."""
    where, table = Path("e.toml"), TrainingTable(teacher=TeacherTable(system="search"))
    training_table.require_teacher(where, table, ["big"], ["prompt", "search", "lora"])
    training_table.require_teacher(where, table, ["search"], ["prompt", "lora"])
    training_table.require_teacher(where, table, ["big"], ["prompt"])
    training_table.require_teacher(where, TrainingTable(), ["big"], ["lora"])
    with pytest.raises(ProjectError, match="'search' is a rung that is not climbed"):
        training_table.require_teacher(where, table, ["big"], ["prompt", "lora"])


def test_levers_of_an_adapter_where_none_is_trained_are_told() -> None:
    """They had no effect, and nobody said so; where the method is swept, some trials use them."""
    weights = WeightsTable(method="full", rank=8, targets=["q_proj"])
    found = training_table.problems(TrainingTable(weights=weights), {})
    assert [key for key, _, _ in found] == ["training.weights.rank", "training.weights.targets"]
    assert "no adapter is trained by 'full'" in found[0][1]
    swept = TrainingTable(weights=weights, sweep=SweepTable(method=["lora", "full"]))
    assert training_table.problems(swept, {}) == []
    assert training_table.problems(TrainingTable(weights=WeightsTable(rank=8)), {}) == []
    sweep = SweepTable(rank=[4, 16], dropout=[0.0, 0.1])
    found = training_table.problems(
        TrainingTable(weights=WeightsTable(method="full"), sweep=sweep), {}
    )
    assert [key for key, _, _ in found] == ["training.sweep.rank", "training.sweep.dropout"]
    assert training_table.problems(TrainingTable(sweep=sweep), {}) == []


def test_layers_that_are_no_regular_expression_are_told_with_the_project_file() -> None:
    """Not after the rungs below were paid for."""
    wrong = TrainingTable(weights=WeightsTable(method="partial", layers=[r"layers\.1\.", "("]))
    ((key, said, _),) = training_table.problems(wrong, {})
    assert key == "training.weights.layers"
    assert said.startswith("'(' is no regular expression")


def test_teachers_that_are_there_are_fine() -> None:
    """A model, a rung, and a local model for distributions."""
    models = {"big": False, "here": True}
    softened = SoftenedTable(model="here")
    for table in (
        TrainingTable(),
        TrainingTable(teacher=TeacherTable(system="big", samples=4, temperature=0.7)),
        TrainingTable(teacher=TeacherTable(system="examples")),
        TrainingTable(objective="distillation", softened=softened),
    ):
        assert training_table.problems(table, models) == []
    wrong = TrainingTable(
        teacher=TeacherTable(system="big", least=2.0, samples=0, temperature=3.0),
        softened=SoftenedTable(model="here", temperature=0.0, share=2.0),
    )
    outside = [key for right, key, *_ in training_table.ranges(wrong) if not right]
    assert len(outside) == 5


def test_a_sweep_has_ends_and_choices() -> None:
    """Ranges for what varies continuously, lists for the rest; each within its bounds."""
    table = msgspec.convert(
        {"sweep": {"learning_rate": [1e-4, 1e-2], "rank": [4, 16], "schedule": ["cosine"]}},
        TrainingTable,
    )
    sweep = table.sweep.sweep(seed=3)
    assert [lever.name for lever in sweep.levers] == ["learning_rate", "rank", "schedule"]
    assert (sweep.levers[0].lowest, sweep.levers[0].highest) == (1e-4, 1e-2)
    assert sweep.levers[1].choices == (4, 16)
    assert (sweep.trials, sweep.seed) == (20, 3)
    assert all(right for right, *_ in training_table.ranges(table))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trials", 1),
        ("learning_rate", [1e-2, 1e-4]),
        ("learning_rate", [1e-2]),
        ("warm_up", [0.0, 0.95]),
        ("rank", []),
        ("rank", [4, 4]),
        ("rank", [0, 4]),
        ("schedule", []),
    ],
)
def test_a_sweep_that_makes_no_sense_is_told_by_its_key(key: str, value: object) -> None:
    """With the value and the rule."""
    table = msgspec.convert({"sweep": {key: value}}, TrainingTable)
    wrong = [name for right, name, *_ in training_table.ranges(table) if not right]
    assert wrong == [f"training.sweep.{key}"]


def test_where_a_training_goes_back_to() -> None:
    """As the diagnosis says it; a name that is too short, a step below 0 and unknown items are
    refused with their keys."""
    task = playbook.task("a", items={"train": 3, "search": 2, "confirm": 2})
    item = task.items("train")[1].id

    def read(recipe: str = "3f1c2a90b7de", after: int = 30, without: str = item):
        back = {"recipe": recipe, "after": after, "without": [without]}
        table = msgspec.convert({"rewind": back}, TrainingTable)
        return training_table.rewind(Path("e.toml"), table, [task])

    assert read() == Rewind(recipe="3f1c2a90b7de", after=30, items=(item,))
    assert training_table.rewind(Path("e.toml"), TrainingTable(), [task]) is None
    for wrong in ({"recipe": "3f1"}, {"after": -1}):
        with pytest.raises(ProjectError, match=r"training\.rewind"):
            read(**wrong)
    with pytest.raises(ProjectError, match=r"training\.rewind\.without"):
        read(without="absent")
    nothing = {"recipe": "3f1c2a90b7de", "after": 30, "without": []}
    with pytest.raises(ProjectError, match=r"0 items in without; .* an item or more"):
        training_table.rewind(
            Path("e.toml"), msgspec.convert({"rewind": nothing}, TrainingTable), [task]
        )
