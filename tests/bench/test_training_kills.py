"""The bench that kills trainings: there is something to go on from between two kills."""

from __future__ import annotations

from bench.training import kills

from escalera.edges.training.local import LocalTrainer
from escalera.testing.tiny import tiny_model


def test_states_are_kept_within_a_training(tmp_path, monkeypatch):
    """Or a training that is killed again and again would never end, and the bench neither."""
    tiny_model(tmp_path / "model")
    forgotten = []
    monkeypatch.setattr(LocalTrainer, "forget", lambda _, recipe: forgotten.append(recipe))
    kills.train("full", tmp_path)
    assert list((tmp_path / "kept").glob("*/state.safetensors"))
    assert forgotten == [kills.RECIPES["full"]]
    assert kills.files(tmp_path / "again")
