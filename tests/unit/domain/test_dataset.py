"""Examples and their order."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.domain.dataset import SPLITS, Example, Examples, rank
from escalera.domain.identity import digest_of
from escalera.domain.message import Message, Query

ITEM = Example(id="a/1", task="a", split="train", input="hello", target="hi", cluster="c")
IDS = st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=20)
TURNS = st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text())
FEW = settings(derandomize=True, max_examples=60, deadline=None)


def items(ids):
    return Examples(replace(ITEM, id=name) for name in ids)


def test_the_order_is_the_one_that_was_published():
    """Golden order: another version must look at the same items first."""
    ordered = items("abcdefgh").in_order(seed=0)
    assert "".join(item.id for item in ordered) == "aefbhdcg"


def test_another_seed_is_another_order():
    """The order is keyed."""
    orders = {items("abcdefgh").in_order(seed=seed) for seed in range(5)}
    assert len(orders) == 5


@FEW
@given(IDS, st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(ids, random):
    """Only ids and the seed decide."""
    shuffled = list(ids)
    random.shuffle(shuffled)
    assert items(ids).in_order(seed=1) == items(shuffled).in_order(seed=1)


@FEW
@given(IDS, IDS)
def test_appended_items_slip_in_without_moving_the_others(old, new):
    """Old items keep their order among themselves when data are appended."""
    before = items(old).in_order(seed=3)
    after = items(dict.fromkeys([*old, *new])).in_order(seed=3)
    assert [item for item in after if item.id in old] == [*before]


def test_a_changed_label_moves_no_item():
    """The order cannot depend on what would be the right answer."""
    changed = Examples(replace(i, target="other", input="new") for i in items("abcdef"))
    assert [i.id for i in changed.in_order(seed=2)] == [
        i.id for i in items("abcdef").in_order(seed=2)
    ]


def clustered(ids):
    """Clusters of one, two and three items, named by the first sign of the id."""
    return Examples(replace(ITEM, id=name, cluster=name[0]) for name in ids)


def test_clusters_enter_whole_in_the_order_of_their_names():
    """A cluster's place depends on its name alone, not on how many items it has."""
    names = [*clustered(["a1", "b1", "b2", "c1", "c2", "c3"]).in_clusters(seed=0).clusters()]
    assert names == sorted(names, key=lambda name: rank(name, seed=0))
    fewer = clustered(["a1", "b2", "c3"]).in_clusters(seed=0)
    assert [*fewer.clusters()] == [item.cluster for item in fewer] == list(dict.fromkeys(names))


@FEW
@given(IDS)
def test_without_clusters_both_orders_are_one(ids):
    """An item without a cluster is its own."""
    alone = Examples(replace(ITEM, id=name, cluster=name) for name in ids)
    assert alone.in_clusters(seed=4) == alone.in_order(seed=4)


@FEW
@given(
    st.lists(
        st.builds(
            Example,
            id=st.text(max_size=3),
            task=st.sampled_from("ab"),
            split=st.sampled_from(SPLITS),
            input=st.text(),
            target=st.text(),
            cluster=st.text(max_size=3),
            history=st.lists(TURNS, max_size=2).map(tuple),
            fields=st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
        ),
        max_size=12,
    ),
    st.slices(12),
)
def test_many_examples_are_a_sequence_of_them(plain, part):
    """Whatever their text: one by one, as parts, by split, with the digests they had."""
    many = Examples(plain)
    assert [*many] == plain
    assert [item.query for item in many] == [item.query for item in plain]
    assert [many[n] for n in range(-len(plain), len(plain))] == plain * 2
    assert [*many[part]] == plain[part]
    for split in SPLITS:
        assert [*many.of(split)] == [item for item in plain if item.split == split]
    assert [item.digest for item in many] == [digest_of(item) for item in plain]
    assert digest_of([many]) == digest_of([plain])


def test_equal_examples_in_equal_order_are_equal():
    """However they were put together; a tuple of them is something else."""
    whole = items("abc")
    assert (whole[:2], hash(whole[:2])) == (items("ab"), hash(items("ab")))
    assert whole != items("acb")
    assert whole != tuple(whole)
    with pytest.raises(IndexError):
        whole[3]


def test_every_field_is_part_of_the_digest():
    """An item that was edited is another item."""
    edited = [
        replace(ITEM, id="a/2"),
        replace(ITEM, task="b"),
        replace(ITEM, split="search"),
        replace(ITEM, input="hello!"),
        replace(ITEM, target="ho"),
        replace(ITEM, history=(Message(role="user", content="Hm."),)),
        replace(ITEM, fields=(("a", "1"),)),
        replace(ITEM, cluster="d"),
    ]
    assert len({ITEM.digest, *(item.digest for item in edited)}) == 9


def test_the_splits_are_the_purposes_of_the_architecture():
    """Four purposes, in the order in which a climb meets them."""
    assert SPLITS == ("train", "search", "confirm", "golden")


def test_the_digest_is_kept_and_is_no_part_of_the_value():
    """An item whose digest was asked for is the same item; a changed one has another digest."""
    fresh, asked = replace(ITEM), replace(ITEM)
    assert asked.digest == "389bb4edd84c2c16315f41d0de80e39e56201c3c60bf7bc6b26e7583c0b2a97b"
    assert (fresh, hash(fresh), repr(fresh)) == (asked, hash(asked), repr(asked))
    assert digest_of(asked) == fresh.digest == asked.digest
    assert replace(asked, target="hello").digest != asked.digest


def test_a_query_is_the_item_without_its_answer():
    """What is sent can hold nothing that the model should find out."""
    turns, facts = (Message(role="user", content="Hm."),), (("a", "1"),)
    item = replace(ITEM, history=turns, fields=facts)
    assert item.query == Query(input="hello", history=turns, fields=facts)


def test_texts_may_be_longer_than_the_numbers_for_their_ends():
    """Ends are kept in four bytes, and in eight once they no longer fit: two and eight here."""
    given = [replace(ITEM, id=f"a/{n}", input=f"{n} {'x' * 700}") for n in range(120)]
    found = Examples()
    found._store._ends = array("H", found._store._ends)
    for item in given:
        found._store.append(item)
    assert found._store._ends.typecode == "Q"
    assert found._store._ends[-1] > 2**16
    assert [found._store.example(n) for n in range(120)] == given


def test_licence_and_source_stay_with_an_item_and_out_of_its_digest():
    """What is known of its origin changes nothing that was measured on it."""
    known = replace(ITEM, licence="MIT", source="https://example.com")
    kept = Examples([ITEM, known, replace(known, id="a/2", split="confirm")])
    assert [(item.licence, item.source) for item in kept] == [("", "")] + 2 * [
        ("MIT", "https://example.com")
    ]
    assert kept.of("confirm")[0].licence == "MIT"
    assert known.digest == ITEM.digest


def test_every_example_may_have_a_source_of_its_own():
    """More of them than two bytes can tell apart."""
    count = 2**16 + 3
    given = (replace(ITEM, id=f"a/{n}", source=f"s{n}") for n in range(count))
    found = Examples(given)
    assert [found[n].source for n in (0, 2**16 - 1, 2**16, count - 1)] == [
        "s0",
        f"s{2**16 - 1}",
        f"s{2**16}",
        f"s{count - 1}",
    ]


def test_a_rejected_answer_is_kept_and_counts():
    """In the digest where there is one; without one the digest is that of before the field."""
    plain = ITEM
    pair = replace(plain, rejected="no")
    (kept,) = Examples([pair])
    assert (kept, kept.rejected) == (pair, "no")
    assert pair.digest != plain.digest
    said = {
        name: getattr(plain, name)
        for name in ("id", "task", "split", "input", "target", "cluster", "history", "fields")
    }
    assert plain.digest == digest_of(said)
