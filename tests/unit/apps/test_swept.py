"""What a sweep came to, as people and programs read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps import swept
from escalera.apps.swept import Sweeping
from escalera.core.ladder.sweeping import Swept
from escalera.core.stats.clustering import Interval
from escalera.domain.sweep import LeverRange, LeverTrial, Sweep
from escalera.errors import InputError
from escalera.testing import playbook

TASK = playbook.task("a")
SWEEP = Sweep(
    levers=(
        LeverRange(name="learning_rate", lowest=1e-5, highest=1e-1),
        LeverRange(name="schedule", choices=("linear", "cosine")),
        LeverRange(name="rank", choices=(4, 16)),
    ),
    trials=4,
)
FOUND = Swept(
    sweep=SWEEP,
    tried=(
        LeverTrial(values=(1e-3, "linear", 16), scores=(0.1, 0.2, 0.4, 0.5)),
        LeverTrial(values=(1e-5, "linear", 4), scores=(0.05,)),
        LeverTrial(values=(1e-2, "cosine", 4), scores=(0.2, 0.4, 0.6, 0.7)),
        LeverTrial(values=(1e-1, "linear", 4), diverged=True),
    ),
    winner=2,
    whole=True,
    scores=(0.69, 0.51),
    difference=Interval(estimate=0.18, lower=0.1, upper=0.26, alpha=0.05, method="t"),
    cost=2.125,
)


def test_the_answer_comes_as_a_table_in_words_and_as_settings() -> None:
    """The best first, with how far each trial came."""
    told = Sweeping(task=TASK, found=FOUND)
    assert told.exit_code == 0
    assert [row[0] for row in told.table] == ["trial", "2", "0 (own)", "1", "3"]
    assert [row[-1] for row in told.table[1:]] == [
        "to its end",
        "to its end",
        "stopped at 12.5 %",
        "diverged",
    ]
    assert told.sentence.startswith("Take the levers of trial 2: 0.690 against 0.510")
    assert "2.1 of 4 trainings were paid" in told.sentence
    assert told.remedy == (
        "[training]",
        "learning_rate = 0.01",
        'schedule = "cosine"',
        "[training.weights]",
        "rank = 4",
    )
    assert told.document["winner"] == 2


def test_levers_that_the_method_does_not_read_are_no_advice() -> None:
    """The project file would refuse them: a dash in the table, and no line among the settings."""
    levers = (LeverRange(name="method", choices=("lora", "full")), *SWEEP.levers[2:])
    tried = tuple(
        replace(one, values=("full" if number == 2 else "lora", one.values[2]))
        for number, one in enumerate(FOUND.tried)
    )
    told = Sweeping(
        task=TASK, found=replace(FOUND, sweep=replace(SWEEP, levers=levers), tried=tried)
    )
    assert told.table[1][1:3] == ("full", "-")
    assert told.table[2][1:3] == ("lora", "16")
    assert told.remedy == ("[training.weights]", 'method = "full"')


def test_a_winner_that_fresh_items_do_not_confirm_is_not_recommended() -> None:
    """Chance picks the highest of many; without fresh items nothing is said to be better."""
    near = replace(FOUND.difference, lower=-0.02)
    told = Sweeping(task=TASK, found=replace(FOUND, difference=near))
    assert "do not show that it is better" in told.sentence
    assert told.remedy == ()
    said = Sweeping(task=TASK, found=replace(FOUND, difference=None)).sentence
    assert "is not confirmed" in said
    own = Sweeping(task=TASK, found=replace(FOUND, winner=0))
    assert own.sentence.startswith("Keep the levers of the project")
    assert own.remedy == ()


def test_a_sweep_that_a_cap_ended_recommends_nothing() -> None:
    """Most trials wait at a pause: that the own levers came first to their end says nothing."""
    for winner in (0, 2):
        told = Sweeping(task=TASK, found=replace(FOUND, winner=winner, whole=False))
        assert told.sentence.startswith("The sweep is not at its end, and nothing is decided")
        assert "2.1 of 4 trainings were paid" in told.sentence
        assert told.remedy == ()
        assert told.document["whole"] is False
        assert told.exit_code == 3


def test_what_cannot_be_swept_is_refused_before_anything_is_trained() -> None:
    """No ranges, or weights that lie elsewhere."""
    project = playbook.project(TASK)
    with pytest.raises(InputError, match=r"give ranges in \[training.sweep\]"):
        swept.run(project, TASK, replace(SWEEP, levers=()), ports=None, observer=None)
    served = replace(project, model=replace(project.model, trainable=False))
    with pytest.raises(InputError, match="name a local model"):
        swept.run(served, TASK, SWEEP, ports=None, observer=None)
