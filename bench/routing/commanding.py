"""What `escalera route` says of recorded outcomes: once as the command, then its logic on splits.

The command asks two endpoints that answer as the real models did. Its logic is replayed on many
splits of the same items, and what it promises and claims is held against items that it never saw.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from bench.routing.data import Outcomes

from escalera.apps.gateway.app import application
from escalera.core.routing import proving
from escalera.core.routing.proving import Claim, Pair, Proof
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.loopback import serving
from escalera.testing.scripted import ScriptedProvider

SPLITS = 20
SEARCH, HALF = 0.2, 0.15
MOST_LOST, MARGIN, ALPHA = 0.05, 0.05, 0.05
WEAK_PRICE, STRONG_PRICE = 0.4, 10.0
"""Dollars per million tokens of questions: Mixtral 8x7B at FriendliAI, GPT-4 Turbo (1106). An
answer of a letter is nearly free; that of an exercise is not counted."""
PROJECT = """
[project]
name = "outcomes"

[models.weak]
base_url = "{weak}/v1"
model = "m"
price = {{ prompt = {weak_price}, completion = 0.0 }}
concurrency = 16

[models.strong]
base_url = "{strong}/v1"
model = "m"
price = {{ prompt = {strong_price}, completion = 0.0 }}
concurrency = 16

[climb]
model = "weak"

[tasks.answers]
data = "answers.jsonl"
scorer = "exact"
bar = 0.8
margin = {margin}

[tasks.answers.prompt]
instruction = "Answer."
"""


@dataclass(frozen=True)
class Replayed:
    """One split: what was promised and claimed, and what held on the items that were left."""

    threshold: float | None
    lost: float
    share: float
    proof: Proof
    gain: float
    blind: float
    saved: float

    @property
    def holds(self) -> bool:
        """Whether what a gain claims is so on the items that were left."""
        better = self.gain > 0 or (self.saved > 0 and self.gain > -MARGIN)
        return self.blind > 0 and better


def lines(every: list[Outcomes], *, splits: int = SPLITS) -> list[str]:
    """The section."""
    every = [_distinct(one) for one in every]
    found = [
        "## `escalera route` on recorded outcomes",
        "",
        f"Mixtral 8x7B or GPT-4 Turbo, at ${WEAK_PRICE:g} and ${STRONG_PRICE:g} per million tokens "
        f"of a question. {SEARCH:.0%} of the items teach the signal, {HALF:.0%} calibrate the "
        f"threshold (at most {MOST_LOST:g} lost, with probability 0.95), {HALF:.0%} test, with the "
        f"margin {MARGIN:g}; the other {1 - SEARCH - 2 * HALF:.0%} are fresh, and the command "
        "never sees them.",
        "",
        "The command itself, before two endpoints that answer as the models did:",
        "",
        *_commanded(every[0]),
        "",
        f"Its logic on {splits} splits of the items, drawn anew. Lost: on fresh items where the "
        "weak model answered. Covered: the intervals of the gain beside one model, and beside "
        "chance at the same price, that hold the figure of the fresh items.",
        "",
        "| data | items | threshold, median | bound kept on fresh items "
        "| lost on fresh items, mean (largest) | strong asked | a gain claimed "
        "| of these true on fresh items | beside one model, fresh | saved, fresh "
        "| covered: one model | covered: chance |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in every:
        runs = [replayed(one, seed) for seed in range(splits)]
        found.append(_row(one, runs))
        gc.collect()
    return [*found, ""]


def replayed(one: Outcomes, seed: int) -> Replayed:
    """The logic of the command on the split of this *seed*."""
    order = np.random.default_rng(seed).permutation(len(one.prompts))
    cuts = (len(order) * np.cumsum([SEARCH, HALF, HALF])).astype(int)
    search, calibrating, testing, fresh = (
        [_pair(one, int(n)) for n in part] for part in np.split(order, cuts)
    )
    judge = proving.learn(search)
    found = proving.calibrate(judge, calibrating, most_lost=MOST_LOST)
    claim = Claim(
        threshold=found.threshold,
        asking="before",
        single=proving.best(calibrating),
        margin=MARGIN,
    )
    proof = proving.prove(judge, testing, claim, alpha=ALPHA)
    truth = proving.prove(judge, fresh, claim, alpha=ALPHA)
    weakly = [
        claim.threshold is not None and judge.signal(pair.text) >= claim.threshold for pair in fresh
    ]
    lost = [
        max(0.0, pair.strong - pair.weak) * asked for pair, asked in zip(fresh, weakly, strict=True)
    ]
    return Replayed(
        threshold=found.threshold,
        lost=float(np.mean(lost)),
        share=truth.blind.strong,
        proof=proof,
        gain=truth.gain.estimate,
        blind=truth.blind.interval.estimate,
        saved=truth.saved.estimate,
    )


# Below: private.


def _distinct(one: Outcomes) -> Outcomes:
    """Each question once: the command takes none into two splits."""
    first = sorted({prompt: n for n, prompt in reversed([*enumerate(one.prompts)])}.values())
    return Outcomes(
        name=one.name,
        prompts=[one.prompts[n] for n in first],
        weak=one.weak[first],
        strong=one.strong[first],
        part=one.part[first],
    )


def _pair(one: Outcomes, n: int) -> Pair:
    tokens = len(one.prompts[n]) / 4
    return Pair(
        item=f"{n}",
        cluster=f"{n}",
        text=one.prompts[n],
        weak=float(one.weak[n]),
        strong=float(one.strong[n]),
        weak_expense=tokens * WEAK_PRICE,
        strong_expense=tokens * STRONG_PRICE,
    )


def _row(one: Outcomes, runs: list[Replayed]) -> str:
    def mean(name: str) -> float:
        return float(np.mean([getattr(run, name) for run in runs]))

    thresholds = [run.threshold for run in runs if run.threshold is not None]
    claimed = [run for run in runs if run.proof.worth == "gain"]
    kept = sum(run.lost <= MOST_LOST for run in runs)
    single = sum(run.proof.gain.lower <= run.gain <= run.proof.gain.upper for run in runs)
    chance = sum(
        run.proof.blind.interval.lower <= run.blind <= run.proof.blind.interval.upper
        for run in runs
    )
    most = max(run.lost for run in runs)
    middle = f"{np.median(thresholds):.3f}" if thresholds else "none"
    cells = [
        one.name,
        f"{len(one.prompts)}",
        middle,
        f"{kept} of {len(runs)}",
        f"{mean('lost'):.4f} ({most:.4f})",
        f"{mean('share'):.2f}",
        f"{len(claimed)} of {len(runs)}",
        f"{sum(run.holds for run in claimed)} of {len(claimed)}",
        f"{mean('gain'):+.3f}",
        f"{mean('saved'):.0f} millionths of a dollar",
        f"{single} of {len(runs)}",
        f"{chance} of {len(runs)}",
    ]
    return f"| {' | '.join(cells)} |"


def _commanded(one: Outcomes) -> list[str]:
    """What the command prints, on the split of seed 0."""
    order = np.random.default_rng(0).permutation(len(one.prompts))
    search, confirm = (int(len(order) * share) for share in (SEARCH, SEARCH + 2 * HALF))
    with TemporaryDirectory() as folder, ExitStack() as stack:
        rows = [
            {
                "id": f"item-{n}",
                "split": "search" if place < search else "confirm",
                "input": one.prompts[n],
                "target": "right",
            }
            for place, n in enumerate(order[:confirm].tolist())
        ]
        rows += [
            {"id": f"t{n}", "split": "train", "input": f"{n}", "target": "right"} for n in range(8)
        ]
        (Path(folder) / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
        urls = {
            name: stack.enter_context(serving(_endpoint(one, scores)))
            for name, scores in (("weak", one.weak), ("strong", one.strong))
        }
        told = PROJECT.format(
            **urls, weak_price=WEAK_PRICE, strong_price=STRONG_PRICE, margin=MARGIN
        )
        (Path(folder) / "escalera.toml").write_text(told)
        command = [sys.executable, "-m", "escalera", "route", "weak", "strong", "-p", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 3, 4}:
        raise RuntimeError(done.stderr)
    printed = [f"    {line}" for line in done.stdout.rstrip().splitlines()]
    return [*printed, "", f"(exit code {done.returncode})"]


def _endpoint(one: Outcomes, scores: np.ndarray):
    """An endpoint that is right where the model was."""
    right = dict(zip(one.prompts, (scores > 0).tolist(), strict=True))

    def answer(request: Request) -> str:
        return "right" if right[request.messages[-1].content] else "wrong"

    models = {"m": Served(revision="r", provider=ScriptedProvider(answer))}
    desk = Desk(label="none", route=None, infer=None, models=models)
    return application(desk, api_key=None, now=lambda: 5.0)
