"""`[training]`: tables to levers."""

from __future__ import annotations

import msgspec

from escalera.core.finetuning import effort
from escalera.settings.training_table import TrainingTable


def test_tables_become_levers() -> None:
    """Nested weights, "auto" as a rate to be found, and lists as tuples."""
    table = msgspec.convert(
        {
            "effort": "pilot",
            "learning_rate": "auto",
            "weights": {"method": "partial", "layers": ["mlp"], "share": 0.5},
        },
        TrainingTable,
    )
    found = table.settings()
    weights, levers = effort.trainable(found), effort.levers(found, seed=9)
    assert (weights.method, weights.layers, weights.share) == ("partial", ("mlp",), 0.5)
    assert (levers.learning_rate, levers.epochs, levers.seed) == (None, 1, 9)
    assert hash(weights) == hash(effort.trainable(found))
