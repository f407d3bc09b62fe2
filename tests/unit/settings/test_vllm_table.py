"""`[models.NAME.vllm]`: its defaults, its ranges, and the arguments that it leaves to Escalera."""

from __future__ import annotations

import msgspec
import pytest

from escalera.domain.levers import Trainable
from escalera.settings import vllm_table
from escalera.settings.vllm_table import VLLMTable


def test_a_table_needs_no_key():
    """Everything has a default, and nothing is wrong with those."""
    table = msgspec.convert({}, VLLMTable)
    assert table.command == ["vllm", "serve"]
    assert (table.adapters, table.rank, table.memory) == (8, 16, None)
    assert list(vllm_table.problems("models.m.vllm", table)) == []


@pytest.mark.parametrize(
    "given",
    [
        {"port": 70_000},
        {"adapters": -1},
        {"rank": 8.5},
        {"memory": 1.5},
        {"start_seconds": 0},
        {"stop_seconds": 1e9},
        {"arguments": "--dtype bfloat16"},
        {"gpu": 1},
    ],
)
def test_what_is_out_of_range_is_refused(given):
    """By type and range."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, VLLMTable)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"command": []}, "models.m.vllm.command"),
        ({"command": ["vllm", ""]}, "models.m.vllm.command"),
        ({"rank": 12}, "models.m.vllm.rank"),
        ({"arguments": ["--dtype", "auto", "--port", "1"]}, "models.m.vllm.arguments"),
        ({"arguments": ["--api_key=secret"]}, "models.m.vllm.arguments"),
    ],
)
def test_what_cannot_be_run_is_told_by_key(given, key):
    """One problem, with its key."""
    table = msgspec.convert(given, VLLMTable)
    assert [found for found, _, _ in vllm_table.problems("models.m.vllm", table)] == [key]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({}, None),
        ({"method": "rslora"}, None),
        ({"method": "dora"}, "training.weights.method"),
        ({"method": "partial"}, "training.weights.method"),
        ({"merged": True}, "training.weights.merged"),
        ({"tokens": ("<a>",)}, "training.weights.tokens"),
        ({"rank": 32}, "models.m.vllm.rank"),
    ],
)
def test_a_training_that_vllm_could_not_load_is_told_by_key(more, key):
    """Before anything is trained; with what to do."""
    found = list(vllm_table.untrainable("models.m.vllm", VLLMTable(), Trainable(**more)))
    assert [one for one, _, _ in found] == ([] if key is None else [key])
    if key == "models.m.vllm.rank":
        assert found[0][2] == "Give 32"
