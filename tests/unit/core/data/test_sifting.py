"""What drafts go, and why."""

from __future__ import annotations

import pytest

from escalera.core.data import sifting
from escalera.core.data.generating import Draft
from escalera.core.data.sifting import Sieve
from escalera.domain.dataset import SPLITS, Example
from escalera.wiring import data_sets

NEAR = 0.7


def item(split, text, target="x"):
    name = f"t/{split}"
    return Example(id=name, task="t", split=split, input=text, target=target, cluster=name)


def alike(drafts, items=()):
    pytest.importorskip("rensa")
    sketches = data_sets.sketches(NEAR)
    return sifting.alike(drafts, items, sketches=sketches, near=NEAR)


def test_each_rule_takes_what_the_rules_before_it_left():
    """And every draft that goes is told once, with the rule and what it found."""
    sieve = Sieve(kept=[Draft(input=text) for text in "abcd"])
    sieve.keep("first", lambda draft: "is a" if draft.input == "a" else None)
    sieve.sort("second", [None, "too long", "too long"])
    assert [draft.input for draft in sieve.kept] == ["b"]
    assert [(one.draft.input, one.rule, one.found) for one in sieve.gone] == [
        ("a", "first", "is a"),
        ("c", "second", "too long"),
        ("d", "second", "too long"),
    ]
    assert sieve.reasons() == {"second": 2, "first": 1}
    with pytest.raises(ValueError, match="shorter than"):
        sieve.sort("third", [])


@pytest.mark.parametrize("split", SPLITS)
def test_nothing_comes_near_any_split(split):
    """Whatever the answer: a tested question with a wrong answer must not be taught either."""
    known = item(split, "Where is the parcel that I ordered on Monday?")
    drafts = [
        Draft(input="where is the parcel that I  ordered on monday?", target="another"),
        Draft(input="Where is the parcel that I orderd on Monday??", target="another"),
        Draft(input="Can I pay by invoice?", target="x"),
    ]
    exact, near, new = alike(drafts, [known])
    assert exact == f"is the same as the {split} item t/{split} (1.00)"
    assert near is not None
    assert near.startswith(f"is nearly the {split} item t/{split}")
    assert new is None


def test_drafts_are_held_against_each_other():
    """Of two that say the same the first stays; one that answers otherwise goes, too."""
    drafts = [
        Draft(input="Please cancel order 17", target="x"),
        Draft(input="please cancel order 17", target="x"),
        Draft(input="Please cancel order 17", target="y"),
        Draft(input="Please cancel order 18", target="x"),
    ]
    assert alike(drafts) == [
        None,
        "is the same as the draft 1 (1.00)",
        "answers otherwise than the draft 1",
        None,
    ]


def test_a_language_that_the_examples_do_not_speak_goes():
    """A rare mistake of who tells languages makes none of the task's."""

    def language(text):
        return text[:2].strip()

    items = [item("train", text) for text in ["en a"] * 60 + ["es a"] * 39 + ["fr a"]]
    known = sifting.spoken(items, language)
    assert known == {"en", "es"}
    told = [sifting.foreign(Draft(input=text), language, known) for text in ("en", "fr", "")]
    assert told == [None, "is in the language 'fr'", None]
    assert sifting.foreign(Draft(input="fr"), language, {""}) is None


def test_targets_have_the_form_of_the_examples():
    """Where all of them are objects: one with keys that some example has."""
    items = [item("train", "a", '{"x": 1, "y": 2}'), item("train", "b", '{"x": 1}')]
    known = sifting.forms(items)
    told = [
        sifting.formless(Draft(input="i", target=text), known)
        for text in ('{"y": 0, "x": 0}', '{"y": 0}', "{}", "plain", "[1]")
    ]
    assert told[0] is None
    assert told[1] == "the target has the keys y, as no example has"
    assert told[2] == "the target has the keys none, as no example has"
    assert told[3] == told[4] == "the target is no JSON object, as those of the examples are"
    mixed = sifting.forms([*items, item("train", "c", "plain")])
    assert sifting.formless(Draft(input="i", target="plain"), mixed) is None
