"""From a ranking to the material of a prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.prompts import choosing
from escalera.domain.dataset import Example
from escalera.domain.selection import Passage, Selection
from escalera.domain.task import Pool

EXAMPLES = tuple(
    Example(id=name, task="a", split="train", input=f"say {name}", target=name, cluster=name)
    for name in "abcdef"
)
PASSAGES = tuple(
    Passage(id=f"d#{n}", source="d", position=n, text="word " * n) for n in range(1, 5)
)
SELECTION = Selection(
    kind="examples", count=3, order="nearest last", tokens=10_000, pool="pool of the test"
)
READ = replace(SELECTION, kind="passages", order="nearest first")


def choose(selection, pool, ranking, leaking=()):
    return choosing.choose(
        selection,
        pool,
        ranking,
        leaking=frozenset(leaking),
        count=lambda text: len(text.split()),
    )


@pytest.mark.parametrize(
    ("order", "chosen"), [("nearest last", ("c", "a", "e")), ("nearest first", ("e", "a", "c"))]
)
def test_the_best_are_taken_in_the_order_of_the_prompt(order, chosen):
    """The nearest stands beside the message, or farthest from it."""
    assert choose(replace(SELECTION, order=order), EXAMPLES, [4, 0, 2, 1]).chosen == chosen


def test_a_leak_is_left_out_and_said():
    """The next in the ranking takes its place; what is ranked below the last is no matter."""
    found = choose(SELECTION, EXAMPLES, [4, 0, 2, 1, 3], leaking=[0, 3])
    assert found.chosen == ("b", "c", "e")
    assert found.leaks == ("a",)


def test_examples_fill_up_and_passages_do_not():
    """An example that shares no word still shows the form of an answer."""
    assert choose(SELECTION, EXAMPLES, [5]).chosen == ("b", "a", "f")
    assert choose(READ, PASSAGES, [2]).chosen == ("d#3",)
    assert choose(READ, PASSAGES, []).chosen == ()


def test_the_lowest_ranked_are_dropped_until_the_rest_fits():
    """Each takes its words and what stands around it; the sum is told."""
    sizes = {n: choosing.AROUND + 1 + n for n in range(1, 5)}
    budget = sizes[4] + sizes[2]
    found = choose(replace(READ, tokens=budget), PASSAGES, [3, 1, 0])
    assert found.chosen == ("d#4", "d#2")
    assert (found.dropped, found.tokens) == (1, budget)
    tight = choose(replace(READ, tokens=budget - 1), PASSAGES, [3, 1, 0])
    assert (tight.chosen, tight.dropped, tight.tokens) == (("d#4",), 2, sizes[4])
    none = choose(replace(READ, tokens=1), PASSAGES, [3])
    assert (none.chosen, none.dropped, none.tokens) == ((), 1, 0)


def test_the_material_are_the_entries_with_these_ids():
    """Examples become shots with their answers, passages stay what they are."""
    pool = Pool(digest="", entries={entry.id: entry for entry in (*EXAMPLES, *PASSAGES)})
    found = choosing.material(pool, ("b", "d#2", "a"))
    assert [(shot.input, shot.target) for shot in found.shots] == [("say b", "b"), ("say a", "a")]
    assert found.passages == (PASSAGES[1],)
    with pytest.raises(KeyError):
        choosing.material(pool, ("z",))


def test_what_is_searched_is_the_question_not_the_answer():
    """The query has no answer to compare with."""
    assert choosing.searched(EXAMPLES[0]) == "say a"
    assert choosing.searched(PASSAGES[0]) == PASSAGES[0].text
