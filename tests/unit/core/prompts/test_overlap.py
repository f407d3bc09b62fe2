"""What is an item in disguise, and what is only a neighbour."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.prompts.overlap import Copies, Twins, words
from escalera.domain.dataset import Example
from escalera.domain.message import Message
from escalera.domain.selection import Passage

LETTER = (
    "my parcel 4711 was to arrive on monday and the tracking page has said out for delivery for "
    "three days now can you find out where it is and when it will be here"
)


def example(text, *, name="1", target="t", cluster=None, history=()):
    return Example(
        id=name, task="a", split="train", input=text, target=target, cluster=cluster or name,
        history=history,
    )  # fmt: skip


def same(known, asked):
    twins = Twins([example(known, name="known")])
    return bool(twins.of(example(asked, name="asked")))


@pytest.mark.parametrize(
    "disguised",
    [
        LETTER.upper(),
        LETTER.replace(" ", "  ") + "!?",
        "Ｍｙ" + LETTER[2:],
        f"Good morning dear team, {LETTER}. Thank you and kind regards from Sofia in Lisbon.",
        LETTER.replace("three days", "two days"),
        LETTER.removeprefix("my parcel "),
    ],
    ids=["case", "spacing", "width", "greeting", "one word", "beginning cut"],
)
def test_a_planted_copy_is_found(disguised):
    """Whichever of the two is the longer one."""
    assert same(LETTER, disguised)
    assert same(disguised, LETTER)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (LETTER, LETTER.replace("4711", "4712")),
        ("where is my order 1234", "where is my order 9999"),
        ("swap the colour of 4877 for green", "swap the colour of 4877 for red"),
        ("the lamp is broken", "the lamp is late"),
        ("the lamp is broken", "the lamp is broken and the parcel came late and was dirty"),
        ("yes please", "no please"),
    ],
)
def test_neighbours_stay(known, asked):
    """One template with other numbers, the same thing about another matter, a common phrase."""
    assert not same(known, asked)


def test_an_example_of_the_same_cluster_is_left_out():
    """A customer's other message shares the customer."""
    twins = Twins([example("late parcel", cluster="anna"), example("late parcels", cluster="ben")])
    assert twins.of(example("refund please", cluster="anna")) == {0}


def test_the_turns_before_a_message_belong_to_it():
    """The same "yes please" in another conversation is another item."""

    def after(said):
        return example("yes please", name=said, history=(Message(role="assistant", content=said),))

    twins = Twins([after("shall I cancel it")])
    assert not twins.of(after("shall I send it again"))
    assert twins.alike(after("Shall I cancel it?").query) == {0}


def test_scripts_without_spaces_have_words():
    """Each sign counts, so that a copy is more than one long word."""
    assert words("私の荷物 No.5") == ["私", "の", "荷", "物", "no", "5"]
    letter = "私の荷物はまだ届いていませんどこにありますか"
    assert same(letter, f"こんにちは{letter}よろしく")


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="ab 1", max_size=12), min_size=1, max_size=8), st.integers(0, 7))
def test_every_text_is_its_own_twin(texts, place):
    """Also an empty one, and whatever else stands in the pool."""
    twins = Twins([example(text, name=str(n)) for n, text in enumerate(texts)])
    place %= len(texts)
    assert place in twins.of(example(texts[place], name="asked"))


def passages(*texts, source="faq.md"):
    return [
        Passage(id=f"{source}#{n}", source=source, position=1, text=text)
        for n, text in enumerate(texts, start=1)
    ]


def test_a_passage_made_from_an_item_is_found_with_the_one_behind_it():
    """The question word by word, then its answer; the page before stays."""
    pool = passages("Parcels take two days.", f"Q: {LETTER}?", "A: it is in Porto.", "Refunds.")
    assert Copies(pool).of(example(LETTER)) == {1, 2}


def test_a_question_that_a_cut_divides_is_found():
    """Half of it in each of two passages."""
    said = LETTER.split()
    pool = passages("Parcels.", "Q: " + " ".join(said[:14]), " ".join(said[14:]) + " A: Porto.")
    assert Copies(pool).of(example(LETTER)) == {1, 2}


def test_another_document_does_not_go_on():
    """The answer is in the same file."""
    pool = passages(f"Q: {LETTER}") + passages("Parcels take two days.", source="other.md")
    assert Copies(pool).of(example(LETTER)) == {0}


def test_a_short_question_needs_its_answer_beside_it():
    """Three words stand anywhere; with the target they were taken from the data."""
    asked = example("where is it", target="in Porto")
    pool = passages("Ask us where is it made.", "Where is it? In Porto.", "Made in Porto.")
    assert Copies(pool).of(asked) == {1, 2}
    assert Copies(passages("FAQ. Where is it?", "In Porto.")).of(asked) == {0, 1}
    assert Copies(passages("Ask us where is it made.", "Nothing.")).of(asked) == set()


def test_a_passage_that_only_knows_the_answer_stays():
    """That is what documents are for."""
    pool = passages("Parcel 4711 lies in Porto since Monday, as the tracking page says.")
    assert Copies(pool).of(example(LETTER, target="in Porto")) == set()


def test_nothing_is_found_in_nothing():
    """Empty pools and empty messages."""
    assert Twins([]).of(example("hello")) == set()
    assert Copies([]).of(example(LETTER)) == set()
    assert Copies(passages("word")).of(example("!")) == set()
