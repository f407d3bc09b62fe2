"""Prompt operators: each by itself, and put together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.prompts import operators
from escalera.core.prompts.operators import OPERATORS, PARTS, Draft
from escalera.core.prompts.rendering import answer, conversation
from escalera.domain.message import Query
from escalera.domain.system import Prompt
from escalera.domain.task import PromptParts

FULL = PromptParts(
    role="You are a clerk.",
    instruction="Sort the message.",
    output="One word.",
    rules="When in doubt, say other.",
)
SETS = st.sets(st.sampled_from(OPERATORS)).map(lambda on: [one for one in OPERATORS if one in on])


def made(*names):
    return operators.compose([one for one in OPERATORS if one.name in names], FULL)


def test_every_operator_changes_a_prompt_that_tells_everything():
    """An operator that does nothing would be screened for nothing."""
    told = [one for one in OPERATORS if one.name in PARTS]
    base = operators.compose(told, FULL)
    for one in OPERATORS:
        others = [other for other in told if other is not one]
        assert operators.compose([*others, one], FULL) != operators.compose(others, FULL)
    assert base == operators.everything(FULL)


def test_every_row_is_documented_and_has_its_own_name():
    """When it helps and who says so; names are what a report shows."""
    assert len({one.name for one in OPERATORS}) == len(OPERATORS)
    for one in OPERATORS:
        assert len(one.helps) > 20
        assert "arXiv" in one.source or "guide" in one.source


@pytest.mark.parametrize("part", ["role", "instruction", "output", "rules"])
def test_an_operator_without_its_part_is_not_tried(part):
    """There is nothing that it could tell."""
    lost = {one.name for one in operators.available(FULL)} - {
        one.name for one in operators.available(replace(FULL, **{part: ""}))
    }
    assert lost == {one.name for one in OPERATORS if one.needs == part} != set()


def test_names_limit_what_may_be_tried():
    """In the order of the table, whatever order they are named in."""
    found = operators.available(FULL, ("terse", "role"))
    assert [one.name for one in found] == ["role", "terse"]


@given(SETS, st.text(min_size=1))
def test_every_prompt_shows_the_message_once_and_last(chosen, text):
    """A prompt that loses or repeats the message measures something else."""
    marked = f"\x00{text}\x01"
    turns = conversation(operators.compose(chosen, FULL), Query(input=marked))
    assert turns[-1].role == "user"
    assert sum(turn.content.count(marked) for turn in turns) == 1


@given(SETS)
def test_what_a_task_says_is_no_template(chosen):
    """Braces of an output format stay braces."""
    parts = PromptParts(
        role="{{ a }}", instruction="{% b %}", output='Like {"x": {"y": 1}}', rules="{# c #}{"
    )
    turns = conversation(operators.compose(chosen, parts), Query(input="{{ input }}"))
    said = "\n".join(turn.content for turn in turns)
    assert "{{ input }}" in turns[-1].content
    for one in chosen:
        if one.name in PARTS:
            assert getattr(parts, one.needs) in said


def test_golden_prompts():
    """What some of them look like, word for word."""
    assert made() == Prompt()
    assert made("instruction", "contract").system == "Sort the message. One word."
    assert made("role", "rules", "lines").system == "You are a clerk.\nWhen in doubt, say other."
    assert made("contract last").template == "{{ input }}\nOne word."
    assert made("heading").template == "Message:\n{{ input }}\n"
    assert made("heading", "tags").template == "Message:\n<message>\n{{ input }}\n</message>\n"


def test_reasoning_comes_before_a_marker_and_the_answer_behind_it():
    """What is asked for can be taken apart."""
    prompt = made("instruction", "reasoning")
    assert prompt.marker in prompt.system
    assert answer(prompt, f"It is about a parcel. {prompt.marker} shipping") == "shipping"


def test_a_prompt_is_called_by_its_operators():
    """In the order in which they are applied."""
    assert operators.named([one for one in OPERATORS if one.name in ("terse", "role")]) == (
        "role + terse"
    )
    assert operators.named([]) == "bare message"


def test_a_draft_without_anything_is_the_bare_message():
    """Nothing is said that no operator says."""
    assert operators.finish(Draft()) == Prompt()
