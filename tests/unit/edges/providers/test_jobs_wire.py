"""Files and jobs as JSON: what is sent, and what is made of what comes back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from escalera.domain.levers import Hyperparameters, Levers, Trainable
from escalera.domain.message import Message
from escalera.domain.recipe import Ingredient, TrainingPair, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.edges.providers import jobs_wire as wire
from escalera.errors import BadReply, InputError

RECIPE = TrainingRecipe(
    model="remote",
    revision="r",
    ingredients=(Ingredient(task="a", prompt=Prompt(), examples=1, data="d"),),
    trainable=Trainable(),
    levers=Levers(learning_rate=None, epochs=3, seed=2**40 + 5),
    hosted=Hyperparameters(n_epochs=3, learning_rate_multiplier=0.5, beta=0.2),
)
PREFERENCE = replace(RECIPE, objective="preference")
PAIR = TrainingPair(
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="one"),
        Message(role="assistant", content="ONE"),
        Message(role="user", content="two"),
    ),
    target="TWO",
    rejected="three",
)


def test_only_the_last_answer_of_a_chat_is_taught() -> None:
    """Answers before it are there to be read: they weigh nothing."""
    (line,) = wire.examples(RECIPE, [PAIR]).splitlines()
    assert json.loads(line)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "ONE", "weight": 0},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "TWO"},
    ]


def test_a_preference_has_both_answers() -> None:
    """In the form that `dpo` is documented with; without a second answer there is none."""
    (line,) = wire.examples(PREFERENCE, [PAIR]).splitlines()
    found = json.loads(line)
    assert [turn["content"] for turn in found["input"]["messages"]] == [
        "Be brief.",
        "one",
        "ONE",
        "two",
    ]
    assert found["preferred_output"] == [{"role": "assistant", "content": "TWO"}]
    assert found["non_preferred_output"] == [{"role": "assistant", "content": "three"}]
    with pytest.raises(InputError, match="no rejected answer"):
        wire.examples(PREFERENCE, [replace(PAIR, rejected=None)])


@pytest.mark.parametrize(
    ("recipe", "method"),
    [
        (
            RECIPE,
            {
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": 3, "learning_rate_multiplier": 0.5}},
            },
        ),
        (
            PREFERENCE,
            {
                "type": "dpo",
                "dpo": {
                    "hyperparameters": {
                        "n_epochs": 3,
                        "learning_rate_multiplier": 0.5,
                        "beta": 0.2,
                    }
                },
            },
        ),
    ],
)
def test_what_a_job_is_asked_for(recipe: TrainingRecipe, method: dict[str, object]) -> None:
    """What was not given is left to the provider; the recipe is named; a seed is one of theirs."""
    body = wire.job_body(recipe, model="m", file="file-1", suffix="")
    assert body == {
        "model": "m",
        "training_file": "file-1",
        "method": method,
        "seed": 5,
        "metadata": {"escalera_recipe": recipe.digest},
    }
    assert wire.job_body(recipe, model="m", file="f", suffix="s")["suffix"] == "s"


def test_losses_of_events() -> None:
    """By their step, whatever the order; messages and figures of another kind tell none."""
    events = [
        wire.JobEvent(id="3", data={"step": 2, "train_loss": 1}),
        wire.JobEvent(id="2", data={"step": 1, "train_loss": 2.5}),
        wire.JobEvent(id="1", data={"step": "1", "train_loss": 9.0}),
        wire.JobEvent(id="0", message="Created", data=None),
    ]
    assert [(point.step, point.loss) for point in wire.losses(events)] == [(1, 2.5), (2, 1.0)]


def test_a_form_cannot_be_broken_out_of() -> None:
    """A boundary that stands in the examples is refused."""
    body = wire.multipart("b", name="f.jsonl", content=b"{}\n")
    assert body.startswith(
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune'
    )
    assert body.endswith(b"{}\n\r\n--b--\r\n")
    with pytest.raises(InputError, match="boundary"):
        wire.multipart("b", name="f.jsonl", content=b"a b c")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 1}', b"\xff", b"<html>"])
def test_what_is_no_job_is_told(body: bytes) -> None:
    """With the beginning of what came."""
    with pytest.raises(BadReply, match="not a job"):
        wire.parsed(body, wire.Job, provider="p")


def test_why_a_job_failed() -> None:
    """The provider's words, its code where there are none, and nothing for an empty error."""
    assert wire.Job(id="j", status="failed").words == ""
    assert wire.Job(id="j", status="failed", error=wire.Problem()).words == ""
    assert wire.Job(id="j", status="failed", error=wire.Problem(code="c", param="p")).words == (
        "c (p)"
    )
