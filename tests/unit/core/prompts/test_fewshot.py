"""Few-shot prompts from train items."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.prompts.fewshot import diverse, propose
from escalera.domain.dataset import Example
from escalera.domain.system import Prompt, Shot

PROMPT = Prompt(system="Be kind.", template="> {{ input }}")


def train(*texts):
    return tuple(
        Example(id=str(n), task="a", split="train", input=text, target="ok", cluster=str(n))
        for n, text in enumerate(texts)
    )


NINE = train(
    "late parcel", "late parcel again", "broken lamp", "the lamp is broken", "refund please",
    "where is my refund", "wrong size", "size too small", "thank you",
)  # fmt: skip


def test_two_four_and_eight_examples_first_and_diverse():
    """Six sets of examples, each around the same wording."""
    made = propose(PROMPT, NINE)
    assert [name for name, _ in made] == [
        f"{count} {how} examples" for count in (2, 4, 8) for how in ("first", "diverse")
    ]
    assert {replace(prompt, shots=()) for _, prompt in made} == {PROMPT}
    assert [len(prompt.shots) for _, prompt in made] == [2, 2, 4, 4, 8, 8]


def test_examples_are_the_items_that_were_given():
    """Nothing but train items can be shown, with their own answers."""
    known = {Shot(input=item.input, target=item.target) for item in NINE}
    for _, prompt in propose(PROMPT, NINE):
        assert set(prompt.shots) <= known
        assert len(set(prompt.shots)) == len(prompt.shots)


def test_fewer_items_than_examples_make_fewer_prompts():
    """No example is shown twice to fill a number."""
    assert propose(PROMPT, NINE[:1]) == ()
    assert [len(prompt.shots) for _, prompt in propose(PROMPT, NINE[:5])] == [2, 2, 4, 4]


def test_equal_sets_are_one_prompt():
    """Two items can be chosen in one way only."""
    assert [name for name, _ in propose(PROMPT, NINE[:2])] == ["2 first examples"]


def test_diverse_starts_at_the_first_and_goes_to_the_farthest():
    """A worked case of farthest-first selection by shared words."""
    items = train("a b c", "a b d", "x y z", "a b c d")
    assert [item.id for item in diverse(items, 3)] == ["0", "2", "1"]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="ab ", max_size=5), min_size=8, max_size=12))
def test_no_example_is_chosen_twice(texts):
    """Also where items share all their words."""
    chosen = diverse(train(*texts), 8)
    assert len({item.id for item in chosen}) == 8


def test_the_same_items_give_the_same_prompts():
    """Ties go to the earlier item: no random source."""
    assert propose(PROMPT, NINE) == propose(PROMPT, tuple(NINE))
