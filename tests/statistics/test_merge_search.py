"""What the search of merge weights is worth on simulated landscapes, beside the steps it replaces.

Two tasks, each with an adapter that helps it up to some weight and harms the other; answers of one
item under two merges are alike, and not the same. The regret of a race is what the merge that it
nominates lacks to the best one: of the true room of the tightest task, which no race knows. The
landscapes are seeded: figures change only with the code. Each test prints them (`pytest -s`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest

pytest.importorskip("cmaes")

from escalera.domain.dataset import Example
from escalera.domain.sweep import Suggested
from escalera.domain.system import System
from escalera.edges.evolving import Evolution
from escalera.testing import playbook
from escalera.testing.playbook import Climbed, luck, simulate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

LANDSCAPES = 40
NORMAL = NormalDist()
ALIKE = 0.7
"""Correlation of how hard an item is for two merges."""
ITEMS = {"train": 12, "search": 160, "confirm": 200}
PROJECT = playbook.project(
    *(playbook.task(name, bar=0.7, items=ITEMS) for name in "ab"), policy=playbook.DECLARED
)


@dataclass(frozen=True)
class Landscape:
    """Log odds of a right answer: `start` + `gain` - parabola around `best` - `harm` of others."""

    start: tuple[float, ...]
    gain: tuple[float, ...]
    best: tuple[float, ...]
    width: tuple[float, ...]
    harm: tuple[float, ...]

    @classmethod
    def drawn(cls, seed: int) -> Landscape:
        rng = np.random.default_rng(seed)

        def some(low: float, high: float) -> tuple[float, ...]:
            return tuple(rng.uniform(low, high, 2).tolist())

        return cls(
            start=some(-2.0, -0.3),
            gain=some(1.5, 3.5),
            best=some(0.5, 1.1),
            width=some(0.5, 1.0),
            harm=some(0.0, 1.5),
        )

    def rate(self, task: int, weights: tuple[float, ...]) -> float:
        """The share of right answers to a task."""
        off = ((weights[task] - self.best[task]) / self.width[task]) ** 2
        odds = self.start[task] + self.gain[task] * (1.0 - off)
        odds -= self.harm[task] * weights[1 - task] ** 2
        return 1.0 / (1.0 + math.exp(-odds))

    def room(self, weights: tuple[float, ...]) -> float:
        """Of the tightest task."""
        return min(self.rate(task, weights) for task in (0, 1)) - 0.7

    @property
    def most(self) -> float:
        """The most room that any weights leave."""
        grid = np.linspace(0.05, 1.5, 59)
        return max(self.room((float(x), float(y))) for x in grid for y in grid)

    def answers(self, seed: int) -> Callable[[System, Example], float]:
        """A base that is poor at `a` and near the bar at `b`, specialists, and merges by rate."""

        def answer(system: System, item: Example) -> float:
            adapter = system.adapter or ""
            if adapter.startswith("merge(concatenate"):
                first, second = adapter.removesuffix(")").split()[1:3]
                rate = self.rate("ab".index(item.task), (float(first), float(second)))
                return float(hardness(seed, adapter, item) < rate)
            if adapter.startswith("merge"):
                return float(luck(item) < 0.2)
            rates = (0.97, 0.3) if adapter else (0.3, 0.79)
            return float(luck(item) < rates["ab".index(item.task)])

        return answer


@cache
def deviate(text: str) -> float:
    """A standard normal deviate that is the text's own."""
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")
    return NORMAL.inv_cdf((number + 0.5) / 2**56)


def hardness(seed: int, adapter: str, item: Example) -> float:
    """How hard an item is for a merge, even on [0, 1]."""
    common, own = deviate(f"{seed} {item.id}"), deviate(f"{seed} {item.id} {adapter}")
    return NORMAL.cdf(math.sqrt(ALIKE) * common + math.sqrt(1.0 - ALIKE) * own)


def nominated(climbed: Climbed) -> tuple[float, ...]:
    """The weights of the merge that the race ended with."""
    route = climbed.evidence.nominee("merge")
    assert route is not None
    (adapter,) = route.adapters()
    merge = next(m for m in climbed.evidence.merged.values() if m.adapter == adapter)
    return tuple(entry.weight for entry in merge.plan.adapters)


def test_the_search_leaves_less_to_be_had_than_steps() -> None:
    """On average by a fifth at least, and on more landscapes than not."""
    project = replace(PROJECT, policy=replace(PROJECT.policy, rungs=("prompt", "lora", "merge")))
    searched, stepped = [], []
    for seed in range(LANDSCAPES):
        land, suggester = Landscape.drawn(seed), Evolution()

        def suggest(step, suggester=suggester):
            values = suggester.suggest(step.sweep, step.tried, pauses=1)
            return Suggested(question=step.question, number=step.number, values=values)

        for found, given in ((searched, {"suggests": suggest}), (stepped, {})):
            climbed = simulate(project, land.answers(seed), **given)
            found.append(land.most - land.room(nominated(climbed)))
    gain = np.array(stepped) - np.array(searched)
    error = gain.std(ddof=1) / math.sqrt(LANDSCAPES)
    print(
        f"mean regret: steps {np.mean(stepped):.4f}, search {np.mean(searched):.4f}; "
        f"gain {gain.mean():.4f} +- {1.96 * error:.4f}, "
        f"better on {(gain > 0).sum()}, worse on {(gain < 0).sum()} of {LANDSCAPES}"
    )
    assert np.mean(searched) <= 0.8 * np.mean(stepped)
    assert (gain > 0).sum() > (gain < 0).sum()
