"""Every line of a job's file: what it teaches, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.finetuning import job_lines
from escalera.core.finetuning.job_lines import Checked
from escalera.domain.levers import Objective
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair

ASK = {"role": "user", "content": "one"}
SAY = {"role": "assistant", "content": "two"}
PREFERENCE = {
    "input": {"messages": [ASK], "tools": [], "parallel_tool_calls": True},
    "preferred_output": [SAY],
    "non_preferred_output": [{"role": "assistant", "content": "three"}],
}


def one_token_a_character(pairs: Any) -> list[int | str]:
    return [len(pair.target) if pair.target != "long" else "it is too long" for pair in pairs]


def checked(*rows: Any, objective: Objective = "supervised", least: int = 1) -> Checked:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return job_lines.check(lines, objective, one_token_a_character, least=least, most=5)


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def test_a_conversation_teaches_its_answers():
    """Each with all that was said before it; an answer of weight 0 is only read."""
    begin = {"role": "developer", "content": [{"type": "text", "text": "be"}] * 2}
    found = checked(chat(begin, ASK, SAY | {"weight": 0}, ASK, SAY), chat(ASK, SAY, ASK, SAY))
    told = Message(role="system", content="bebe")
    ask, say = Message(role="user", content="one"), Message(role="assistant", content="two")
    assert found.pairs == (
        TrainingPair(messages=(told, ask, say, ask), target="two", item="line 1", cluster="line 1"),
        TrainingPair(messages=(ask,), target="two", item="line 2, answer 1", cluster="line 2"),
        TrainingPair(
            messages=(ask, say, ask), target="two", item="line 2, answer 2", cluster="line 2"
        ),
    )
    assert (found.examples, found.tokens, found.errors, found.warnings) == (2, 9, 0, 0)


def test_a_preference_teaches_one_answer_before_another():
    """What says nothing, such as no tools, may stand in the line."""
    found = checked(PREFERENCE, objective="preference")
    (pair,) = found.pairs
    assert (pair.target, pair.rejected, pair.messages[0].content) == ("two", "three", "one")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_json"),
        ([1], "not_an_object"),
        ({}, "no_messages"),
        (chat(), "no_messages"),
        (chat("x"), "no_message"),
        (chat(ASK), "no_answer"),
        (chat(SAY), "no_question"),
        (chat(ASK | {"content": " "}, SAY), "no_question"),
        (chat(ASK, SAY | {"content": " \n"}), "empty_answer"),
        (chat(ASK, SAY | {"content": None}), "no_content"),
        (chat(ASK, SAY | {"weight": 0}), "nothing_taught"),
        (chat(ASK, SAY | {"weight": 2}), "unknown_weight"),
        (chat(ASK, SAY | {"weight": True}), "unknown_weight"),
        (chat(ASK | {"weight": 1}, SAY), "misplaced_weight"),
        (chat(ASK | {"role": "human"}, SAY), "unknown_role"),
        (chat(ASK | {"role": ["user"]}, SAY), "unknown_role"),
        (chat(ASK, SAY | {"tool_calls": [{}]}), "tools"),
        (chat(ASK, {"role": "tool", "content": "x"}, SAY), "tools"),
        (chat(ASK, SAY, tools=[{}]), "tools"),
        (chat(ASK | {"content": [{"type": "image_url"}]}, SAY), "not_text"),
        (chat(ASK | {"name": "me"}, SAY), "unknown_key"),
        (chat(ASK, SAY, extra=1), "unknown_key"),
        (chat(ASK, SAY | {"content": "long"}), "cannot_be_told"),
        (PREFERENCE, "wrong_format"),
    ],
)
def test_what_cannot_be_taught_is_told_by_its_line(row: Any, code: str):
    """And keeps the whole file from being taught."""
    found = checked(chat(ASK, SAY), row)
    (finding,) = found.findings
    assert (finding.line, finding.code, finding.level) == (2, code, "error")
    assert job_lines.sentence("training_file", found).startswith(
        f"training_file: 1 thing is wrong. line 2: {finding.message}. Nothing was trained"
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"input": None}, "no_input"),
        ({"input": {"messages": []}}, "no_messages"),
        ({"input": {"messages": [ASK], "tools": [1]}}, "tools"),
        ({"preferred_output": []}, "no_messages"),
        ({"preferred_output": [ASK]}, "no_answer"),
        ({"preferred_output": [SAY, SAY]}, "no_answer"),
        ({"preferred_output": [SAY | {"weight": 1}]}, "misplaced_weight"),
        ({"non_preferred_output": [SAY]}, "same_answers"),
        ({"messages": [ASK]}, "wrong_format"),
    ],
)
def test_what_is_no_preference_is_told(change: Any, code: str):
    """By its line as well."""
    found = checked(PREFERENCE | change, objective="preference")
    assert [one.code for one in found.findings] == [code]


def test_warnings_keep_nothing_from_being_taught():
    """Empty lines are told; what is there twice is counted."""
    found = checked(chat(ASK, SAY), b"\n", chat(ASK, SAY), chat(ASK, SAY))
    assert (found.examples, found.errors) == (3, 0)
    assert [(one.line, one.code) for one in found.findings] == [
        (2, "empty_line"),
        (3, "duplicates"),
    ]
    assert "2 examples are there before: lines 3 (as 1), 4 (as 1)" in found.findings[1].message
    assert job_lines.sentence("training_file", found) == ""


def test_too_few_and_too_many_are_errors():
    """The number is told with the bound."""
    few = checked(chat(ASK, SAY), least=2)
    assert "there are 1 examples, and at least 2" in few.findings[-1].message
    many = checked(*[chat(ASK, SAY | {"content": str(n)}) for n in range(9)])
    assert [one.code for one in many.findings] == ["too_many_examples"]


def test_a_sentence_tells_the_first_lines():
    """And how many more there are."""
    said = job_lines.sentence("validation_file", checked(*[chat(ASK)] * 5))
    assert "5 things are wrong. line 1: " in said
    assert "line 3: " in said
    assert "line 4" not in said
    assert "and 2 more" in said


def test_what_is_taught_and_tested_is_found():
    """By its lines in the second file."""
    first = checked(chat(ASK, SAY)).pairs
    second = checked(chat(ASK, SAY | {"content": "x"}), chat(ASK, SAY)).pairs
    assert job_lines.shared(first, second) == (2,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["user", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "weight", "type", "text", "input"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_a_line_holds_it_is_checked(row: Any):
    """It is taught or told, and never more than that goes wrong."""
    for objective in ("supervised", "preference"):
        found = checked(row, objective=objective)
        assert bool(found.pairs) != bool(found.errors)
