"""How often the best of K can be found at 20 calls per arm, by whom.

    python -m bench.decisions.best_of_limits --data DATA --races 2000

told m          told which arms are the m best, not which of them is which, and spends all calls on
                those, on common items. Right/wrong scores: it knows how often each pattern of
                right and wrong occurs and takes the arm that is near the best with the highest
                probability, every order of the arms being as likely (m at most 5); graded scores,
                and larger m: it takes the highest mean
rejects         `core.stats.rejects`, clear losers leave (`best_of_k`)
halving         `core.stats.halving`, clear losers leave
top two         Thompson sampling of the two best (`top_two`)

All choose among the same arms on the same draws of items. What those that are told reach, nobody
without being told can be asked to exceed; what rules reach is reachable.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench.decisions import best_of_k, data, top_two
from bench.decisions.deviate import Floats
from bench.decisions.tables import percent, table
from numpy.typing import NDArray

CALLS, ARMS = 20, 32
TOLD = (2, 3, 4, 5, 8)
KNOWN = 5
"""Up to so many arms all orders are weighed."""


def main() -> None:
    """Print how often each finds an arm within 0.01 of the best."""
    parser = argparse.ArgumentParser(prog="bench.decisions.best_of_limits")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--races", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rows = []
    for board in data.load(given.data):
        if len(board.systems) < 10:
            continue
        for number, (name, (make, count)) in enumerate(best_of_k.fields(board, ARMS).items()):
            seed = (given.seed, 74, number)
            found = near(board.scores, make, count, given.races, seed)
            rows.append((board.name, name, count, *(percent(share) for share in found.values())))
            print(*rows[-1], sep=" | ", flush=True)
    print(table(("board", "arms", "K", *_ways(binary=True)), rows))


def near(
    scores: Floats,
    make: Callable[[Floats, int, np.random.Generator], Floats],
    count: int,
    races: int,
    seed: tuple[int, ...],
) -> dict[str, float]:
    """The share of races in which each way finds an arm within 0.01 of the best."""
    ways = _ways(binary=bool(np.isin(scores, (0.0, 1.0)).all()))
    hits = dict.fromkeys(ways, 0)
    for race in range(races):
        field = make(scores, count, np.random.default_rng([*seed, race]))
        truth = field.mean(axis=1)
        for name, choose in ways.items():
            winner, _ = choose(field, CALLS, np.random.default_rng([*seed, race, 1]))
            hits[name] += bool(truth.max() - truth[winner] <= best_of_k.CLOSE + 1e-12)
    return {name: found / races for name, found in hits.items()}


def told(
    scores: Floats, calls: int, rng: np.random.Generator, *, best: int, weigh: bool
) -> tuple[int, Floats]:
    """The choice of one who is told which arms are the best so many."""
    arms, pool = scores.shape
    items = rng.permutation(pool)[: calls * arms // best]
    among = np.argsort(-scores.mean(axis=1), kind="stable")[:best]
    among = among[rng.permutation(best)]
    seen = scores[np.ix_(among, items)]
    chosen = _weighed(scores[among], seen) if weigh else int(seen.mean(axis=1).argmax())
    return int(among[chosen]), seen[chosen]


# Private.


def _ways(*, binary: bool) -> dict[str, best_of_k.Choose]:
    found: dict[str, best_of_k.Choose] = {
        f"told {best}": functools.partial(told, best=best, weigh=binary and best <= KNOWN)
        for best in TOLD
    }
    return found | {
        "rejects": best_of_k.by_rejects,
        "halving": best_of_k.early,
        "top two": top_two.choose,
    }


def _weighed(whole: Floats, seen: Floats) -> int:
    """The arm that is near the best with the highest probability, over all orders of the arms."""
    best = len(whole)
    truth = whole.mean(axis=1)
    close = truth >= truth.max() - best_of_k.CLOSE - 1e-12
    powers = 1 << np.arange(best)
    size = 1 << best
    chance = np.bincount(powers @ whole.astype(int), minlength=size) / whole.shape[1]
    counts = np.bincount(powers @ seen.astype(int), minlength=size)
    log = np.log(np.maximum(chance, 1e-12))
    orders, patterns = _orders(best)
    likely = log[patterns] @ counts
    weights = np.exp(likely - likely.max())
    return int((weights @ close[orders]).argmax())


@functools.cache
def _orders(best: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Every order of the arms, and the pattern that each pattern is in that order."""
    orders = np.array([*itertools.permutations(range(best))])
    bits = (np.arange(1 << best)[:, None] >> np.arange(best)) & 1
    return orders, (bits[None] << orders[:, None]).sum(axis=2)


if __name__ == "__main__":
    main()
