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


def test_the_context_and_the_end_tokens_are_the_models(tmp_path: Path) -> None:
    """What does not fit, and where answers end."""
    model, tokenizer = loading.load(tiny_model(tmp_path), Trainable(), Levers(), device="cpu")
    told = loading.teaching(model, tokenizer)
    assert (told.context, told.stops) == (512, frozenset({1}))
