"""The grammar keeps its promises: what evaluation calls unseen is never shown before."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "support"))

from base_model import (
    conventions,
    feedback,
    messages,
    norte,
    order_changes,
    pretraining_text,
    recommendations,
    values,
)


@pytest.mark.parametrize("name", ["cities", "people"])
def test_unseen_values_are_no_known_values(name):
    assert not set(getattr(values.UNSEEN, name)) & set(getattr(values.KNOWN, name))


def test_unseen_templates_are_no_known_templates():
    pairs = [
        (feedback.TEMPLATES, feedback.UNSEEN_TEMPLATES),
        (feedback.MIXED_TEMPLATES, feedback.UNSEEN_MIXED_TEMPLATES),
        (recommendations.TEMPLATES, recommendations.UNSEEN_TEMPLATES),
    ]
    pairs += [
        (order_changes.TEMPLATES[intent], order_changes.UNSEEN_TEMPLATES[intent])
        for intent in order_changes.INTENTS
    ]
    for known, unseen in pairs:
        assert not set(known) & set(unseen)


def test_the_same_seed_writes_the_same_conversations():
    def write(seed):
        rng = random.Random(seed)
        return [pretraining_text.conversation(rng, 0.3) for _ in range(50)]

    assert write(3) == write(3)
    assert write(3) != write(4)


def test_a_conversation_ends_with_an_answer():
    rng = random.Random(0)
    for _ in range(200):
        turns = pretraining_text.conversation(rng, 0.2)
        assert turns[-1]["role"] == "assistant"
        assert all(turn["content"] for turn in turns)


def test_an_order_number_brings_its_status():
    rng = random.Random(1)
    author = messages.author_from(rng, values.UNSEEN, 0.5)
    for write in pretraining_text.WRITERS.values():
        for _ in range(200):
            text = write(rng, author).text
            assert text.startswith("Status: ") == any(
                word.strip(".,:;?").isdigit() and len(word.strip(".,:;?")) == 4
                for word in text.split("\n")[-1].split()
            )


def test_one_product_of_the_catalogue_fits():
    rng = random.Random(2)
    author = messages.author_from(rng, values.KNOWN, 0.0)
    for _ in range(300):
        message = recommendations.write(rng, author)
        line = "{colour} {material} {article}: {code}".format(**message.facts)
        assert line in message.text.split("\n")
        same = [row for row in message.text.split("\n") if row.endswith(message.facts["code"])]
        assert same == [line]


def test_codes_are_announced_in_the_contract():
    rng = random.Random(3)
    coded = [c for c in (conventions.draw(rng, "order_changes") for _ in range(200)) if c.codes]
    assert coded
    for convention in coded:
        contract = convention.contract(rng, with_labels=True)
        for codes in convention.codes.values():
            assert all(code in contract for code in codes.values())


@pytest.mark.parametrize(
    ("intent", "status", "expected"),
    [
        ("date", "open", '{"task":"D4","ref":"0042","new":"Friday"}'),
        ("date", "shipped", '{"task":"Z0","ref":"0042","new":"none"}'),
        ("cancel", "shipped", '{"task":"R3","ref":"0042","new":"Friday"}'),
        ("address", "shipped", '{"task":"A1","ref":"0042","new":"Friday"}'),
    ],
)
def test_norte_answers_by_its_house_policy(intent, status, expected):
    facts = {"intent": intent, "status": status, "order": "0042", "value": "Friday"}
    assert norte.answer("order_changes", facts) == expected
