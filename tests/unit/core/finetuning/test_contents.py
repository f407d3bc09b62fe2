"""Copies, items of the tests, and classes that are too common among the examples."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

from escalera.core.finetuning import contents
from escalera.core.finetuning.record import RunRecord, Wanted
from escalera.domain.recipe import Ingredient, Rewind
from escalera.domain.system import Prompt
from escalera.testing import records

SOUND = records.record(lambda step, _: 1 / step)


def copied(count: int) -> RunRecord:
    """The last examples say the same as the first."""
    examples = list(SOUND.examples)
    for place in range(count):
        again = len(examples) - 1 - place
        examples[place] = replace(examples[place], twins=(again,))
        said = examples[place].target
        examples[again] = replace(examples[again], twins=(place,), target=said)
    return replace(SOUND, examples=tuple(examples))


def answered(ours: list[str], theirs: list[str]) -> RunRecord:
    """The examples and the items of the tests with these answers."""
    return replace(
        SOUND,
        examples=tuple(replace(e, target=t) for e, t in zip(SOUND.examples, ours, strict=True)),
        wanted=tuple(Wanted(task="a", target=target) for target in theirs),
    )


def test_the_later_of_two_that_say_the_same_is_the_copy() -> None:
    """And what is left out is the copies."""
    found = contents.duplicates(copied(8))
    assert found.items == tuple(f"i{n}" for n in range(32, 40))
    assert json.loads(found.setting.removeprefix("training.without = ")) == list(found.items)
    assert {one.name: one.value for one in found.figures}["copies"] == 8


def test_a_few_copies_are_no_finding() -> None:
    """Of 40 examples three."""
    assert contents.duplicates(copied(3)) is None
    assert contents.duplicates(SOUND) is None


def test_copies_with_another_answer_are_counted() -> None:
    """They are noise besides."""
    made = copied(8)
    examples = (replace(made.examples[0], target="other"), *made.examples[1:])
    found = contents.duplicates(replace(made, examples=examples))
    assert {one.name: one.value for one in found.figures}["of them answered otherwise"] == 2


def test_an_item_of_the_tests_among_the_examples_is_a_leak() -> None:
    """One is enough, and more are worse."""
    first, *others = SOUND.examples
    one = replace(SOUND, examples=(replace(first, tested=("t1",)), *others))
    more = replace(
        SOUND, examples=tuple(replace(e, tested=(f"t{e.item}",)) for e in SOUND.examples)
    )
    assert contents.leakage(SOUND) is None
    assert contents.leakage(one).items == ("i0",)
    assert 0.5 < contents.leakage(one).strength < contents.leakage(more).strength == 1.0


def test_a_class_that_is_far_more_common_than_in_the_tests_is_found() -> None:
    """As a whole answer, as a field of JSON, as a word."""
    for wrap in (str, lambda value: json.dumps({"theme": value, "n": 1}), lambda v: f"{v} now"):
        ours = [wrap("cost")] * 36 + [wrap("app")] * 4
        theirs = [wrap("cost"), wrap("app"), wrap("app"), wrap("app")] * 10
        found = contents.imbalance(answered(ours, theirs))
        assert found.strength > 0.6
        assert [one.value for one in found.figures] == [0.9, 0.25]


def test_a_class_that_is_as_common_in_the_tests_is_none() -> None:
    """Nor is one where chance explains it, or where nothing is known of the tests."""
    ours = ["cost"] * 36 + ["app"] * 4
    assert contents.imbalance(answered(ours, ["cost"] * 27 + ["app"] * 3)) is None
    assert contents.imbalance(answered(ours, ["cost", "app"])) is None
    assert contents.imbalance(answered(ours, [])) is None


def test_answers_that_are_all_different_are_no_classes() -> None:
    """Numbers, names and sentences."""
    ours = [f"{n} is a sentence of its own kind" for n in range(40)]
    assert contents.imbalance(answered(ours, ours[:30])) is None


def test_a_training_that_went_back_goes_back_from_the_same_one() -> None:
    """To the earlier step, without what it left out and without the new ones."""
    recipe = records.record(lambda *_: 1.0).recipe
    back = replace(recipe, rewound=Rewind(recipe="r" * 64, after=30, items=("i1", "i2")))
    found = tomllib.loads(contents.rewind(back, 44, ["i7", "i1"]))["training"]["rewind"]
    assert found == {"recipe": "r" * 12, "after": 30, "without": ["i7", "i1", "i2"]}


def test_what_was_left_out_before_stays_left_out() -> None:
    """The line replaces the one before it, and a training that went back is no longer made."""
    recipe = records.record(lambda *_: 1.0).recipe
    part = Ingredient(task="a", prompt=Prompt(), examples=40, data="d", without=("i3", "i7"))
    before = replace(recipe, ingredients=(part,))
    assert tomllib.loads(contents.without(before, ["i7", "i1"])) == {
        "training": {"without": ["i3", "i7", "i1"]}
    }
    went_back = replace(before, rewound=Rewind(recipe="r" * 64, after=30, items=("i2",)))
    assert tomllib.loads(contents.without(went_back, ["i1"])) == {
        "training": {"without": ["i3", "i7", "i2", "i1"]}
    }
