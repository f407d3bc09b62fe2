"""The climb's races with clear losers leaving early: how good is the winner, at what price?

    python -m bench.decisions.races --data DATA

Arms are systems of a board, or blends of them (`best_of_k`); a race has 60 calls for each, as a
climb's, and at most so many `search` items as the pool holds.

plain   halving, as planned
leave   the same rounds, but whoever is clearly behind leaves and its calls are saved (the climb)
share   the same, and the calls saved are shared by the rest (`halving.following`)
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench.decisions import best_of_k, data
from bench.decisions.deviate import Floats
from bench.decisions.tables import percent, table

from escalera.core.ladder.race import CALLS_PER_ENTRANT
from escalera.core.stats import halving

Ran = tuple[int, int]
"""The winner, and the calls that were made."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.decisions.races")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--races", type=int, default=300)
    given = parser.parse_args()
    boards = [board for board in data.load(given.data) if len(board.systems) >= 10]
    rows = [
        (board.name, field, arms, pool, *_row(board.scores, make, arms, pool, given.races))
        for board in boards
        for field, make in FIELDS.items()
        for arms, pool in itertools.product((5, 8, 14), (40, 200))
    ]
    heads = (f"{rule}: {what}" for rule in RULES for what in ("within .01", "regret", "calls"))
    print(table(("board", "arms are", "arms", "pool", *heads), rows))


def plain(scores: Floats, pool: int, rng: np.random.Generator) -> Ran:
    """Halving by cumulative means on the planned rounds."""
    return _planned(scores, pool, rng, early=False)


def leave(scores: Floats, pool: int, rng: np.random.Generator) -> Ran:
    """Halving whose clear losers leave, on the planned rounds."""
    return _planned(scores, pool, rng, early=True)


def share(scores: Floats, pool: int, rng: np.random.Generator) -> Ran:
    """Halving whose clear losers leave their calls to the rest."""
    alive, seen, calls = [*range(len(scores))], 0, 0
    order = rng.permutation(scores.shape[1])[:pool]
    budget = CALLS_PER_ENTRANT * len(scores)
    while one := halving.following(arms=len(alive), calls=budget - calls, pool=pool - seen):
        seen, calls = seen + one.new_items, calls + one.calls
        found = list(scores[np.ix_(alive, order[:seen])])
        alive = [alive[at] for at in halving.contenders(found, keep=one.survivors)]
    return alive[0], calls


# Private.


def _planned(scores: Floats, pool: int, rng: np.random.Generator, *, early: bool) -> Ran:
    arms = len(scores)
    alive, seen, calls = [*range(arms)], 0, 0
    order = rng.permutation(scores.shape[1])[:pool]
    for one in halving.schedule(arms=arms, calls=CALLS_PER_ENTRANT * arms, pool=pool):
        if len(alive) == 1:
            break
        seen, calls = seen + one.new_items, calls + one.new_items * len(alive)
        found, keep = scores[np.ix_(alive, order[:seen])], min(one.survivors, len(alive))
        if early:
            kept = halving.contenders(list(found), keep=keep)
        else:
            kept = halving.survivors(found.mean(axis=1).tolist(), keep=keep)
        alive = [alive[at] for at in kept]
    return alive[0], calls


def _drawn(scores: Floats, count: int, rng: np.random.Generator) -> Floats:
    return scores[rng.permutation(len(scores))[:count]]


FIELDS: dict[str, Callable[[Floats, int, np.random.Generator], Floats]] = {
    "systems": _drawn,
    "a third systems, the rest blends": best_of_k.mixed,
    "blends of the five best": best_of_k.close,
}
RULES: dict[str, Callable[[Floats, int, np.random.Generator], Ran]] = {
    "plain": plain,
    "leave": leave,
    "share": share,
}


def _row(
    scores: Floats,
    make: Callable[[Floats, int, np.random.Generator], Floats],
    arms: int,
    pool: int,
    races: int,
) -> list[str]:
    cells = []
    for rule in RULES.values():
        rng = np.random.default_rng([5, arms, pool])
        regrets, calls = [], 0
        for _ in range(races):
            field = make(scores, arms, rng)
            truth = field.mean(axis=1)
            winner, made = rule(field, pool, rng)
            regrets.append(float(truth.max() - truth[winner]))
            calls += made
        near = float(np.mean([regret <= best_of_k.CLOSE for regret in regrets]))
        cells += [percent(near), f"{np.mean(regrets):.4f}", f"{calls / races / arms:.1f}"]
    return cells


if __name__ == "__main__":
    main()
