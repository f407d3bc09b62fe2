"""Few-shot prompts from train items."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.prompts.fewshot import Ways, diverse, propose, random, sketch, untested
from escalera.domain.dataset import Example
from escalera.domain.selection import Selection
from escalera.domain.system import Prompt, Shot

NEAREST = Selection(kind="examples", count=4, order="nearest last", tokens=99, pool="p")
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


def fixed(items):
    return Ways(train=items, nearest=())


def test_two_four_and_eight_examples_in_every_way():
    """Fixed sets and a second draw, each around the same wording."""
    made = propose(PROMPT, fixed(NINE))
    assert [name for name, _ in made] == [
        "2 first examples", "2 diverse examples",
        "4 first examples", "4 diverse examples", "4 random examples",
        "8 first examples", "8 diverse examples",
        "4 first examples, told first", "4 first examples, told last",
    ]  # fmt: skip
    assert {replace(prompt, shots=(), placing="turns") for _, prompt in made} == {PROMPT}
    assert [len(prompt.shots) for _, prompt in made] == [2, 2, 4, 4, 4, 8, 8, 4, 4]
    assert [prompt.placing for _, prompt in made][-3:] == ["turns", "first", "last"]


def test_the_nearest_examples_are_chosen_for_each_query():
    """Their number is raced like any other; and so is their order, for one number."""
    ways = Ways(train=NINE, nearest=(NEAREST, replace(NEAREST, method="embedding", embedder="e")))
    made = dict(propose(PROMPT, ways)[9:])
    assert [(name, p.selections[0].count, p.selections[0].order) for name, p in made.items()] == [
        ("2 nearest examples", 2, "nearest last"),
        ("4 nearest examples", 4, "nearest last"),
        ("8 nearest examples", 8, "nearest last"),
        ("4 nearest examples, nearest first", 4, "nearest first"),
        ("2 nearest (embedding) examples", 2, "nearest last"),
        ("4 nearest (embedding) examples", 4, "nearest last"),
        ("8 nearest (embedding) examples", 8, "nearest last"),
        ("4 nearest (embedding) examples, nearest first", 4, "nearest first"),
    ]
    assert all(prompt.shots == () for prompt in made.values())


def test_a_second_wording_is_sketched():
    """A set that is fixed and one that is chosen."""
    ways = Ways(train=NINE, nearest=(NEAREST, replace(NEAREST, method="embedding")))
    names = [name for name, _ in sketch(PROMPT, ways)]
    assert names == ["4 diverse examples", "4 nearest examples"]


def test_examples_are_the_items_that_were_given():
    """Nothing but train items can be shown, with their own answers."""
    known = {Shot(input=item.input, target=item.target) for item in NINE}
    for _, prompt in propose(PROMPT, fixed(NINE)):
        assert set(prompt.shots) <= known
        assert len(set(prompt.shots)) == len(prompt.shots)


def test_fewer_items_than_examples_make_fewer_prompts():
    """No example is shown twice to fill a number."""
    assert propose(PROMPT, Ways(train=NINE[:1], nearest=(NEAREST,))) == ()
    made = propose(PROMPT, Ways(train=NINE[:5], nearest=(NEAREST,)))
    assert {len(prompt.shots) for _, prompt in made if prompt.shots} == {2, 4}
    assert {p.selections[0].count for _, p in made if p.selections} == {2, 4}


def test_equal_sets_are_one_prompt():
    """Two items can be chosen in one way only."""
    assert [name for name, _ in propose(PROMPT, fixed(NINE[:2]))] == ["2 first examples"]


def test_an_item_in_disguise_is_no_example():
    """What is tested is left out for good, and so is its cluster; neighbours stay."""
    tested = train("Late  parcel!", "the lamp is blue")
    kept = untested(NINE, (tested[0], replace(tested[1], cluster="4")))
    assert [item.id for item in kept] == ["1", "2", "3", "5", "6", "7", "8"]


def test_a_draw_is_the_same_everywhere_and_not_the_first_items():
    """Known by the hash of ids, so that appended items hardly change it."""
    many = train(*(f"item {n}" for n in range(50)))
    drawn = random(many, 8)
    assert drawn == random(tuple(reversed(many)), 8)
    assert len({item.id for item in drawn} & {item.id for item in many[:8]}) < 5
    assert set(random(many[:40], 8)) & set(drawn)


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
    assert propose(PROMPT, fixed(NINE)) == propose(PROMPT, fixed(tuple(NINE)))
