"""Simulated error rates, coverage and price of judges that are asked in one order where that does.

Judges follow the place for a share of the answers; whom they prefer otherwise is the truth, with
half a win where the place decides. Orders are asked by the product's rule, after as many answers
as it reads a bias. Limits are the nominal rate plus three standard errors of the
simulation. The generators are seeded; each test prints what it measured (`pytest -s`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from escalera.core.evaluation import compare, orders
from escalera.core.evaluation.judge import WORDING
from escalera.core.evaluation.sample import Row, Sample
from escalera.core.stats import mean, paired, position, ppi
from escalera.core.stats.position import Pair, Plan, State
from escalera.domain.event import Looked
from escalera.domain.judge import Judge, Panel, Scale
from escalera.domain.message import Decoding
from escalera.domain.project import Policy
from escalera.domain.verdict import Question, QuestionKind

pytestmark = pytest.mark.slow

JUDGE = Judge(
    kind="pairwise",
    model="large",
    revision="r1",
    rubric="Is right.",
    scale=Scale(lowest=0, highest=4),
    reference=False,
    decoding=Decoding(),
    wording=WORDING,
)
PANEL = Panel(name="better", judges=(JUDGE,))
RUNS = 500
ITEMS = 500


@dataclass(frozen=True)
class World:
    """A judge that follows the place for a share `flips`, forwards more often by twice `bias`.

    From the answer `turns` on it is `after`. Items of a cluster share whether the place decides,
    and which.
    """

    bias: float
    flips: float
    turns: int = 10**9
    after: World | None = None
    alike: int = 1
    truth: float = 0.6

    @property
    def wins(self) -> float:
        """The share of wins where the place does not decide: both orders together have `truth`."""
        return (self.truth - 0.5 * self.flips) / (1.0 - self.flips)

    def verdicts(self, rng: np.random.Generator, answers: int, first: int = 0):
        """The verdicts on answers, shown first and shown second; `first` came before them."""
        calm = min(max(self.turns - first, 0), answers)
        if self.after is not None and calm < answers:
            parts = (self._drawn(rng, calm), self.after._drawn(rng, answers - calm))
            return tuple(np.concatenate(some) for some in zip(*parts, strict=True))
        return self._drawn(rng, answers)

    def _drawn(self, rng: np.random.Generator, answers: int):
        groups = np.arange(answers) // self.alike
        won = rng.random(answers) < self.wins
        flips = (rng.random(answers) < self.flips)[groups]
        ahead = (rng.random(answers) < 0.5 + self.bias / max(self.flips, 1e-9))[groups]
        return np.where(flips, ahead, won).astype(float), np.where(flips, ~ahead, won).astype(float)


@dataclass
class Asked:
    """One judge as it is asked answer after answer: its state, how many there were, and the calls.

    An item's coins are the same for all systems, as those that a hash of its name tosses.
    """

    world: World
    rng: np.random.Generator
    state: State = field(default_factory=lambda: position.init(Plan(limit=PANEL.max_position_bias)))
    answers: int = 0
    calls: int = 0
    last: np.ndarray = field(default_factory=lambda: np.empty(0))

    def coins(self, items: int) -> tuple[np.ndarray, np.ndarray]:
        """Whether each item keeps both orders, and whether it is shown first where it does not."""
        return self.rng.random(items) < PANEL.second_order, self.rng.random(items) < 0.5

    def scores(self, kept: np.ndarray, heads: np.ndarray, name: str = "") -> np.ndarray:
        """What a system's answers to items with these coins score; read as often as the product."""
        first, second = self.world.verdicts(self.rng, len(kept), self.answers)
        self.last = 0.5 * (first + second)  # what both orders would say
        found, begin = np.empty(len(kept)), 0
        while begin < len(kept):
            end = min(len(kept), begin + orders.epoch(self.answers)[1] - self.answers)
            part = slice(begin, end)
            both = kept[part] if self.state.one_order else np.ones(end - begin, dtype=bool)
            single = np.where(heads[part], first[part], second[part])
            found[part] = np.where(both, 0.5 * (first[part] + second[part]), single)
            pairs = [
                Pair(
                    first=float(first[begin + n]),
                    second=float(second[begin + n]),
                    cluster=f"{name}{(begin + n) // self.world.alike}",
                )
                for n in np.flatnonzero(both)
            ]
            self.calls += end - begin + len(pairs)
            self.answers += end - begin
            self.state = position.update(self.state, pairs)
            begin = end
        return found


WORLDS = {
    "no bias, no flips": World(bias=0.0, flips=0.0),
    "bias .01, 7 % flips": World(bias=0.01, flips=0.07),
    "bias .02, 10 % flips": World(bias=0.02, flips=0.1),
    "bias -.05, 25 % flips": World(bias=-0.05, flips=0.25),
    "bias .08, 30 % flips": World(bias=0.08, flips=0.3),
    "bias .2, 45 % flips": World(bias=0.2, flips=0.45),
    "no bias, 60 % flips": World(bias=0.0, flips=0.6),
    "bias .02, then .3": World(bias=0.02, flips=0.1, turns=300, after=World(bias=0.3, flips=0.65)),
    "no bias, then -.2": World(bias=0.0, flips=0.05, turns=700, after=World(bias=-0.2, flips=0.5)),
    "bias .02, clusters of 4": World(bias=0.02, flips=0.1, alike=4),
}


def limit(alpha: float, runs: int = RUNS) -> float:
    """The largest acceptable rate."""
    return alpha + 3.0 * math.sqrt(alpha * (1.0 - alpha) / runs)


def asked(world: World, run: int) -> Asked:
    """A judge of whom nothing is known."""
    return Asked(world=world, rng=np.random.default_rng([7, run]))


@pytest.mark.parametrize("name", WORLDS)
def test_means_and_differences_keep_their_promise(name: str) -> None:
    """Two equal systems on the same items: the truth is covered, and no difference is found."""
    world = WORLDS[name]
    labels = (np.arange(ITEMS) // world.alike).tolist()
    missed = told = first_only = calls = 0
    width = []
    for run in range(RUNS):
        judge = asked(world, run)
        coins = judge.coins(ITEMS)
        left, right = judge.scores(*coins), judge.scores(*coins)
        calls += judge.calls
        found = mean.interval(right, labels)
        missed += not found.lower <= world.truth <= found.upper
        change = paired.interval(left, right, labels)
        told += not change.lower <= 0.0 <= change.upper
        first, second = world.verdicts(np.random.default_rng([9, run]), ITEMS, ITEMS)
        whole, naive = mean.interval(0.5 * (first + second), labels), mean.interval(first, labels)
        width.append((found.upper - found.lower) / (whole.upper - whole.lower))
        first_only += not naive.lower <= world.truth <= naive.upper
    share = 1.0 - calls / (RUNS * 4 * ITEMS)
    print(
        f"\n{name}: missed {missed / RUNS:.4f}, false differences {told / RUNS:.4f}, calls saved "
        f"{share:.1%}, width {np.median(width):.3f} x; first order alone missed "
        f"{first_only / RUNS:.4f}"
    )
    assert missed / RUNS <= limit(0.05)
    assert told / RUNS <= limit(0.05)
    if name in ("no bias, no flips", "bias .01, 7 % flips", "bias .02, 10 % flips"):
        assert share > 0.38
    if name in ("bias .2, 45 % flips", "no bias, 60 % flips"):
        assert share < 0.03


@pytest.mark.parametrize(
    "name", ["bias .02, 10 % flips", "bias .2, 45 % flips", "bias .02, then .3"]
)
@pytest.mark.parametrize("kind", ["adequacy", "regression"])
def test_looks_err_as_rarely_as_they_say(name: str, kind: QuestionKind) -> None:
    """The product's looks on what lies exactly at the bar, or falls by exactly the margin."""
    world, policy, compared = WORLDS[name], Policy(), kind == "regression"
    after = world.after and replace(world.after, truth=world.truth - 0.05)
    worse = replace(world, truth=world.truth - 0.05, after=after)
    null, wrong = (-0.05, 0) if compared else (world.truth, 0)
    question = Question(
        kind=kind, task="a", candidate="x", incumbent=None, threshold=abs(null), alpha=0.05
    )
    for run in range(RUNS):
        judge = asked(world, run)
        coins = judge.coins(ITEMS)
        old = judge.scores(*coins)
        judge.world = worse if compared else world
        new = judge.scores(*coins)
        rows = [
            Row(
                candidate=float(new[n]),
                incumbent=float(old[n]) if compared else None,
                cluster=f"{n}",
            )
            for n in range(ITEMS)
        ]
        before: list[Looked] = []
        for time in policy.looks:
            sample = Sample(rows=tuple(rows[: round(time * ITEMS)]), paired=compared)
            before.append(compare.look(question, sample, before, policy))
        wrong += any(not look.figure.lower <= null <= look.figure.upper for look in before)
    print(f"\n{name}, {kind}: ever wrong {wrong / RUNS:.4f}")
    assert wrong / RUNS <= limit(0.05)


@pytest.mark.parametrize("flips", [0.2, 0.5, 0.9])
def test_a_bias_at_the_limit_is_seldom_called_small(flips: float) -> None:
    """At any of 1,000 pairs, with half of alpha."""
    world, said = World(bias=0.1, flips=flips), 0
    for run in range(RUNS):
        rng = np.random.default_rng([11, run])
        pairs = [
            Pair(first=first, second=second, cluster=n)
            for n, (first, second) in enumerate(zip(*world.verdicts(rng, 1000), strict=True))
        ]
        state = position.init(Plan(limit=0.1))
        while pairs and state.word == "open":
            state, pairs = position.update(state, pairs[: position.EVERY]), pairs[position.EVERY :]
        said += state.word == "small"
    print(f"\n{flips:.0%} flips: small said in {said / RUNS:.4f}")
    assert said / RUNS <= limit(0.025)


def test_a_drift_is_found_by_the_sample_that_keeps_both_orders() -> None:
    """How many answers after it both orders are asked again; the scores stay unbiased meanwhile."""
    world, moved, runs = World(bias=0.0, flips=0.1), World(bias=0.3, flips=0.65), 400
    found, errors = [], []
    for run in range(runs):
        judge = asked(world, run)
        judge.scores(*judge.coins(512))
        if not judge.state.one_order:
            continue
        judge.world, begun, scores = moved, judge.answers, []
        while judge.state.one_order:
            scores += judge.scores(*judge.coins(64), name=f"{judge.answers} ").tolist()
        found.append(judge.answers - begun)
        errors.append(np.mean(scores) - moved.truth)
    often = np.quantile(found, [0.1, 0.5, 0.9])
    print(f"\nfound after {often} answers, error of the scores till then {np.mean(errors):+.4f}")
    assert len(found) > 0.95 * runs
    assert np.median(found) <= 640
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(len(errors))


def test_labels_correct_what_was_asked_in_one_order() -> None:
    """PPI++ with 40 labels among 500 answers, a judge that is too kind and asked both ways."""
    world, missed = WORLDS["bias .02, 10 % flips"], 0
    truth = 0.8 * world.truth + 0.2 * 0.3
    for run in range(RUNS):
        judge = asked(world, run)
        scores = judge.scores(*judge.coins(ITEMS))
        guesses = judge.rng.random(ITEMS) < 0.3
        people = np.where(judge.rng.random(ITEMS) < 0.8, judge.last, guesses)
        labelled = judge.rng.permutation(ITEMS) < 40
        given = [float(y) if known else None for y, known in zip(people, labelled, strict=True)]
        found = ppi.mean(scores, given).interval
        missed += not found.lower <= truth <= found.upper
    print(f"\ncorrected: missed {missed / RUNS:.4f}")
    assert missed / RUNS <= limit(0.06)
