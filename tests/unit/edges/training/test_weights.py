"""Which weights learn: every method, its refusals, and the choice by gradient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.edges.training import loading, weights  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

LORA = Trainable(rank=4, alpha=8, targets=("q_proj", "down_proj"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def prepared(folder: Path, trainable: Trainable):
    """A model that is ready to learn."""
    model, tokenizer = loading.load(folder, trainable, Levers(), device="cpu")
    return weights.prepare(model, tokenizer, trainable)


def count(model) -> int:
    """How many values learn."""
    return sum(weight.numel() for weight in weights.learning(model).values())


def test_adapters_put_matrices_beside_the_named_layers(folder: Path) -> None:
    """LoRA and rsLoRA the same many, DoRA a magnitude per row more; none named means all linear."""
    plain = 2 * (4 * (32 + 32) + 4 * (64 + 32))
    assert count(prepared(folder, LORA)) == plain
    assert count(prepared(folder, replace(LORA, method="rslora"))) == plain
    assert count(prepared(folder, replace(LORA, method="dora"))) == plain + 2 * (32 + 32)
    every = prepared(folder, replace(LORA, targets=()))
    assert {name.split(".lora")[0].rpartition(".")[2] for name in weights.learning(every)} == {
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    }


def test_words_learn_beside_an_adapter(folder: Path) -> None:
    """One embedding of width 32 for a token that is named."""
    more = prepared(folder, replace(LORA, tokens=("<|end|>",)))
    assert count(more) == count(prepared(folder, LORA)) + 32


def test_own_weights_learn_by_name_or_all(folder: Path) -> None:
    """A pattern names the weights of a block; full are all of them."""
    last = prepared(folder, Trainable(method="partial", layers=(r"layers\.1\.",)))
    assert set(weights.learning(last)) == {
        name for name, _ in last.named_parameters() if "layers.1." in name
    }
    full = prepared(folder, Trainable(method="full"))
    assert count(full) == sum(weight.numel() for weight in full.parameters())


def test_the_largest_gradients_choose_the_matrices(folder: Path) -> None:
    """Those with the largest mean square, while they fit into the share; embeddings never."""
    model = prepared(folder, Trainable(method="partial"))
    names = [name for name, w in model.named_parameters() if w.dim() == 2 and "embed" not in name]

    def backward() -> None:
        for rank, name in enumerate(names):
            weight = model.get_parameter(name)
            (weight.sum() * (rank + 1.0)).backward()

    weights.choose(model, 0.2, backward)
    total = sum(weight.numel() for weight in model.parameters())
    chosen = list(weights.learning(model))
    assert chosen
    assert count(model) <= 0.2 * total
    assert names[-1] in chosen
    assert names[0] not in chosen
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize(
    ("trainable", "words"),
    [
        (replace(LORA, targets=("q_proj", "w_pack")), "'w_pack'"),
        (replace(LORA, rank=0), "rank above 0"),
        (replace(LORA, tokens=("two words",)), "9 tokens of this model"),
        (Trainable(method="partial", layers=("layers.7.",)), r"no weight of the model matches"),
        (Trainable(method="partial", layers=("(",)), "no regular expression"),
        (Trainable(method="full", tokens=("a",)), "Leave `tokens` out"),
    ],
)
def test_what_the_model_does_not_have_is_refused(
    folder: Path, trainable: Trainable, words: str
) -> None:
    """The value, the rule and the remedy."""
    with pytest.raises(TrainingError, match=words):
        prepared(folder, trainable)


def test_a_share_that_holds_nothing_is_refused(folder: Path) -> None:
    """With what the smallest matrix takes."""
    with pytest.raises(TrainingError, match="does not hold a single matrix; the smallest has 512"):
        prepared(folder, Trainable(method="partial", share=0.001))
