"""The logs of trainings, read again."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import Trained
from escalera.edges.artifacts import FolderArtifacts
from escalera.engine import logs
from escalera.errors import EvidenceMissing
from escalera.testing import records

MADE = records.record(lambda step, _: 1 / step)
RECIPE = TrainingRecipe(
    model="base", revision="r", ingredients=(), trainable=Trainable(), levers=Levers()
)
TRAINED = Trained(
    recipe=RECIPE,
    adapter="a",
    log="0" * 64,
    steps=1,
    planned=1,
    curve=(),
    layout="packed",
    tokens=1,
    examples=1,
    parameters=1,
    seconds=1.0,
)


def stored(artifacts: FolderArtifacts, **files: bytes) -> Trained:
    """A training with these files for a log."""
    folder = artifacts.scratch()
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return replace(TRAINED, log=artifacts.put(folder))


def test_a_log_is_what_was_written(tmp_path) -> None:
    """Signals in order; how the examples were told, where that is kept."""
    artifacts = FolderArtifacts(tmp_path)
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in MADE.signals)
    whole = stored(artifacts, steps_jsonl=lines, told_json=msgspec.json.encode(MADE.told))
    assert logs.read(artifacts, whole) == logs.Log(signals=MADE.signals, told=MADE.told)
    old = stored(artifacts, steps_jsonl=lines)
    assert logs.read(artifacts, old) == logs.Log(signals=MADE.signals, told=None)


def test_a_log_that_is_gone_or_broken_is_missing_evidence(tmp_path) -> None:
    """With the remedy."""
    artifacts = FolderArtifacts(tmp_path)
    for one in (TRAINED, stored(artifacts, steps_jsonl=b"no line\n"), stored(artifacts, x=b"")):
        with pytest.raises(EvidenceMissing, match=r"Restore"):
            logs.read(artifacts, one)
