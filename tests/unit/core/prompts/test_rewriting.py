"""Asking a model for edits of a prompt, and reading what it says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.prompts import rewriting
from escalera.core.prompts.rendering import conversation
from escalera.core.prompts.rewriting import Mistake, Tried
from escalera.domain.message import Query
from escalera.domain.system import Prompt

PROMPT = Prompt(system="Sort the message.", template="> {{ input }}", marker="Answer:")


def test_a_brief_shows_instructions_mistakes_and_what_was_tried():
    """Word for word, so that a change of it is seen."""
    mistakes = [Mistake(input="Where is it?", expected="shipping", said="")]
    assert rewriting.brief(PROMPT, mistakes, [Tried(edit="Be kind.", effect=-0.05)]) == (
        "<instructions>\nSort the message.\n</instructions>\n\n"
        "<mistakes>\n1. message: Where is it?\n   expected: shipping\n   answered: (nothing)\n"
        "</mistakes>\n\n"
        "<tried>\n- (-0.05) Be kind.\n</tried>\n\n"
        "Write up to 7 new instructions to add, each independent of the others, each one or two "
        "sentences, none that was tried. Answer with a JSON list of strings and nothing else."
    )


def test_long_messages_are_cut():
    """A brief has a bound, whatever users write."""
    long = "x" * 10_000
    said = rewriting.brief(PROMPT, [Mistake(input=long, expected=long, said=long)], [])
    assert len(said) < 3 * rewriting.LONGEST_SHOWN + 600


@pytest.mark.parametrize(
    "reply",
    [
        '["Name the topic.", "Use one word."]',
        'Here you are:\n```json\n["Name the topic.",\n "Use one word."]\n```',
        "- Name the topic.\n- Use one word.",
        "1. Name the topic.\n2) Use one word.\nThat is all.",
        '["Name  the\\ntopic.", "Use one word.", "Name the topic.", 3, ""]',
        'Mistakes [1] and [2, 5] show:\n["Name the topic.", "Use one word."]',
    ],
)
def test_edits_are_read_as_models_write_them(reply):
    """A list in JSON, also in a fence; or lines with a mark in front."""
    assert rewriting.edits(reply) == ("Name the topic.", "Use one word.")


@pytest.mark.parametrize("reply", ["", "I cannot help.", "[", '{"a": 1}', "[1, 2]", "[" * 99_999])
def test_a_reply_without_edits_has_none(reply):
    """And no error: a model may say anything."""
    assert rewriting.edits(reply) == ()


@given(st.lists(st.text()))
def test_edits_are_bounded(texts):
    """In number and length, each once."""
    found = rewriting.edits(json.dumps(texts))
    assert len(found) == len(set(found)) <= rewriting.MOST_EDITS
    assert all(0 < len(text) <= rewriting.LONGEST_EDIT for text in found)


@given(st.lists(st.text(min_size=1), max_size=3))
def test_an_edit_is_text_and_no_template(chosen):
    """A model that writes {{ … }} gets braces."""
    turns = conversation(rewriting.added(PROMPT, chosen), Query(input="x"))
    assert turns[0].content == "\n".join(["Sort the message.", *chosen])
    assert turns[1].content == "> x"


def test_without_edits_a_prompt_stays_what_it_is():
    """So that its answers are not bought again."""
    assert rewriting.added(PROMPT, ()) == PROMPT
    assert rewriting.added(Prompt(), ("Be kind.",)).system == "Be kind."
