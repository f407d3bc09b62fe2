"""Prompt variants from a task's own parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.prompts.rendering import conversation
from escalera.core.prompts.variants import VARIANTS, compose, propose
from escalera.domain.message import Query
from escalera.domain.task import PromptParts

FULL = PromptParts(
    role="You are a clerk.",
    instruction="Sort the message.",
    output="One word.",
    rules="When in doubt, say other.",
)


def test_a_full_task_gets_at_least_eight_distinct_prompts():
    """Enough wordings that "prompting is inadequate" means something."""
    made = propose(FULL)
    prompts = [prompt for _, prompt in made]
    assert len(made) == len(VARIANTS) == len(set(prompts)) >= 8


@pytest.mark.parametrize(
    ("part", "distinct"), [("role", 9), ("instruction", 11), ("output", 8), ("rules", 8)]
)
def test_without_a_part_equal_prompts_are_one_prompt(part, distinct):
    """A race must not run a prompt twice under two names."""
    made = propose(replace(FULL, **{part: ""}))
    assert len({prompt for _, prompt in made}) == len(made) == distinct
    assert len({name for name, _ in made}) == len(made)


def test_a_task_without_parts_gets_bare_and_wrapped_message_only():
    """Nothing to tell: the message as it is, and the message set apart."""
    assert [prompt.template for _, prompt in propose(PromptParts())] == [
        "{{ input }}",
        "Message:\n{{ input }}\n",
    ]


def test_the_first_name_stands_for_equal_prompts():
    """Table order: the simplest variant that makes a prompt gives it its name."""
    names = [name for name, _ in propose(PromptParts(instruction="Sort.", output="One word."))]
    assert names[:2] == ["role only", "instruction"]
    assert "contract" in names
    assert "contract and rules" not in names


def test_parts_are_told_in_the_order_of_the_row():
    """Golden prompts of three rows."""
    made = dict(propose(FULL))
    assert made["contract"].system == "Sort the message. One word."
    assert made["rules first"].system == "When in doubt, say other. Sort the message. One word."
    assert made["contract last"].template == "{{ input }}\nOne word."
    assert "One word." not in made["contract last"].system
    assert made["wrapped message"].template == "Message:\n{{ input }}\n"


def test_every_variant_shows_the_message_once():
    """A prompt that loses or repeats the message measures something else."""
    for variant in VARIANTS:
        asked = conversation(compose(variant, FULL), Query(input="THE MESSAGE"))
        assert asked[-1].role == "user"
        assert sum(message.content.count("THE MESSAGE") for message in asked) == 1


def test_every_row_has_its_own_name():
    """Names are what a report shows."""
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)


def test_the_same_parts_make_the_same_prompts():
    """No random source."""
    assert propose(FULL) == propose(replace(FULL))
