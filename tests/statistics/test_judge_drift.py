"""Simulated false alarms and power of a judge's drift, read as often as labels come.

Limits are the nominal rate plus three standard errors of the simulation. The generators are seeded:
a rate changes only with the code. Each test prints what it measured (`pytest -s`).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from escalera.core.evaluation import judge_drift
from escalera.core.evaluation.judge import WORDING
from escalera.core.evaluation.judge_drift import Since
from escalera.domain.calibration import Anchor, DriftWord, Rechecked
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding

pytestmark = pytest.mark.slow

RUBRIC = Judge(
    kind="rubric",
    model="large",
    revision="r1",
    rubric="Is right.",
    scale=Scale(lowest=0, highest=4),
    reference=False,
    decoding=Decoding(),
    wording=WORDING,
)
PANEL = Panel(name="right", judges=(RUBRIC,))
RUNS = 1500
MARGIN = 0.1


@dataclass(frozen=True)
class World:
    """How people and the judge grade: on five grades, or right and wrong.

    The judge says what people say but for a share `noise`, where it guesses; a share `drift` of its
    grades is moved up by one. `alike` answers make a cluster, whose noise is common.
    """

    binary: bool
    noise: float
    alike: int = 1

    def answers(self, rng: np.random.Generator, count: int, name: str, drift: float = 0.0):
        """A sample of answers with labels and grades."""
        levels = 2 if self.binary else 5
        people = rng.integers(0, levels, count)
        groups = np.arange(count) // self.alike
        guesses = rng.random(groups.max() + 1)[groups] < self.noise
        grades = np.where(guesses, rng.integers(0, levels, count), people)
        grades = self.moved(rng, grades, drift)
        return tuple(
            Anchor(
                item=f"{name}{n}",
                answer="x",
                cluster=f"{name}{groups[n]}",
                people=float(people[n]) / (levels - 1),
                grade=float(grades[n]) / (levels - 1),
            )
            for n in range(count)
        )

    def moved(self, rng: np.random.Generator, grades: np.ndarray, drift: float) -> np.ndarray:
        """A share of the grades one higher; of two grades, a share of the lower ones is the higher.

        Of five, the mean rises by a quarter of the share that can rise.
        """
        highest = 1 if self.binary else 4
        return np.minimum(grades + (rng.random(len(grades)) < drift), highest)


WORLDS = [
    World(binary=True, noise=0.2),
    World(binary=True, noise=0.02),
    World(binary=False, noise=0.3),
    World(binary=False, noise=0.3, alike=4),
]


def limit(rate: float) -> float:
    """The largest acceptable rate."""
    return rate + 3.0 * math.sqrt(rate * (1.0 - rate) / RUNS)


def read(
    world: World, rng: np.random.Generator, looks: tuple[float, ...], drift: float, held: int = 400
) -> list[Rechecked]:
    """Readings of new labels at shares of the plan, as they come."""
    kept = judge_drift.keep(PANEL, world.answers(rng, held, "k"), (), number=1)
    assert kept is not None
    asked = Since(kept=kept, margin=MARGIN, alpha=0.05)
    planned = (asked.planned or 300) * world.alike
    new = world.answers(rng, planned, "n", drift)
    found: list[Rechecked] = []
    for share in looks:
        reading = judge_drift.of_labels(asked, new[: max(2, round(share * planned))], found, ())
        if reading is not None:
            found.append(reading)
    return found


def words(found: list[Rechecked]) -> set[DriftWord]:
    return {reading.word for reading in found}


LOOKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_no_drift_is_rarely_called_drift_however_often_it_is_read(world: World) -> None:
    """Ten readings while labels come: a false alarm at any of them in 2.5 % at most.

    That is the half of alpha that this source has.
    """
    rng = np.random.default_rng(1)
    alarms = sum("drifted" in words(read(world, rng, LOOKS, 0.0)) for _ in range(RUNS))
    print(f"{world}: false alarms {alarms / RUNS:.4f}")
    assert alarms / RUNS <= limit(0.025)


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_planned_labels_find_a_drift_of_the_margin_and_show_where_there_is_none(
    world: World,
) -> None:
    """With all that were planned: a drift by the margin is found in 90 %, none is shown in 70 %."""
    rng = np.random.default_rng(2)
    # A share d of grades moves where it can: of two, the lower half; of five, four in five.
    drift = MARGIN * (2.0 if world.binary else 4.0 * 1.25)
    last: Counter[str] = Counter()
    none: Counter[str] = Counter()
    for _ in range(RUNS // 3):
        last[read(world, rng, (0.5, 1.0), drift)[-1].word] += 1
        none[read(world, rng, (0.5, 1.0), 0.0)[-1].word] += 1
    runs = RUNS // 3
    print(f"{world}: drift of the margin {dict(last)}, no drift {dict(none)}, of {runs}")
    assert last["drifted"] / runs >= 0.9
    assert none["no drift"] / runs >= 0.7
    assert last["no drift"] / runs <= 0.025


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_grading_again_alarms_rarely_and_finds_what_moved(world: World) -> None:
    """Three rounds of a judge that guesses anew each time; then one whose grades moved.

    The same answers: their noise is the judge's alone.
    """
    rng = np.random.default_rng(3)
    alarms = found = 0
    for _ in range(RUNS):
        kept = judge_drift.keep(PANEL, world.answers(rng, 400, "k"), (), number=1)
        assert kept is not None
        asked = Since(kept=kept, margin=MARGIN, alpha=0.05)
        rounds: list[Rechecked] = []
        for _ in range(3):
            reading = judge_drift.of_grades(asked, again(world, rng, kept.anchors, 0.0), rounds, ())
            assert reading is not None
            rounds.append(reading)
        alarms += "drifted" in words(rounds)
        drift = MARGIN * (2.0 if world.binary else 4.0 * 1.25) * 1.5
        reading = judge_drift.of_grades(asked, again(world, rng, kept.anchors, drift), (), ())
        found += reading is not None and reading.word == "drifted"
    print(f"{world}: false alarms {alarms / RUNS:.4f}, found {found / RUNS:.4f}")
    assert alarms / RUNS <= limit(0.025)
    assert found / RUNS >= 0.9


def again(
    world: World, rng: np.random.Generator, anchors: tuple[Anchor, ...], drift: float
) -> tuple[Anchor, ...]:
    """The same answers graded by the same judge, which guesses anew, or whose grades moved."""
    levels = 2 if world.binary else 5
    people = np.array([round(anchor.people * (levels - 1)) for anchor in anchors])
    groups = np.arange(len(anchors)) // world.alike
    guesses = rng.random(groups.max() + 1)[groups] < world.noise
    grades = np.where(guesses, rng.integers(0, levels, len(anchors)), people)
    grades = world.moved(rng, grades, drift)
    return tuple(
        Anchor(
            item=anchor.item,
            answer=anchor.answer,
            cluster=anchor.cluster,
            people=anchor.people,
            grade=float(grade) / (levels - 1),
        )
        for anchor, grade in zip(anchors, grades, strict=True)
    )
