"""What rows add, as people and programs read it, and which rows are refused."""

from __future__ import annotations

import json

import pytest

from escalera import wiring
from escalera.apps.cli.main import run as command
from escalera.apps.data import effects
from escalera.apps.data.effects import Measured
from escalera.core.ladder.effecting import Effect
from escalera.domain.verdict import Figure
from escalera.engine.observer import Quiet
from escalera.errors import InputError


def measured(value, lower, upper):
    figure = Figure(value=value, lower=lower, upper=upper, n=240, clusters=160)
    effect = Effect(without=(0.8, 0.9), with_rows=(0.7, 0.8), difference=figure, unscored=3)
    return Measured(task="a", title="orders", train=1500, rows=60, effect=effect, confirmed=None)


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.02, 0.2), "the rows are seen to help"),
        ((-0.2, -0.02), "the rows are seen to harm"),
        ((-0.1, 0.1), "no effect is seen"),
    ],
)
def test_the_interval_decides_what_is_said(ends, said):
    """With both means, every training, and what was left out."""
    found = measured(sum(ends) / 2, *ends)
    lines = str(found).splitlines()
    assert lines[0].startswith(f"orders: {said}: ")
    assert "on 240 search items in 160 clusters, over 2 trainings with and without" in lines[0]
    assert lines[1].endswith("0.850 (0.800, 0.900)")
    assert lines[2].endswith("0.750 (0.700, 0.800)")
    assert "3 items are left out" in lines[3]
    assert found.document["verdict"] == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"input": "a CONFIRM  1", "target": "x"}, "asks what the confirm item a/confirm/1 asks"),
        ({"input": "new", "target": "x", "split": "search"}, "is for 'search'"),
        ({"input": "new", "target": "x", "id": "train/1"}, "has the id of another item"),
        (None, "holds no rows"),
    ],
)
def test_rows_that_must_not_be_taught_are_refused(write, tmp_path, row, said, capsys):
    """Before anything is trained, with the place of the row."""
    folder = write(local=True)
    file = tmp_path / "new.jsonl"
    file.write_text("" if row is None else json.dumps(row) + "\n")
    installation = wiring.install(folder / "escalera.toml")
    with pytest.raises(InputError, match=said):
        effects.run(installation, "a", file, seeds=2, confirm=False, observer=Quiet())
    assert command(["data", "effect", "a", str(file), "-p", str(folder)]) == 2
    assert said in capsys.readouterr().err


def test_a_task_and_a_model_that_can_be_trained_are_needed(write, tmp_path):
    """A model behind an endpoint cannot."""
    file = tmp_path / "new.jsonl"
    installation = wiring.install(write() / "escalera.toml")
    with pytest.raises(InputError, match="cannot be trained here"):
        effects.run(installation, "a", file, seeds=2, confirm=False, observer=Quiet())
    with pytest.raises(InputError, match="there is no task 'c'"):
        effects.run(installation, "c", file, seeds=2, confirm=False, observer=Quiet())
