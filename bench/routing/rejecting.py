"""In-scope accuracy and rejection of strangers, ours beside the peers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.routing import peers
from bench.routing.data import Messages
from sklearn.metrics import roc_auc_score

from escalera.core.routing import abstention, calibration, fitting, storing
from escalera.core.routing.router import Choice, Router
from escalera.core.stats import paired

COVERAGE = 0.95
MESSAGE = (
    "I would like to change the delivery address of my order 12345, because I am moving to another "
    "town next week; could you please send the two lamps and the chair to my new flat instead? "
    "Thank you a lot!"
)[:200]


@dataclass(frozen=True)
class Told:
    """Of each test message whether its type was found, and how familiar it is."""

    right: np.ndarray
    familiarity: np.ndarray


def learned(messages: Messages, kept: Path) -> Router:
    """The router of a data set, read where it was kept."""
    folder = kept / messages.name
    if not folder.exists():
        texts, labels = zip(*messages.train, strict=True)
        router = fitting.fit(messages.types, texts, labels)
        folder.mkdir(parents=True)
        for name, content in storing.to_files(router).items():
            (folder / name).write_bytes(content)
    return storing.from_files({file.name: file.read_bytes() for file in folder.iterdir()})


def lines(messages: Messages, kept: Path, generic: Sequence[str] = ()) -> list[str]:
    """The section of a data set; *generic* messages are taught as strangers to a second router."""
    router = learned(messages, kept)
    labels = np.array([label for _, label in messages.test])
    familiar = labels != messages.stranger
    choices = [router.choose(text) for text, _ in messages.test]
    ours = _told(router, messages)
    found = [
        f"## {messages.name}",
        "",
        f"{len(messages.types)} types, {len(messages.train)} messages to learn from, none of them "
        f"a stranger; {int(familiar.sum())} familiar messages and {int((~familiar).sum())} "
        f"strangers to judge on. Rejected: the share of strangers below the threshold that keeps "
        "95 % of the familiar messages of the test; ours less theirs, paired by message, with 95 % "
        "intervals.",
        "",
        "| | right, in scope | strangers rejected | area under ROC | more right by ours "
        "| more rejected by ours |",
        "|---|---|---|---|---|---|",
        _row("Escalera", ours, familiar, None),
    ]
    if generic:
        texts, types = zip(*messages.train, strict=True)
        wary = fitting.fit(messages.types, texts, types, strangers=generic)
        name = f"Escalera, {len(generic)} messages of another data set as strangers"
        found.append(_row(name, _told(wary, messages), familiar, None))
    for name, features in peers.PEERS.items():
        types, margins = peers.told(messages, features)
        found.append(_row(name, Told(types == labels, margins), familiar, ours))
    if messages.strangers:
        types = peers.with_strangers(messages, peers.both)
        found.append(
            f"| words and n-grams, {len(messages.strangers)} known strangers as one more type, "
            "no threshold "
            f"| {np.mean(types[familiar] == labels[familiar]):.3f} "
            f"| {np.mean(types[~familiar] == messages.stranger):.3f} | | | |"
        )
    found += ["", _calibrated(choices, ours, familiar)]
    if messages.valid:
        found += ["", _promised(router, messages, ours, familiar)]
    return [*found, "", _timed(router, messages), ""]


def _told(router: Router, messages: Messages) -> Told:
    choices = [router.choose(text) for text, _ in messages.test]
    return Told(
        right=np.array(
            [one.type == label for one, (_, label) in zip(choices, messages.test, strict=True)]
        ),
        familiarity=np.array([one.familiarity for one in choices]),
    )


def _row(name: str, told: Told, familiar: np.ndarray, ours: Told | None) -> str:
    cells = [
        f"{told.right[familiar].mean():.3f}",
        f"{_rejected(told, familiar).mean():.3f}",
        f"{roc_auc_score(familiar, told.familiarity):.3f}",
    ]
    if ours is None:
        cells += ["", ""]
    else:
        cells.append(_difference(ours.right[familiar], told.right[familiar]))
        cells.append(_difference(_rejected(ours, familiar), _rejected(told, familiar)))
    return f"| {name} | {' | '.join(cells)} |"


def _rejected(told: Told, familiar: np.ndarray) -> np.ndarray:
    limit = np.quantile(told.familiarity[familiar], 1 - COVERAGE)
    return told.familiarity[~familiar] < limit


def _difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    found = paired.interval(ours.astype(float), theirs.astype(float))
    return f"{found.estimate:+.3f} ({found.lower:+.3f} to {found.upper:+.3f})"


def _calibrated(choices: list[Choice], ours: Told, familiar: np.ndarray) -> str:
    sure = np.array([one.probability for one in choices])[familiar]
    error = calibration.calibration_error(sure, ours.right[familiar])
    return (
        f"Probabilities of the choices, in scope: {sure.mean():.3f} on average, right "
        f"{ours.right[familiar].mean():.3f}; expected calibration error {error:.3f}."
    )


def _promised(router: Router, messages: Messages, ours: Told, familiar: np.ndarray) -> str:
    known = [
        router.choose(text).familiarity
        for text, label in messages.valid
        if label != messages.stranger
    ]
    rule = abstention.threshold(known, coverage=COVERAGE)
    kept = ours.familiarity >= rule.value
    return (
        f"With the threshold from {rule.n} validation messages instead, which promises that "
        f"{COVERAGE:.0%} are kept (at least {rule.assured:.3f} at level 0.95): kept "
        f"{kept[familiar].mean():.3f}, strangers rejected {1 - kept[~familiar].mean():.3f}."
    )


def _timed(router: Router, messages: Messages) -> str:
    peer = peers.learned(messages, peers.both)
    ours = _microseconds(lambda: router.choose(MESSAGE))
    theirs = _microseconds(lambda: peer.predict([MESSAGE]))
    return (
        f"A choice for {len(MESSAGE)} characters among {len(router.types)} types: {ours:.0f} µs, "
        f"with scikit-learn {theirs:.0f} µs (one thread, best of 40 rounds of 50)."
    )


def _microseconds(choose: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(40):
        began = time.perf_counter()
        for _ in range(50):
            choose()
        best = min(best, time.perf_counter() - began)
    return best / 50 * 1e6
