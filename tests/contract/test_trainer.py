"""What every trainer must do: the adapter it leaves is learned, plain, and served as taught."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, AutoTokenizer

from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.domain.project import BaseModel
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.clock import SystemClock
from escalera.edges.providers import local_model
from escalera.edges.providers.transformers_engine import TransformersEngine
from escalera.edges.training import lessons
from escalera.edges.training.local import LocalTrainer
from escalera.ports import Trainer
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

ANSWERS = {"cat": "猫 ✓", "dog": "Hund"}
PAIRS = [
    TrainingPair(messages=(Message(role="user", content=word),), target=answer)
    for word, answer in ANSWERS.items()
] * 8
LEVERS = Levers(learning_rate=1e-2, epochs=60, batch_tokens=256)
LORA = Trainable(rank=8, alpha=16)
METHODS = {
    "lora": LORA,
    "rslora": replace(LORA, method="rslora"),
    "dora and a word": replace(LORA, method="dora", tokens=("<|assistant|>",)),
    "lora merged": replace(LORA, merged=True),
    "dora merged with a word": replace(LORA, method="dora", tokens=("<|assistant|>",), merged=True),
    "partial": Trainable(method="partial", share=0.6),
    "partial by name": Trainable(method="partial", layers=("layers",)),
    "full": Trainable(method="full"),
}


def recipe(trainable: Trainable) -> TrainingRecipe:
    """A recipe without ingredients: the pairs are given."""
    return TrainingRecipe(
        model="tiny", revision="r1", ingredients=(), trainable=trainable, levers=LEVERS
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(params=[LocalTrainer])
def trainer(request: pytest.FixtureRequest, model: Path) -> Trainer:
    """Every implementation."""
    kept = model.parent / "checkpoints"
    return request.param(folders={"tiny": model}, checkpoints=kept, clock=SystemClock())


@pytest.mark.parametrize("method", list(METHODS))
def test_what_is_taught_is_answered_and_ended(
    trainer: Trainer, model: Path, tmp_path: Path, method: str
) -> None:
    """The loss falls; the adapter served by the engine gives the answers and stops after them,
    whole characters at a time in a stream, while the base model goes on as before."""
    run = trainer.train(recipe(METHODS[method]), PAIRS, into=tmp_path, progress=lambda *_: None)
    assert run.curve[-1].loss < 0.05 < run.curve[0].loss

    async def served() -> tuple[list[Reply], list[object], list[Reply]]:
        engine = TransformersEngine(
            model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
            folder=model,
            adapters=lambda _: tmp_path,
            clock=SystemClock(),
        )
        requests = [
            Request(
                messages=(Message(role="user", content=word),),
                decoding=Decoding(max_tokens=16),
                adapter=adapter,
            )
            for adapter in ("new", None)
            for word in ANSWERS
        ]
        before = list(await engine.answer(requests[2:]))
        replies = list(await engine.answer(requests))
        assert [reply.text for reply in replies[2:]] == [reply.text for reply in before]
        pieces = [piece async for piece in engine.stream(requests[0])]
        await engine.close()
        return replies[:2], pieces, replies[2:]

    taught, pieces, untaught = asyncio.run(served())
    assert [reply.text for reply in taught] == list(ANSWERS.values())
    assert [reply.finish_reason for reply in taught] == ["stop", "stop"]
    assert pieces[:-1] == ["猫", " ", "✓"]
    assert [reply.finish_reason for reply in untaught] == ["length", "length"]


def test_training_and_serving_agree_where_an_answer_ends(model: Path) -> None:
    """Both edges compute the same stop tokens, for one and for several."""
    loaded = AutoModelForCausalLM.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    for declared in (1, [1, 4], None):
        loaded.generation_config.eos_token_id = declared
        taught = lessons.stop_tokens(loaded, tokenizer)
        assert taught == local_model.stop_tokens(loaded, tokenizer)
        assert 1 in taught
