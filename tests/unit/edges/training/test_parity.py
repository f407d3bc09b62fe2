"""What is taught with other tokens than it is asked with is refused before it costs anything."""

from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")

from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.clock import SystemClock
from escalera.edges.providers import chat_text
from escalera.edges.training import loading, parity
from escalera.edges.training.local import LocalTrainer
from escalera.errors import TrainingError
from escalera.testing.tiny import TEMPLATE, tiny_model

pytestmark = pytest.mark.local


def pairs(count: int) -> list[TrainingPair]:
    """Conversations with an answer each."""
    return [
        TrainingPair(messages=(Message(role="user", content=f"item {n}"),), target="yes")
        for n in range(count)
    ]


def test_equal_tokens_pass(tmp_path: Path) -> None:
    """The trainer and the engine of this package tell every conversation alike."""
    tiny_model(tmp_path)
    asked = partial(chat_text.asked, "tiny", tmp_path)
    parity.require(loading.tokenizer(tmp_path), pairs(200), asked)


@pytest.mark.parametrize("changed", ["one token", "one more"])
def test_a_difference_in_one_conversation_is_refused_with_its_place(
    tmp_path: Path, changed: str
) -> None:
    """Also where the fixed conversations are told alike."""
    tiny_model(tmp_path)

    def asked(conversations):
        told = chat_text.asked("tiny", tmp_path, conversations)
        last = told[-1]
        told[-1] = (*last[:3], last[3] + 1, *last[4:]) if changed == "one token" else (*last, 1)
        return told

    place = 4 if changed == "one token" else len(asked([pairs(1)[0].messages])[0])
    with pytest.raises(TrainingError, match=f"'item 2' .* differ at token {place}.*nothing was"):
        parity.require(loading.tokenizer(tmp_path), pairs(3), asked)


def test_a_trainer_refuses_before_it_trains(tmp_path: Path) -> None:
    """Where another template serves: nothing is written, no checkpoint is left."""
    tiny_model(tmp_path / "trains")
    tiny_model(tmp_path / "serves", template=TEMPLATE.replace("<|end|>", "<|end|> "))
    trainer = LocalTrainer(
        folders={"tiny": tmp_path / "trains"},
        checkpoints=tmp_path / "checkpoints",
        clock=SystemClock(),
        asked={"tiny": partial(chat_text.asked, "tiny", tmp_path / "serves")},
    )
    steps: list[str] = []
    into = tmp_path / "into"
    into.mkdir()
    recipe = TrainingRecipe(
        model="tiny", revision="1", ingredients=(), trainable=Trainable(), levers=Levers()
    )
    with pytest.raises(TrainingError, match="same tokenizer and chat template"):
        trainer.train(recipe, pairs(4), into=into, progress=lambda *said: steps.append(said[0]))
    with pytest.raises(TrainingError, match="same tokenizer and chat template"):
        trainer.trial(recipe, pairs(4), share=0.5)
    assert steps == []
    assert list(into.iterdir()) == []
    assert not (tmp_path / "checkpoints").exists()
