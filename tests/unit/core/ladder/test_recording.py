"""What is known of a training, put together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.ladder import recording
from escalera.core.ladder.case import Case
from escalera.domain.dataset import Examples
from escalera.domain.event import Failed
from escalera.errors import EvidenceMissing
from escalera.testing import playbook, records
from escalera.testing.playbook import DECLARED, luck

ITEMS = {**playbook.ITEMS, "search": 40}
SIGNALS = records.record(lambda step, _: 1 / step).signals


def case(*, repeated: bool = False) -> Case:
    """A climb through the LoRA rung; perhaps with a train item that is tested, too."""
    task = playbook.task("a", items=ITEMS)
    if repeated:
        first = task.items("search")[0]
        items = [replace(first, id="copy", split="train"), *task.examples]
        task = replace(task, examples=Examples(items))
    policy = replace(DECLARED, checkpoints=2, rungs=("prompt", "lora"))
    project = playbook.project(task, playbook.task("b", items=ITEMS), policy=policy)

    def answers(system, item):
        tuned = {"a": 0.96, "b": 0.96}
        return float(
            luck(item) < ({"a": 0.3, "b": 0.96} if system.adapter is None else tuned)[item.task]
        )

    return Case(project=project, evidence=playbook.simulate(project, answers).evidence)


def made(found: Case):
    """The record of the only training."""
    (parts,) = found.evidence.trained.values()
    return recording.record(found, parts, SIGNALS, None)


def test_a_record_has_the_examples_in_their_places_and_the_scores_of_every_pause() -> None:
    """On the search items that checkpoints answer, with the share that is fully right."""
    found = case()
    record = made(found)
    train = found.project.task("a").items("train")
    assert [one.item for one in record.examples] == [item.id for item in train]
    assert [one.step for one in record.held_out] == [30, 60]
    assert all(one.score == one.right > 0.8 and one.items == 32 for one in record.held_out)
    assert all(0.4 < one.change < one.score for one in record.held_out)
    assert len(record.wanted) == 40
    assert record.refused is None
    assert [one.twins for one in record.examples if one.twins] == []


def test_a_training_in_an_order_of_its_own_is_recorded_in_that_order() -> None:
    """The places of the log are those of the order, not of the project's: else the wrong examples
    would be blamed."""
    found = case()
    (parts,) = found.evidence.trained.values()
    part = parts[0].recipe.ingredients[0]
    recipe = replace(parts[0].recipe, ingredients=(replace(part, order=5, examples=7),))
    train = found.project.task("a").items("train")
    taught = recording.taught(found.project, recipe)
    assert taught == [*train.in_order(seed=5)[:7]]
    assert taught != [*train[:7]]


def test_an_example_that_is_tested_is_named_with_its_items() -> None:
    """Whatever its id and split are."""
    found = case(repeated=True)
    first = found.project.task("a").items("search")[0]
    assert [one.tested for one in made(found).examples if one.tested] == [(first.id,)]


def test_what_serving_refused_comes_along() -> None:
    """Other failures do not."""
    found = case()
    cause = "the adapter 'x' cannot be used: it was trained with another chat template or tokenizer"
    found.evidence.failed.extend(
        Failed(step="s", cause=said, retryable=False) for said in (cause, "the disk is full")
    )
    assert made(found).refused == cause


def test_other_data_than_those_of_the_recipe_are_refused() -> None:
    """A place in the log would mean another example."""
    found = case()
    project = found.project
    task = project.task("a")
    less = replace(
        task, examples=Examples(i for i in task.examples if i.id != task.items("train")[0].id)
    )
    changed = replace(found, project=replace(project, tasks=(less, *project.tasks[1:])))
    with pytest.raises(EvidenceMissing, match="restore the files"):
        made(changed)
