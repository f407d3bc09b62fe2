"""Recipes of trainings."""

from dataclasses import replace

from escalera.core.ladder import materials, training
from escalera.core.ladder.case import Case
from escalera.domain.dataset import Examples
from escalera.domain.identity import digest_of
from escalera.domain.recipe import Rewind
from escalera.testing import playbook

TASK = playbook.task("a", items={"train": 6, "search": 40, "confirm": 40})


def part(wanted: int, *left_out: str):
    """The ingredient of a recipe that takes so many items, once a prompt was confirmed."""
    project = replace(playbook.project(TASK), without=left_out)
    found = playbook.simulate(project, lambda _, item: float(playbook.luck(item) < 0.5))
    case = Case(project=project, evidence=found.evidence)
    return training.recipe(case, [(TASK, wanted)]).ingredients[0]


def test_items_that_the_project_leaves_out_are_named_in_the_recipe() -> None:
    """Those that would have been taken; the digest is of the others."""
    one, two, three, *_, last = TASK.items("train")
    found = part(3, two.id, last.id)
    assert (found.examples, found.without) == (3, (two.id,))
    assert found.data == digest_of([one.digest, three.digest])


def test_a_recipe_that_leaves_nothing_out_says_nothing_of_it() -> None:
    """Its ingredient has the digest that it had before there was such a field."""
    found = part(9)
    assert (found.examples, found.without) == (6, ())
    said = {name: getattr(found, name) for name in ("task", "prompt", "examples", "data")}
    assert digest_of(found) == digest_of(said)


def test_preferences_are_learned_from_the_items_that_have_pairs() -> None:
    """A portion counts pairs, and the recipe says that it took no others."""
    first, _, third, *_ = TASK.items("train")
    compared = {first.id, third.id}
    examples = Examples(
        replace(item, rejected="no") if item.id in compared else item for item in TASK.examples
    )
    task = replace(TASK, examples=examples)
    project = replace(playbook.project(task), objective="preference", beta=0.3)
    found = playbook.simulate(project, lambda _, item: float(playbook.luck(item) < 0.5))
    case = Case(project=project, evidence=found.evidence)
    made = training.recipe(case, [training.whole(task)])
    assert (made.objective, made.beta) == ("preference", 0.3)
    (ingredient,) = made.ingredients
    taken = materials.taught(project, ingredient)
    assert (ingredient.examples, ingredient.paired) == (2, True)
    assert {item.id for item in taken} == compared
    assert ingredient.data == digest_of([item.digest for item in taken])


def test_the_training_that_the_project_names_goes_back() -> None:
    """By how its digest begins; any other stays what it is."""
    project = playbook.project(TASK)
    found = playbook.simulate(project, lambda _, item: float(playbook.luck(item) < 0.5))
    case = Case(project=project, evidence=found.evidence)
    whole = training.recipe(case, [training.whole(TASK)])
    back = Rewind(recipe=whole.digest[:12], after=7, items=(TASK.items("train")[0].id,))
    again = Case(project=replace(project, rewind=back), evidence=found.evidence)
    rewound = training.recipe(again, [training.whole(TASK)])
    assert rewound == replace(whole, rewound=replace(back, recipe=whole.digest))
    assert rewound.digest != whole.digest
    assert training.recipe(again, [(TASK, 3)]).rewound is None
