"""The router of query types."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core import routing

ORDERS = ["two more lamps please", "remove the chair from my order", "add a desk to the order"]
PRAISE = ["I love the app", "great service, thank you", "the quality is wonderful"]
TYPES = ("orders", "praise")
TEXTS, LABELS = [*ORDERS, *PRAISE], ["orders"] * 3 + ["praise"] * 3


@pytest.fixture(scope="module")
def router():
    """Learned once: fitting takes a moment."""
    return routing.fit(TYPES, TEXTS, LABELS)


def test_it_learns_what_it_was_taught_and_a_little_more(router):
    """Taught messages, and new ones with the same words."""
    assert [router.infer(text) for text in TEXTS] == LABELS
    assert router.infer("please add two chairs to my order") == "orders"
    assert router.infer("wonderful app, thank you") == "praise"


def test_the_same_items_give_the_same_bytes(router):
    """No random source: a router is known by the hash of its files."""
    again = routing.fit(TYPES, tuple(TEXTS), tuple(LABELS))
    assert routing.to_files(again) == routing.to_files(router)


def test_files_are_read_back_as_they_were_without_pickle(router):
    """Plain arrays and JSON, to the last bit."""
    files = routing.to_files(router)
    read = routing.from_files(files)
    assert read.types == router.types
    assert np.array_equal(read.weights, router.weights)
    assert np.array_equal(read.biases, router.biases)
    assert all(name.endswith((".npy", ".json")) for name in files)


def test_a_pickled_array_is_refused(router):
    """Whoever can write a router file must not be able to run code."""
    import io

    held = io.BytesIO()
    np.save(held, np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    files = routing.to_files(router) | {"weights.npy": held.getvalue()}
    with pytest.raises(ValueError, match="allow_pickle"):
        routing.from_files(files)


def test_files_of_other_features_are_refused(router):
    """Weights mean nothing over features of another version."""
    other = json.dumps({"types": TYPES, "features": "crc32-8"}).encode()
    with pytest.raises(ValueError, match="climb again to learn it anew"):
        routing.from_files(routing.to_files(router) | {"router.json": other})


def test_a_type_without_items_is_named():
    """And the remedy is told."""
    with pytest.raises(ValueError, match=r"\['praise'\].*query_type = 'declared'"):
        routing.fit(TYPES, ORDERS, ["orders"] * 3)


def test_a_large_type_does_not_drown_a_small_one():
    """Each type weighs the same, however many items it has."""
    texts = [f"lamp number {n}" for n in range(60)] + ["thank you all"]
    found = routing.fit(TYPES, texts, ["orders"] * 60 + ["praise"])
    assert found.infer("thank you all") == "praise"
    assert found.infer("lamp number 7") == "orders"


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.text(max_size=30))
def test_probabilities_add_up_and_features_have_length_one(text):
    """Property over any message, the empty one too."""
    found = routing.Router(types=TYPES, weights=np.ones((2, routing.BUCKETS)), biases=np.zeros(2))
    assert found.probabilities(text).tolist() == pytest.approx([0.5, 0.5])
    index, value = routing.features(text)
    assert len(set(index.tolist())) == len(index)
    assert float(value @ value) == pytest.approx(1.0) or len(index) == 0
    assert all(0 <= bucket < routing.BUCKETS for bucket in index)


def listed(text):
    """Buckets and values of a message as plain lists."""
    return [array.tolist() for array in routing.features(text)]


def test_case_and_spacing_do_not_matter():
    """Shouting is not another type."""
    assert listed("Two  MORE\n") == listed("two more")


def test_a_long_message_is_read_from_its_beginning():
    """The cost of routing is bounded."""
    start = "a b " * (routing.LONGEST // 4)
    assert listed(start) == listed(start + "z" * 999)
    assert listed(start) != listed("z" * 999 + start)
