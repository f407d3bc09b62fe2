"""What a search for merge weights should end with: `python -m bench.merge.landscapes`.

Simulated landscapes: per task a parabola of log odds around a weight of its own adapter, less the
harm of the others; answers of an item under two merges correlate by 0.7. Each way begins with the
best of a halved grid, and is judged by its regret: how much less room its weights truly leave to
the tightest task than the best weights do. Nothing of the planner runs here; what it does with the
choice is in `tests/statistics/test_merge_search.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from escalera.core.stats.distributions import normal_quantile

Weights = tuple[float, ...]
Score = Callable[[Weights, int], float]
GRID = ((0.8, 0.5), (0.6, 0.4), (1.0, 0.3), (1.0, 0.6), (0.8, 0.8), (0.6, 0.7))
HIGHEST, SPREAD, ALIKE = 1.5, 0.15, 0.7


@dataclass(eq=False)
class Landscape:
    """Rates of right answers to each task by the weights, bars, and items that are common."""

    tasks: int
    seed: int
    _drawn: dict[str, NDArray[np.float64]] = field(init=False)

    def __post_init__(self) -> None:
        rng, n = np.random.default_rng([self.seed, self.tasks]), self.tasks
        harm = rng.uniform(0.0, 1.5, (n, n))
        np.fill_diagonal(harm, 0.0)
        self._drawn = {
            "best": rng.uniform(0.5, 1.1, n),
            "width": rng.uniform(0.5, 1.0, n),
            "gain": rng.uniform(1.5, 3.5, n),
            "start": rng.uniform(-2.0, -0.3, n),
            "bar": rng.uniform(0.6, 0.8, n),
            "harm": harm,
        }

    def rates(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """One row per row of weights."""
        of = self._drawn
        odds = of["start"] + of["gain"] * (1.0 - ((weights - of["best"]) / of["width"]) ** 2)
        return np.asarray(1.0 / (1.0 + np.exp(weights**2 @ of["harm"].T - odds)))

    def room(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the tightest task, truly."""
        return np.asarray((self.rates(weights) - self._drawn["bar"]).min(axis=1))

    @property
    def most(self) -> float:
        """The most room of a fine grid."""
        axis = np.linspace(0.0, HIGHEST, 31 if self.tasks < 3 else 16)
        grid = np.stack(np.meshgrid(*[axis] * self.tasks), -1).reshape(-1, self.tasks)
        return float(self.room(grid).max())

    def measured(self, items: str) -> Score:
        """The room on the first of those items, as a race sees it."""
        rng = np.random.default_rng([self.seed, self.tasks, len(items)])
        common = rng.normal(size=(self.tasks, 60))

        def score(weights: Weights, count: int) -> float:
            own = rng.normal(size=(self.tasks, count))
            hard = ALIKE**0.5 * common[:, :count] + (1.0 - ALIKE) ** 0.5 * own
            rates = np.clip(self.rates(np.array([weights]))[0], 1e-9, 1.0 - 1e-9)
            limits = np.array([normal_quantile(float(rate)) for rate in rates])
            return float(((hard < limits[:, None]).mean(axis=1) - self._drawn["bar"]).min())

        return score


def halved(score: Score, tasks: int) -> Weights:
    """The best of the grid after three rounds."""
    running = [(first, *[other] * (tasks - 1)) for first, other in GRID]
    for items, stay in ((15, 3), (30, 2), (60, 1)):
        scores = [score(weights, items) for weights in running]
        order = sorted(range(len(running)), key=lambda n: -scores[n])
        running = [running[n] for n in order[:stay]]
    return running[0]


def stepped(score: Score, begin: Weights) -> Weights:
    """The best of *begin* and its neighbours, on 60 items."""
    moved = [
        (*begin[:n], begin[n] + step, *begin[n + 1 :])
        for n in range(len(begin))
        for step in (-0.1, 0.1)
    ]
    return max([begin, *moved], key=lambda weights: score(weights, 60))


def searched(
    score: Score, begin: Weights, generations: int, items: int, seed: int
) -> list[Weights]:
    """Everything that CMA-ES tried and *begin*, best first."""
    strategy = CMA(
        mean=np.array(begin) / HIGHEST,
        sigma=SPREAD,
        bounds=np.array([[0.0, 1.0]] * len(begin)),
        seed=seed,
    )
    tried = [(begin, score(begin, items))]
    for _ in range(generations):
        told = []
        for _ in range(strategy.population_size):
            asked = strategy.ask()
            weights = tuple(float(one) for one in HIGHEST * asked)
            tried.append((weights, score(weights, items)))
            told.append((asked, -tried[-1][1]))
        strategy.tell(told)
    return [weights for weights, _ in sorted(tried, key=lambda one: -one[1])]


def ends(tried: Sequence[Weights], begin: Weights, same: Score, fresh: Score) -> dict[str, Weights]:
    """What a search may end with."""
    best = tried[: max(3, len(tried) // 4)]
    middle = tuple(float(x) for x in np.mean(best, axis=0))
    return {
        "the best that was tried": tried[0],
        "the middle of the best quarter": middle,
        "middle or grid's best, same items": max(
            (middle, begin), key=lambda weights: same(weights, 60)
        ),
        "middle, best or grid's best, other items": max(
            (middle, tried[0], begin), key=lambda weights: fresh(weights, 60)
        ),
    }


def main() -> None:
    """Print mean regrets."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--landscapes", type=int, default=400)
    count = asked.parse_args().landscapes
    for tasks in (2, 3):
        found: dict[str, list[float]] = {}
        for seed in range(count):
            land = Landscape(tasks, seed)
            same, fresh, most = land.measured("search"), land.measured("last items"), land.most
            begin = halved(same, tasks)
            ways = {"the grid's best": begin, "steps": stepped(same, begin)}
            for generations, items in ((1, 60), (3, 30), (4, 30), (6, 30), (3, 60)):
                tried = searched(same, begin, generations, items, seed)
                for name, weights in ends(tried, begin, same, fresh).items():
                    ways[f"{generations} generations of {items} items: {name}"] = weights
            for name, weights in ways.items():
                found.setdefault(name, []).append(most - float(land.room(np.array([weights]))[0]))
        print(f"{tasks} tasks, {count} landscapes: mean regret and its standard error")
        for name, values in found.items():
            error = np.std(values, ddof=1) / count**0.5
            print(f"  {np.mean(values):.4f} +- {error:.4f}  {name}")


if __name__ == "__main__":
    main()
