"""Chats: which answers are learned, and what is wrong with a chat."""

from __future__ import annotations

import pytest

from escalera.core.data import chats

USER = {"role": "user", "content": "u"}
ANSWER = {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "s"}


def test_every_answer_is_learned_unless_its_weight_is_0():
    """As finetuning services do; what stands before an answer is its history."""
    found = chats.answers([SYSTEM, USER, ANSWER | {"weight": 0}, USER, ANSWER | {"weight": 1}])
    (turn,) = found.turns
    assert (turn.input, turn.target, turn.system) == ("u", "a", "s")
    assert [(m.role, m.content) for m in turn.history] == [("user", "u"), ("assistant", "a")]
    assert len(chats.answers([USER, ANSWER, USER, ANSWER]).turns) == 2


def test_a_greeting_is_history():
    """An answer that nobody asked for cannot be learned."""
    (turn,) = chats.answers([ANSWER, USER, ANSWER]).turns
    assert [m.role for m in turn.history] == ["assistant"]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("hello", "`messages` is 'hello', not a list of messages"),
        ([], "not a list of messages"),
        ([USER, "a"], "messages[1] is 'a', not an object"),
        ([USER], "the last message is of the user, and must be of the assistant"),
        ([USER, ANSWER | {"weight": 0}], "no answer is to be learned"),
        ([ANSWER], "no answer is to be learned"),
        ([USER, ANSWER | {"content": None}], "messages[1].content is None, not text"),
        ([USER, ANSWER | {"content": [{"type": "text"}]}], "not text"),
        ([USER, ANSWER | {"content": "  "}], "messages[1].content is empty"),
        ([USER, ANSWER | {"content": "\ud800"}], "half of a character"),
        ([USER, ANSWER | {"weight": 0.5}], "messages[1].weight is 0.5: only answers have one"),
        ([USER | {"weight": 1}, ANSWER], "messages[0].weight is 1: only answers have one"),
        ([USER, ANSWER | {"weight": True}], "messages[1].weight is True"),
        ([USER, ANSWER | {"tool_calls": []}], "messages[1] has the unknown key 'tool_calls'"),
        ([USER, {"role": "tool", "content": "4"}, ANSWER], "messages[1].role is 'tool', not one"),
        ([USER, SYSTEM, ANSWER], "messages[1] is of the system, behind the talk"),
        ([USER, USER, ANSWER], "messages[1] is of the user, and so is the one before"),
    ],
)
def test_what_is_wrong_is_told_with_the_message(messages, said):
    """Place, value and rule."""
    found = chats.answers(messages)
    assert found.turns == ()
    assert any(said in flaw.problem for flaw in found.flaws), found.flaws
    assert all(flaw.remedy for flaw in found.flaws)


def test_everything_that_is_wrong_is_told():
    """Not the first thing only."""
    found = chats.answers([{"role": "bot", "content": ""}, {"content": 1}])
    assert len(found.flaws) == 4


def test_an_item_goes_back_to_its_chat():
    """What was read is written again."""
    talk = [SYSTEM, USER, ANSWER | {"content": "b"}, USER | {"content": "c"}, ANSWER]
    turn = chats.answers(talk).turns[-1]
    assert chats.messages(turn.history, turn.input, turn.target, {"system": '"s"'}) == talk
