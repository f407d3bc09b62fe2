"""Which rows say the same: kinds, order, and agreement with comparing every pair."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from tests.unit.core.data.messages import MESSAGES, edited

from escalera.core.data import likeness, wording
from escalera.core.data.likeness import Pile
from escalera.core.data.rows import Row
from escalera.domain.message import Message

STORY = (
    "Please tell me where my parcel is, I have been waiting for two weeks now and nobody answers"
)


class Everything:
    """Takes every set for a candidate: slow, and misses nothing."""

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def like(self, shingles: frozenset[str]) -> Sequence[int]:
        return self._numbers

    def add(self, number: int, shingles: frozenset[str]) -> None:
        self._numbers.append(number)


def every():
    return [Everything() for _ in range(wording.KINDS)]


def pile(*rows):
    """Rows as (split, question, answer); the split "other" is of another file."""
    made = Pile()
    for split, asked, answer in rows:
        kept = split == "other"
        split_ = None if kept else split
        made.append(Row(name="", split=split_, input=asked, target=answer), kept=kept)
    return made


def found(*rows):
    """Who is like whom, and how."""
    alike = likeness.find(pile(*rows), sketches=every()).alike
    return [(one.place, one.other, one.kind) for one in alike]


def test_of_twins_the_first_one_stays():
    """The same question with the same answer, but for case and spacing."""
    rows = [("train", "Where is it?", "A"), ("train", "where  is it?", "a"), ("train", "b", "a")]
    assert found(*rows) == [(1, 0, "exact")]


def test_what_teaches_goes_before_what_is_tested():
    """Wherever it stands in the file, and whatever its answer."""
    rows = [("train", "q", "a"), ("search", "q", "b"), ("confirm", "q", "c"), (None, "q", "d")]
    assert found(*rows) == [(1, 2, "exact"), (0, 2, "exact"), (3, 2, "exact")]


def test_another_file_is_never_left_out():
    """Its twins among the rows are."""
    rows = [("confirm", "q", "a"), ("other", "q", ""), ("other", "q", "")]
    assert found(*rows) == [(0, 1, "exact")]


def test_the_same_question_with_another_answer_is_a_conflict():
    """In one split; nobody decides by himself which is right."""
    result = likeness.find(pile(("train", "q", "a"), ("train", "Q", "b")), sketches=every())
    assert result.alike == []
    assert [(one.place, one.other) for one in result.conflicts] == [(1, 0)]


def test_near_rows_need_near_answers():
    """Of "on" and "off" neither is superfluous."""
    on, off = "Turn on the light in the kitchen", "Turn off the light in the kitchen"
    assert wording.near(on, off)
    assert found(("train", on, "on"), ("train", off, "off")) == []
    assert found(("train", on, "light"), ("train", off, "light")) == [(1, 0, "near")]


def test_a_question_within_another_text_is_a_leak():
    """With a greeting around it; but not within what is tested itself."""
    around = f"Dear shop, I bought a chair from you in May and I like it a lot. {STORY}. Bye, Ann"
    assert not wording.near(STORY, around)
    assert found(("confirm", STORY, "a"), ("train", around, "b")) == [(1, 0, "held")]
    assert found(("train", STORY, "a"), ("train", around, "b")) == []
    other = around.replace("two weeks", "2 weeks")
    assert found(("confirm", STORY, "a"), ("train", other, "b")) == []


def test_turns_and_fields_are_part_of_a_question():
    """ "Yes" after another question is another question."""
    made = Pile()
    for before in ("Shall I cancel it?", "Is it blue?", "Is it blue?"):
        history = (Message(role="assistant", content=before),)
        made.append(Row(name="", split="train", input="Yes.", target="ok", history=history))
    assert [one.place for one in likeness.find(made, sketches=()).alike] == [2]


def test_without_sketches_only_exact_twins_are_found():
    """Nothing near is made up."""
    rows = pile(("train", MESSAGES[0], "a"), ("train", f"{MESSAGES[0]} please", "a"))
    assert likeness.find(rows, sketches=()).alike == []


def test_too_many_candidates_are_told():
    """The likeliest are compared, and the row is counted."""
    rows = [("train", f"order {n}", "a") for n in range(likeness.COMPARED + 2)]
    result = likeness.find(pile(*rows), sketches=every(), near=0.99)
    assert result.uncompared == 1


@pytest.mark.parametrize("seed", range(3))
def test_every_row_that_stays_is_new_and_every_other_is_not(seed):
    """Against the definition, pair by pair."""
    chance = random.Random(seed)
    texts = [chance.choice(MESSAGES) for _ in range(40)]
    texts = [edited(text, chance) if chance.random() < 0.6 else text for text in texts]
    rows = [("train", text, chance.choice("ab")) for text in texts]
    made = pile(*rows)
    result = likeness.find(made, sketches=every())
    gone = {one.place: one for one in result.alike}
    for one in result.alike:
        assert one.other not in gone
        assert one.other < one.place
        assert rows[one.place][2] == rows[one.other][2]
        assert one.kind == "exact" or one.value >= wording.NEAR
    stay = [n for n in range(len(rows)) if n not in gone]
    for n in stay:
        for m in stay:
            if m < n and rows[n][2] == rows[m][2]:
                assert wording.key(texts[n]) != wording.key(texts[m])
                one, two = wording.shingled(texts[n]), wording.shingled(texts[m])
                assert wording.jaccard(one.cut(one.kind), two.cut(one.kind)) < wording.NEAR
