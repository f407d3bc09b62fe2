"""What a router says of a message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.routing.messages import ORDERS, TYPES, learned, near, sensing

from escalera.core.routing.abstention import Rule

ROUTER = learned()


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.text(max_size=30))
def test_probabilities_add_up(text):
    """Property over any message, the empty one too."""
    odds = ROUTER.probabilities(text)
    assert float(odds.sum()) == pytest.approx(1.0, abs=1e-5)
    found = ROUTER.choose(text)
    assert found.probability == pytest.approx(float(odds.max()))
    assert (found.sure, found.type) == (True, TYPES[int(odds.argmax())])


def test_what_was_taught_is_more_familiar_than_what_was_not():
    """A stranger may have a type all the same: it is the one it is least unlike."""
    stranger = ROUTER.choose("how far is the moon")
    assert min(ROUTER.choose(text).familiarity for text in ORDERS) > stranger.familiarity
    assert stranger.type in TYPES


def test_it_abstains_for_strangers_and_where_a_mistake_costs_more():
    """The choice stays the same; only whether to stand by it changes."""
    text = "thank you for the order"
    plain = ROUTER.choose(text)
    strange = replace(ROUTER, rule=Rule(familiarity=plain.familiarity + 1)).choose(text)
    unsure = replace(ROUTER, rule=Rule(refusal=1 - plain.probability - 0.01)).choose(text)
    sure = replace(ROUTER, rule=Rule(refusal=1 - plain.probability + 0.01)).choose(text)
    assert [c.refusal for c in (plain, strange, unsure, sure)] == ["", "stranger", "unsure", ""]
    assert {c.type for c in (plain, strange, unsure, sure)} == {plain.type}
    assert not unsure.sure


def test_messages_of_words_never_seen_have_no_weights():
    """Nothing speaks for a type but the biases."""
    margins, likeness = ROUTER.scores("zzqx")
    assert margins.tolist() == pytest.approx(ROUTER.biases.tolist())
    assert likeness.tolist() == [0.0, 0.0]


def test_a_router_that_reads_embeddings_abstains_without_one():
    """Its best guess comes from the words alone, and says why it is not stood by."""
    router = replace(sensing(), rule=Rule(familiarity=1e6))
    found = router.choose("please add a lamp")
    assert (found.refusal, found.sure) == ("unread", False)
    assert found.type in TYPES
    assert router.choose("please add a lamp", near("orders")).refusal == "stranger"


def test_a_router_of_ngrams_does_not_look_at_an_embedding():
    """It was taught none, and chooses as before."""
    router = learned()
    assert router.choose(ORDERS[0], near("praise")) == router.choose(ORDERS[0])
