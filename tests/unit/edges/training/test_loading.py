"""Loading a model folder to train it."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.levers import Levers, Trainable  # noqa: E402
from escalera.edges.training import loading  # noqa: E402
from escalera.errors import TrainingError  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local


@pytest.mark.parametrize(
    ("precision", "method", "dtype"),
    [
        ("float32", "lora", "float32"),
        ("bfloat16", "lora", "bfloat16"),
        ("bfloat16", "full", "float32"),
    ],
)
def test_what_learns_is_kept_in_float32(
    tmp_path: Path, precision: str, method: str, dtype: str
) -> None:
    """Weights below adapters are held in the precision of the training, own ones never."""
    folder = tiny_model(tmp_path)
    model, _ = loading.load(
        folder, Trainable(method=method), Levers(precision=precision), device="cpu"
    )
    assert {weight.dtype for weight in model.parameters()} == {getattr(torch, dtype)}


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """With its path and what it must hold."""
    with pytest.raises(TrainingError, match=r"(?s)cannot be loaded: .*causal language model"):
        loading.load(tmp_path, Trainable(), Levers(), device="cpu")


def test_an_outline_has_the_same_weights_by_name_and_holds_none(tmp_path: Path) -> None:
    """Their values take no memory: a model that hardly fits is looked at, too."""
    folder = tiny_model(tmp_path)
    whole, _ = loading.load(folder, Trainable(), Levers(), device="cpu")
    outlined, tokenizer = loading.outline(folder)
    shapes = [{n: w.shape for n, w in m.named_parameters()} for m in (whole, outlined)]
    assert shapes[0] == shapes[1]
    assert all(weight.is_meta for weight in outlined.parameters())
    assert tokenizer.get_vocab() == loading.tokenizer(folder).get_vocab()
    with pytest.raises(TrainingError, match="cannot be loaded"):
        loading.outline(tmp_path / "none")


def test_the_context_and_the_end_tokens_are_the_models(tmp_path: Path) -> None:
    """What does not fit, and where answers end."""
    model, tokenizer = loading.load(tiny_model(tmp_path), Trainable(), Levers(), device="cpu")
    told = loading.teaching(model, tokenizer)
    assert (told.context, told.stops) == (512, frozenset({1}))
