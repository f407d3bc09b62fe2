"""A quick look at a changed prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps import trying
from escalera.core.evidence import fold
from escalera.core.prompts import operators
from escalera.domain.system import Prompt
from escalera.errors import EvidenceMissing
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate

A = playbook.task("a")
PROJECT = playbook.project(A)
ITEMS = A.items("search")[:10]
OLD, NEW = Prompt(system="Old."), Prompt(system="New.", marker="Answer:")


def tried(old, new):
    """A trial of two prompts whose answers score by these functions of the item."""
    none = fold([])
    routes = [trying.route_of(PROJECT, none, A, prompt) for prompt in (OLD, NEW)]
    asked = tuple(trying.calls(route, A, ITEMS) for route in routes)
    seen = [
        replace(playbook.observed(PROJECT, call, score(call.item)), reply=f"Answer: {name}")
        for calls, score, name in zip(asked, (old, new), ("old", "new"), strict=True)
        for call in calls
    ]
    replies = {event.request: event for event in seen}
    return trying.gather(A, ("before", "after"), asked, fold(seen), replies)


def test_the_difference_is_paired_and_has_an_interval():
    """Six of ten, then nine of ten: three gained, none lost."""
    found = tried(lambda i: float(luck(i) < 0.6), lambda i: float(luck(i) < 0.9))
    right = sum(luck(i) < 0.6 for i in ITEMS), sum(luck(i) < 0.9 for i in ITEMS)
    assert (found.mean_before, found.mean_after) == (right[0] / 10, right[1] / 10)
    assert found.difference.value == pytest.approx((right[1] - right[0]) / 10)
    assert found.difference.lower < found.difference.value < found.difference.upper
    assert len(found.flips) == right[1] - right[0]


def test_flips_show_both_answers_and_begin_with_what_got_worse():
    """The part of a reply that was scored: behind the marker where there is one."""
    lost, won = ITEMS[0], ITEMS[1]
    found = tried(lambda i: float(i != won), lambda i: float(i != lost))
    assert [(flip.item, flip.change) for flip in found.flips] == [(lost.id, -1), (won.id, 1)]
    first = found.flips[0]
    assert (first.input, first.expected) == (lost.input, lost.target)
    assert (first.before, first.after) == ("Answer: old", "new")
    assert found.document["flips"][0]["change"] == -1


def test_unscored_answers_are_left_out_of_both():
    """And counted."""
    found = tried(lambda i: None if i == ITEMS[0] else 1.0, lambda _: 1.0)
    assert (found.unscored, found.difference.n, found.flips) == (1, 9, ())
    with pytest.raises(EvidenceMissing, match="no item of 'a'"):
        tried(lambda _: None, lambda _: 1.0)


def test_the_prompt_before_is_what_the_climb_put_forward_last():
    """Of what is only told to the base model; before any climb, everything that the task says."""
    assert trying.incumbent(fold([]), A) == ("everything told", operators.everything(A.parts))
    climbed = simulate(PROJECT, lambda _, item: float(luck(item) < 0.97))
    name, prompt = trying.incumbent(climbed.evidence, A)
    assert name == "prompt"
    assert prompt == climbed.evidence.nominee("prompt").system("a").prompt
