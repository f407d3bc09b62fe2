"""Learning a router."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import LinearSVC
from tests.unit.core.routing.messages import (
    LABELS,
    ORDERS,
    TEXTS,
    TYPES,
    learned,
    many,
    meant,
    near,
    sensed,
    sensing,
)

from escalera.core.routing import calibration, fitting, rows, sense, storing
from escalera.core.routing.fitting import Terms


def test_it_learns_what_it_was_taught_and_a_little_more():
    """Taught messages, and new ones with the same words."""
    router = learned()
    assert [router.infer(text) for text in TEXTS] == LABELS
    assert router.infer("please add two chairs to my order") == "orders"
    assert router.infer("wonderful app, thank you") == "praise"


def test_the_same_items_give_the_same_bytes():
    """No random source: a router is known by the hash of its files."""
    assert storing.to_files(learned()) == storing.to_files(learned())


def test_a_type_without_items_is_named():
    """And the remedy is told."""
    with pytest.raises(ValueError, match=r"\['praise'\].*query_type = 'declared'"):
        fitting.fit(TYPES, ORDERS, ["orders"] * 3)


def test_a_large_type_does_not_drown_a_small_one():
    """One message of a type is enough to be known again."""
    texts = [f"lamp number {n}" for n in range(60)] + ["thank you all"]
    found = fitting.fit(TYPES, texts, ["orders"] * 60 + ["praise"])
    assert found.infer("thank you all") == "praise"
    assert found.infer("lamp number 7") == "orders"


def test_margins_are_those_of_another_solver():
    """The minimum is scikit-learn's for the same rows; its intercept is penalised, ours is not."""
    texts, labels = many(40)
    router = fitting.fit(TYPES, texts, labels)
    held = rows.read(texts)
    dense = np.zeros((len(held), len(held.buckets)))
    dense[held.row_of_values(), held.places] = held.values
    other = LinearSVC(C=1 / fitting.TYPES.penalty, dual=False, intercept_scaling=30, tol=1e-8)
    other.fit(dense, np.array(labels) == "praise")
    ours = np.array([router.scores(text)[0][1] for text in texts])
    assert ours == pytest.approx(other.decision_function(dense), abs=0.002)


def test_only_the_first_items_of_a_type_are_used():
    """The cost of a fit is bounded."""
    longer = fitting.fit(TYPES, [*TEXTS, "and more"], [*LABELS, "orders"], terms=Terms(most=3))
    assert storing.to_files(longer) == storing.to_files(learned())


def test_messages_are_left_out_to_learn_the_scale(monkeypatch):
    """In one fold or in five: what was learned from a message says nothing of new ones."""
    texts, labels = many(30)
    five = fitting.fit(TYPES, texts, labels).scale
    monkeypatch.setattr(fitting, "_FOLDED", 0)
    one = fitting.fit(TYPES, texts, labels).scale
    assert five != one
    assert five.sharpness == pytest.approx(one.sharpness, rel=0.5)
    assert five.likeness_spread == pytest.approx(one.likeness_spread, rel=0.5)


def test_known_strangers_speak_against_every_type():
    """Others like them are less familiar than without, and the types are told as before."""
    texts, labels = many(30)
    strangers = [f"how far is the moon from star {n}" for n in range(20)]
    plain = fitting.fit(TYPES, texts, labels)
    wary = fitting.fit(TYPES, texts, labels, strangers=strangers)
    asked = "how far is the desk from star 99"
    assert max(wary.scores(asked)[0]) < max(plain.scores(asked)[0]) - 0.1
    assert [wary.infer(text) for text in texts] == labels


def test_strangers_are_not_left_out_to_learn_the_scale():
    """One message of each type and any strangers: no scale can be learned."""
    found = fitting.fit(TYPES, [TEXTS[0], TEXTS[3]], list(TYPES), strangers=["how far is the moon"])
    assert found.scale == calibration.UNSCALED


def test_what_is_learned_of_embeddings_is_what_their_features_would_give():
    """Margins and cosines are those of n-grams and embeddings side by side, as plain columns."""
    texts, labels, vectors = meant(30)
    share = 0.5
    router = fitting.fit(TYPES, texts, labels, sensed=sensed(vectors, share))
    held = rows.read(texts)
    ngrams = np.zeros((len(held), len(held.buckets)))
    ngrams[held.row_of_values(), held.places] = held.values
    table = sensed(vectors).table(texts)
    dense = sense.centred(table, sense.centre(table))
    columns = np.hstack((np.sqrt(1 - share) * ngrams, np.sqrt(share) * dense))
    wanted = np.array(labels) == "praise"
    other = LinearSVC(C=1 / fitting.TYPES.penalty, dual=False, intercept_scaling=30, tol=1e-8)
    other.fit(columns, wanted)
    told = [router.scores(text, vectors[text]) for text in texts]
    margins = np.array([margin[1] for margin, _ in told])
    assert margins == pytest.approx(other.decision_function(columns), abs=0.002)
    mean = columns[wanted].sum(axis=0)
    cosines = columns @ (mean / np.linalg.norm(mean))
    assert np.array([cosine[1] for _, cosine in told]) == pytest.approx(cosines, abs=1e-4)


def test_embeddings_tell_what_words_do_not():
    """Words that were never taught, and a meaning that was."""
    router = sensing()
    for label in TYPES:
        found = router.choose("qqq rrr", near(label))
        assert (found.type, found.refusal) == (label, "")
        assert found.probability > 0.9


def test_embeddings_are_weighed_where_they_help_and_nowhere_else():
    """Telling ones beside words that say nothing; and random ones beside words that say all."""
    texts, labels, vectors = meant(30)
    helping = fitting.weigh(texts, labels, sensed(vectors))
    assert helping.share in fitting.SHARES
    assert helping.gain.lower > 0
    assert (helping.items, helping.clusters) == (60, 60)
    plain, kinds = many(30)
    chance = np.random.default_rng(2)
    noise = {text: chance.normal(size=8).astype(np.float32) for text in plain}
    idle = fitting.weigh(plain, kinds, sensed(noise))
    assert idle.share == 0.0
    assert idle.gain.lower <= 0


def test_items_of_a_cluster_share_luck_when_embeddings_are_weighed():
    """Few clusters show less than as many items."""
    texts, labels, vectors = meant(30)
    few = [f"{n * 8 // len(texts)}" for n in range(len(texts))]
    alone = fitting.weigh(texts, labels, sensed(vectors)).gain
    found = fitting.weigh(texts, labels, sensed(vectors), clusters=few)
    assert found.clusters == 8
    assert found.gain.estimate == pytest.approx(alone.estimate)
    assert found.gain.lower < alone.lower


def test_nothing_can_be_weighed_without_items_to_leave_out():
    """One message of each type, or none at all: n-grams alone."""
    one = {text: np.ones(3, np.float32) for text in TEXTS}
    for texts, labels in (([TEXTS[0], TEXTS[3]], ["orders", "praise"]), ([], [])):
        assert fitting.weigh(texts, labels, sensed(one)) == fitting.Weighed(share=0.0, gain=None)


def test_a_share_of_nothing_is_a_router_of_ngrams():
    """To the last byte: embeddings that do not help leave no trace."""
    texts, labels, vectors = meant(10)
    plain = fitting.fit(TYPES, texts, labels)
    idle = fitting.fit(TYPES, texts, labels, sensed=sensed(vectors, share=0.0))
    assert storing.to_files(idle) == storing.to_files(plain)


@pytest.mark.parametrize("penalty", [0.3, 3.0, 30.0])
def test_messages_alike_but_for_a_word_are_told_apart_under_any_penalty(penalty):
    """Weights and biases step together and must not throw each other out of balance."""
    texts = [f"{kind} search {n}" for kind in "ab" for n in range(60)]
    labels = ["orders"] * 60 + ["praise"] * 60
    router = fitting.fit(TYPES, texts, labels, terms=Terms(penalty=penalty))
    new = [f"{kind} search {n}" for kind in "ab" for n in range(60, 90)]
    assert [router.infer(text) for text in new] == ["orders"] * 30 + ["praise"] * 30
