"""Weak or strong: what a router by difficulty brings, on outcomes of real models."""

from __future__ import annotations

import numpy as np
from bench.routing import peers
from bench.routing.data import Outcomes

from escalera.core.routing import cascade, gain, quality

BOUNDS = (0.02, 0.05, 0.10)
HEAD = (
    "| data | signal | strong asked | score | beside blind choice of the same price | verdict |",
    "|---|---|---|---|---|---|",
)


def lines(every: list[Outcomes]) -> list[str]:
    """The section: the curve's figures, then the calibrated thresholds."""
    curves = [
        "| data | items to judge on | weak | strong | signal | gap recovered, mean over prices "
        "| strong calls for half the gap |",
        "|---|---|---|---|---|---|---|",
    ]
    halves, bounds = (
        [*HEAD],
        [
            "| data | most that may be lost | threshold | lost on the calibration part "
            "| lost on the test part | strong asked | beside blind choice of the same price "
            "| verdict |",
            "|---|---|---|---|---|---|---|---|",
        ],
    )
    for one in every:
        for name, signal in signals(one).items():
            test = one.part == 3
            weak, strong = one.weak[test], one.strong[test]
            curves.append(
                f"| {one.name} | {int(test.sum())} | {weak.mean():.3f} | {strong.mean():.3f} "
                f"| {name} | {recovered(signal[test], weak, strong):.3f} "
                f"| {half(signal[test], weak, strong):.2f} |"
            )
            asked = signal[test] < np.median(signal[test])
            found = gain.at_equal_price(asked, weak, strong)
            score = np.where(asked, strong, weak).mean()
            halves.append(
                f"| {one.name} | {name} | {found.strong:.2f} | {score:.3f} "
                f"| {_interval(found)} | {found.word} |"
            )
            if name == OURS:
                bounds += [_bounded(one, signal, most) for most in BOUNDS]
    return [
        "## Weak or strong",
        "",
        "Half of the items is learned from, a quarter calibrates thresholds, a quarter judges. The "
        "signal is the probability that the weak model is right, from the question alone. Blind "
        "choice, of any share, recovers 0.5 of the gap on the mean over prices, and half of it "
        "with half of the calls; figures of RouteLLM's own routers do not come with these data.",
        "",
        *curves,
        "",
        "Where the half of the items with the lowest signal goes to the strong model:",
        "",
        *halves,
        "",
        "Thresholds calibrated to a bound that is kept with probability 0.95 (Learn then Test):",
        "",
        *bounds,
        "",
    ]


OURS = "Escalera"


def signals(one: Outcomes) -> dict[str, np.ndarray]:
    """The signal of every item, by who gives it."""
    taught = np.flatnonzero(one.part < 2)
    texts = [one.prompts[place] for place in taught]
    judge = quality.fit(texts, (one.weak[taught] > 0).tolist())
    return {
        OURS: np.array([judge.signal(text) for text in one.prompts]),
        "TF-IDF + logistic regression": peers.likely(texts, one.weak[taught], one.prompts),
    }


def _bounded(one: Outcomes, signal: np.ndarray, most: float) -> str:
    held, test = one.part == 2, one.part == 3
    found = cascade.calibrate(signal[held], one.weak[held], one.strong[held], most_lost=most)
    limit = np.inf if found.threshold is None else found.threshold
    asked = signal[test] < limit
    weak, strong = one.weak[test], one.strong[test]
    lost = np.where(asked, 0, np.maximum(0, strong - weak)).mean()
    told = gain.at_equal_price(asked, weak, strong)
    shown = "none" if found.threshold is None else f"{found.threshold:.3f}"
    return (
        f"| {one.name} | {most:.2f} | {shown} | {found.bound.lost:.3f} | {lost:.3f} "
        f"| {told.strong:.2f} | {_interval(told)} | {told.word} |"
    )


def _interval(found: gain.Gain) -> str:
    one = found.interval
    return f"{one.estimate:+.3f} ({one.lower:+.3f} to {one.upper:+.3f})"


def _curve(signal: np.ndarray, weak: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """The share of the gap recovered where 0, 1, ... n of the items go to the strong model."""
    order = np.argsort(signal, kind="stable")
    gained = np.append(0.0, np.cumsum((strong - weak)[order]))
    return gained / gained[-1]


def recovered(signal: np.ndarray, weak: np.ndarray, strong: np.ndarray) -> float:
    """The share of the gap recovered, on the mean over all shares of strong calls."""
    return float(_curve(signal, weak, strong).mean())


def half(signal: np.ndarray, weak: np.ndarray, strong: np.ndarray) -> float:
    """The share of strong calls that recovers half of the gap."""
    found = _curve(signal, weak, strong)
    return float(np.flatnonzero(found >= 0.5)[0] / (len(found) - 1))
