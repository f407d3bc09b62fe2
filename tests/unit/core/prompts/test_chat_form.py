"""What chat templates do to a conversation."""

from __future__ import annotations

import pytest

from escalera.core.prompts import chat_form
from escalera.core.prompts.chat_form import ChatForm
from escalera.domain.message import Message

SYSTEM = Message(role="system", content="Be kind.")
ASKED = Message(role="user", content="Hello.")
ANSWERED = Message(role="assistant", content="Hi.")


class Refused(Exception):
    pass


def examine(render):
    return chat_form.examine(render, (Refused,))


def plain(messages):
    return "".join(f"<{m.role}>{m.content}" for m in messages)


def without_system(messages):
    return plain([m for m in messages if m.role != "system"])


def no_system(messages):
    if messages[0].role == "system":
        raise Refused("System role not supported")
    return plain(messages)


def merging(messages):
    """Mistral's way: the system message at the head of the first user's."""
    if messages[0].role != "system":
        return plain(messages)
    first = Message(role="user", content=f"{messages[0].content}\n{messages[1].content}")
    return plain([first, *messages[2:]])


@pytest.mark.parametrize("render", [plain, merging])
def test_a_template_that_tells_everything_is_left_alone(render):
    """However it tells it."""
    assert examine(render) == ChatForm(system=True)


@pytest.mark.parametrize("render", [without_system, no_system])
def test_a_system_message_that_would_not_arrive_is_told_with_the_first_message(render):
    """Dropped silently or refused: both are found out."""
    form = examine(render)
    assert form == ChatForm(system=False)
    told = form.told([SYSTEM, ASKED, ANSWERED, ASKED])
    assert [m.role for m in told] == ["user", "assistant", "user"]
    assert told[0].content == "Be kind.\n\nHello."
    assert "Be kind." in render(told)


def test_a_system_message_alone_becomes_the_users():
    """Before an assistant's turn as well: nothing is lost."""
    form = ChatForm(system=False)
    assert form.told([SYSTEM]) == (Message(role="user", content="Be kind."),)
    assert [m.role for m in form.told([SYSTEM, ANSWERED])] == ["user", "assistant"]
    assert form.told([ASKED]) == (ASKED,)
    assert form.told([]) == ()


@pytest.mark.parametrize(
    ("render", "said"),
    [
        (lambda m: m[-1].content, "leaves out what the user says"),
        (lambda m: plain(m) + m[-1].content, "repeats or moves what the user says"),
        (lambda m: plain(m[::-1]), "repeats or moves"),
        (lambda m: plain([x for x in m if x.role != "assistant"]), "what the assistant says"),
    ],
)
def test_a_template_that_loses_a_turn_is_refused_in_words(render, said):
    """No form helps there: history would be lost on every call."""
    with pytest.raises(ValueError, match=said):
        examine(render)


def test_an_error_that_is_no_refusal_is_not_swallowed():
    """Only what the template says counts."""

    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        examine(broken)
