"""The words between Escalera and a scorer of the user's."""

from __future__ import annotations

import math

import pytest

from escalera.domain.message import Message
from escalera.domain.scoring import Score
from escalera.edges.scoring import answers
from escalera.errors import ScorerFailed


def test_everything_that_a_scorer_may_see(answer):
    """In plain JSON."""
    asked = answer("r", "t", "i", finish="length", seconds=0.5, micro_dollars=7)
    assert answers.question(asked) == {
        "reply": "r",
        "target": "t",
        "item": {
            "id": "t/1",
            "task": "t",
            "split": "confirm",
            "input": "i",
            "target": "t",
            "cluster": "c",
            "history": [],
            "fields": {},
        },
        "finish": "length",
        "seconds": 0.5,
        "micro_dollars": 7,
    }


def test_history_and_fields_of_the_item(answer):
    """Turns as messages, fields as the values that they were written as."""
    asked = answer("r")
    item = asked.item
    object.__setattr__(item, "history", (Message(role="user", content="hello"),))
    object.__setattr__(item, "fields", (("plan", '"gold"'), ("years", "3")))
    said = answers.question(asked)["item"]
    assert said["history"] == [{"role": "user", "content": "hello"}]
    assert said["fields"] == {"plan": "gold", "years": 3}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"score": 1}, Score(value=1.0)),
        ({"score": 0.25, "reason": "half of a half"}, Score(value=0.25)),
        ({"score": True}, Score(value=1.0)),
        ({"score": None, "reason": "no idea"}, Score(value=None, reason="no idea")),
        ({"score": None}, Score(value=None, reason="it gave no score and no reason")),
    ],
)
def test_scores_that_are_understood(said, wanted):
    """A number, a truth value, or none with a reason."""
    assert answers.score(said, name="it") == wanted


@pytest.mark.parametrize(
    "said",
    [3, None, [], {}, {"value": 1}, *({"score": bad} for bad in (1.5, -0.1, "1", [1], math.nan))],
)
def test_scores_that_are_not(said):
    """A mistake of the scorer's is told; it is neither wrong nor right."""
    with pytest.raises(ScorerFailed, match=r"^it (answered|gave)"):
        answers.score(said, name="it")
