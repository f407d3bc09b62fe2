"""The card of a finetuned model: metadata that hubs read, and nothing unknown left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from escalera.core.audit import licences
from escalera.core.audit.card import Facts, card
from escalera.core.audit.licences import Part
from escalera.domain.job import JobOutcome, TypeVerdict
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Prompt

FACTS = Facts(
    name="ft:base:polite:1",
    form="peft",
    artifact="a" * 64,
    base='models/"base"',
    revision="r1",
    licence="Apache-2.0",
    recipe=TrainingRecipe(
        model="base",
        revision="r1",
        ingredients=(Ingredient(task="orders", prompt=Prompt(), examples=9, data="d" * 64),),
        trainable=Trainable(),
        levers=Levers(),
    ),
    made="",
    outcome=JobOutcome(
        minutes=2.0,
        micro_dollars=1_500,
        joules=640.4,
        trained_tokens=900,
        gate="passed",
        verdicts=(TypeVerdict(task="orders", word="improved", said="orders: improved"),),
        diagnosis=("healthy: the loss fell",),
        licence=licences.words([Part(role="base", name="b", declared="Apache-2.0")]),
    ),
    checked="Byte for byte.",
)


def metadata(text: str) -> dict[str, object]:
    """The head of a card; its values are JSON, which is YAML."""
    _, head, _ = text.split("---\n", 2)
    return {
        key: json.loads(value)
        for key, _, value in (line.partition(": ") for line in head.splitlines())
    }


def test_the_metadata_is_what_hubs_read():
    """Whatever letters a name has."""
    found = metadata(card(FACTS))
    assert found == {
        "base_model": 'models/"base"',
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "license": "Apache-2.0",
        "tags": ["escalera"],
    }
    assert metadata(card(replace(FACTS, form="merged")))["library_name"] == "transformers"


@pytest.mark.parametrize("declared", ["", "CC-BY-NC-4.0", "a licence of our own"])
def test_a_base_does_not_lend_its_licence_to_what_nobody_cleared(declared):
    """Data that forbid it or that nobody knows, and a training without a verdict."""
    said = licences.words(
        [
            Part(role="base", name="b", declared="Apache-2.0"),
            Part(role="data", name="d", declared=declared),
        ]
    )
    text = card(replace(FACTS, outcome=replace(FACTS.outcome, licence=said)))
    assert metadata(text)["license"] == "unknown"
    assert "The base's licence, as declared: Apache-2.0." in text
    assert metadata(card(replace(FACTS, outcome=None)))["license"] == "unknown"


def test_the_card_says_what_it_was_made_of_and_what_came_of_it():
    """Recipe, levers, data by digest, cost, energy, gate, diagnosis, licences, export."""
    text = card(FACTS)
    for said in (
        "a" * 64,
        FACTS.recipe.digest,
        f"9 examples of orders, `{'d' * 64}`",
        "| learning rate | 0.005 |",
        "2.0 minutes, 900 tokens, $0.0015, 640 J",
        "- gate: passed\n- orders: improved\n- diagnosis: healthy: the loss fell",
        "serving it: OK-with-duties",
        "Byte for byte.",
    ):
        assert said in text


def test_what_is_not_known_is_said_to_be_unknown():
    """Nothing is left out because nobody knows it."""
    bare = replace(FACTS, recipe=None, outcome=None, licence="", made="a merge by ties: 1 of `b`")
    text = card(bare)
    assert metadata(text)["license"] == "unknown"
    assert "| made by | a merge by ties: 1 of `b` |" in text
    assert "Unknown: no outcome of a job is in the journal." in text
    assert "What a climb of the project measured of it is told by `escalera report`" in text
    assert "Unknown: ask counsel." in text
    unmetered = replace(FACTS, outcome=replace(FACTS.outcome, joules=None, micro_dollars=None))
    assert "2.0 minutes, 900 tokens, energy unknown" in card(unmetered)


def test_scores_of_a_climb_are_what_is_known() -> None:
    """Beside the outcome of a job, or alone."""
    said = "orders: 0.90 [0.85, 0.94] of 200 items"
    assert f"- {said}" in card(replace(FACTS, scores=(said,)))
    alone = card(replace(FACTS, scores=(said,), outcome=None))
    assert f"## What is known of it\n\n- {said}\n" in alone


def test_what_a_model_goes_on_from_is_named():
    """By the name that it was asked by and by the artifact, which no withdrawal changes."""
    assert FACTS.recipe is not None
    recipe = replace(FACTS.recipe, origin="e" * 64)
    text = card(replace(FACTS, recipe=recipe, origin="ft:base::0"))
    assert f"further from `ft:base::0`, the artifact `{'e' * 64}`. What" in text
    assert "further" not in card(FACTS)
