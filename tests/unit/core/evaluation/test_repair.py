"""The dialogue that sends an invalid answer back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.evaluation import repair
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Reply, Request, Usage

ASKED = Request(
    messages=(Message(role="user", content="ask"),),
    decoding=Decoding(max_tokens=4),
    output=OutputContract(schema="{}", mode="prompt", repairs=2),
)


def said(text, **more):
    usage = Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=1)
    reply = Reply(
        text=text,
        finish_reason="stop",
        usage=usage,
        micro_dollars=3,
        seconds=0.5,
        revision="r",
    )
    return replace(reply, **more)


def talk(*texts, request=ASKED):
    """The requests of a dialogue that hears *texts* (only "good" is valid), and its end."""
    steps = repair.dialogue(request, lambda text: None if text == "good" else f"{text!r} is bad")
    asked = [next(steps)]
    for heard in texts:
        try:
            asked.append(steps.send(said(heard) if isinstance(heard, str) else heard))
        except StopIteration as ended:
            return asked, ended.value
    raise AssertionError(f"the dialogue wants more than {texts!r}")


def test_a_valid_answer_ends_it():
    """Nothing is asked twice without need."""
    asked, reply = talk("good")
    assert asked == [ASKED]
    assert reply == said("good")


def test_an_invalid_answer_is_sent_back_with_what_is_wrong():
    """The model sees its own answer and the validator's words; of several only the last."""
    asked, reply = talk("one", "two", "good")
    for request, text in zip(asked[1:], ("one", "two"), strict=True):
        head, answer, complaint = request.messages
        assert head == ASKED.messages[0]
        assert answer == Message(role="assistant", content=text)
        assert f"'{text}' is bad" in complaint.content
        assert complaint.role == "user"
    assert (reply.text, reply.repairs) == ("good", 2)


def test_what_all_attempts_took_is_added_up():
    """One answer, one price: tokens, money and seconds of the whole dialogue."""
    _, reply = talk(said("bad", attempts=3), "good")
    assert reply.usage == Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=2)
    assert (reply.micro_dollars, reply.seconds, reply.attempts) == (6, 1.0, 3)
    _, unknown = talk(said("bad", micro_dollars=None), "good")
    assert unknown.micro_dollars is None


@pytest.mark.parametrize("repairs", [0, 1, 2])
def test_it_ends_when_no_repair_is_left(repairs):
    """The last answer counts, invalid or not."""
    request = replace(ASKED, output=replace(ASKED.output, repairs=repairs))
    asked, reply = talk(*["bad"] * (1 + repairs), request=request)
    assert len(asked) == 1 + repairs
    assert (reply.text, reply.repairs) == ("bad", repairs)


def test_without_a_contract_and_after_a_filter_nothing_is_sent_back():
    """There is nothing to repair, or nothing to show."""
    assert len(talk("bad", request=replace(ASKED, output=None))[0]) == 1
    assert len(talk(said("", finish_reason="filtered"))[0]) == 1


@pytest.mark.parametrize("text", ["x" * 1000, "é" * 1000, ""])
def test_a_repair_adds_no_more_than_it_says(text):
    """Its price is reserved before it is known, so what is sent back is bounded."""
    longer = repair.again(ASKED, text, "ß" * 5000)
    added = sum(len(turn.content.encode()) for turn in longer.messages[1:])
    assert added <= repair.longest(ASKED)
    assert all(turn.content for turn in longer.messages)
