"""Preferred answers beside rejected ones: TRL's forms, and what is wrong with a row."""

from __future__ import annotations

import pytest

from escalera.core.data import preferences
from escalera.core.data.chats import Turn
from escalera.domain.message import Message


def said(role, content):
    return {"role": role, "content": content}


ASKED = [said("system", "Be brief."), said("user", "hi"), said("assistant", "yes?")]
QUESTION = said("user", "when?")


def test_texts_are_a_prompt_with_two_answers():
    """TRL's standard form."""
    found = preferences.answers({"prompt": "p", "chosen": "c", "rejected": "r"})
    assert found.flaws == ()
    assert found.turns == (Turn(input="p", target="c", rejected="r"),)


@pytest.mark.parametrize("apart", [True, False])
def test_messages_go_on_from_the_prompt_or_hold_it(apart):
    """Both of TRL's conversational forms come to the same turn, with history and system message."""
    right, wrong = said("assistant", "now"), said("assistant", "never")
    raw = (
        {"prompt": [*ASKED, QUESTION], "chosen": [right], "rejected": [wrong]}
        if apart
        else {"chosen": [*ASKED, QUESTION, right], "rejected": [*ASKED, QUESTION, wrong]}
    )
    (turn,) = preferences.answers(raw).turns
    history = (Message(role="user", content="hi"), Message(role="assistant", content="yes?"))
    assert turn == Turn(
        input="when?", target="now", history=history, system="Be brief.", rejected="never"
    )


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"prompt": "p", "chosen": "c"}, "`rejected` is missing"),
        ({"prompt": "p", "chosen": "c", "rejected": "c"}, "`rejected` is the same as `chosen`"),
        ({"prompt": " ", "chosen": "c", "rejected": "r"}, "`prompt` is empty"),
        ({"prompt": "p", "chosen": "c", "rejected": 3}, "`rejected` is 3"),
        ({"chosen": "c", "rejected": "r"}, "`prompt` is None"),
        ({"prompt": "p", "chosen": "\ud800", "rejected": "r"}, "half of a character"),
        (
            {
                "chosen": [said("user", "a"), said("assistant", "b")],
                "rejected": [said("user", "A"), said("assistant", "c")],
            },
            "different conversations",
        ),
        (
            {"prompt": [QUESTION], "chosen": [said("user", "x")], "rejected": [said("user", "y")]},
            "messages[1] is of the user, and so is the one before",
        ),
    ],
)
def test_what_is_wrong_is_told(raw, problem):
    """With the rule; nothing is made of the row."""
    found = preferences.answers(raw)
    assert found.turns == ()
    assert any(problem in flaw.problem for flaw in found.flaws)
