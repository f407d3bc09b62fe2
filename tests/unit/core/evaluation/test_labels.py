"""F1 over sets of labels and over slots."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation import labels
from escalera.core.evaluation.labels import SetF1, SlotF1
from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission
from escalera.errors import BadOption

FEW = settings(derandomize=True, max_examples=150, deadline=None)
NAMES = st.sets(st.sampled_from(["red", "green", "blue", "sky blue", "x"]), max_size=5)
SLOTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["one", "two", "by 3 pm"]))


def seen(reply, target):
    item = Example(id="1", task="t", split="confirm", input="q", target=target, cluster="1")
    return Submission(reply=reply, item=item)


def set_f1(reply, target, **options):
    return labels.set_f1(seen(reply, target), SetF1(**options)).value


def slot_f1(reply, target, **options):
    return labels.slot_f1(seen(reply, target), SlotF1(**options)).value


def share(reply, target):
    """F1 by its definition: the harmonic mean of precision and recall."""
    if not reply and not target:
        return 1.0
    shared = len(reply & target)
    if not shared:
        return 0.0
    precision, recall = shared / len(reply), shared / len(target)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("reply", "target", "options", "wanted"),
    [
        ("a, b", "b,a", {}, 1),
        ("A,a , ", "a", {}, 1),
        ("A", "a", {"case": True}, 0),
        ("a; b", "a;c", {"separator": ";"}, 0.5),
        ('["a", "b, c"]', '["b, c"]', {}, 2 / 3),
        ('["a"]', "a", {}, 1),
        ("[1, 2]", "1,2", {}, 1),
        ("[]", "[]", {}, 1),
        ("", "[]", {}, 1),
        ("", "a", {}, 0),
        ("[a", "[a", {}, 1),
    ],
)
def test_set_f1(reply, target, options, wanted):
    """Labels in any order, as a list or between separators."""
    assert set_f1(reply, target, **options) == pytest.approx(wanted)


@FEW
@given(NAMES, NAMES)
def test_set_f1_is_the_harmonic_mean(reply, target):
    """By definition, and the same for both ways to write a set."""
    wanted = pytest.approx(share(reply, target))
    assert set_f1(",".join(reply), ",".join(target)) == wanted
    assert set_f1(json.dumps([*reply]), json.dumps([*target])) == wanted


def test_an_empty_separator_is_refused():
    """Nothing can be split by it."""
    with pytest.raises(BadOption, match="separator: is empty"):
        SetF1(separator="")


@pytest.mark.parametrize(
    ("reply", "target", "options", "wanted"),
    [
        ('{"time": "8 AM"}', '{"time": "8 am."}', {}, 1),
        ('{"time": "8 AM"}', '{"time": "8 am"}', {"match": "exact"}, 0),
        ('{"time": " 8 am "}', '{"time": "8 am"}', {"match": "exact"}, 1),
        ('{"time": "8 am", "day": "monday"}', '{"time": "8 am"}', {}, 2 / 3),
        ('{"time": "9 am"}', '{"time": "8 am"}', {}, 0),
        ('{"hour": "8 am"}', '{"time": "8 am"}', {}, 0),
        ("{}", "{}", {}, 1),
        ('{"time": null}', "{}", {}, 1),
        ('{"time": ""}', "{}", {}, 1),
        ("{}", '{"time": "8 am"}', {}, 0),
        ('{"item": ["milk", "eggs"]}', '{"item": ["eggs", "bread"]}', {}, 0.5),
        ('{"item": ["milk", "milk"]}', '{"item": ["milk"]}', {}, 2 / 3),
        ('{"n": 3}', '{"n": "3"}', {}, 1),
        ('{"mark": "?"}', '{"mark": "!"}', {}, 0),
        ("no slots", "{}", {}, 0),
        ("[]", "{}", {}, 0),
    ],
)
def test_slot_f1(reply, target, options, wanted):
    """Name and value must both agree; lists are slots that are filled several times."""
    assert slot_f1(reply, target, **options) == pytest.approx(wanted)


@FEW
@given(SLOTS, SLOTS)
def test_slot_f1_is_the_f1_of_pairs(reply, target):
    """Of names with their values."""
    wanted = share(set(reply.items()), set(target.items()))
    assert slot_f1(json.dumps(reply), json.dumps(target)) == pytest.approx(wanted)


def test_slots_of_a_spanish_assistant():
    """An utterance of the form in multilingual task-oriented dialogues, spans as values."""
    target = '{"datetime": "por 60 minutos", "reminder/todo": "sacar la basura"}'
    said = '{"datetime": "60 minutos", "reminder/todo": "Sacar la basura"}'
    assert slot_f1(said, target) == 0.5


def test_a_target_without_slots_is_refused_at_the_door():
    """And unscored where it comes in all the same."""
    assert labels.no_slots("[]", SlotF1()) == "is no JSON object of slots"
    assert labels.no_slots("{}", SlotF1()) is None
    found = labels.slot_f1(seen("{}", "[]"), SlotF1())
    assert (found.value, found.reason) == (None, "the target '[]' is not a JSON object")
