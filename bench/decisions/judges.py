"""A judge and 30 human labels: coverage and width of the corrected mean and difference.

Samples are drawn independently from all pairs of the data, whose human mean is the truth: every
item has the judge, 30 random ones the label. Real judges and people: PandaLM (three human votes,
two judges) and LLMBar (gold preference, judges in both orders). Synthetic bias on real scores: the
boards' scores stand for people, and the judge is their copy, noisy, shifted and rounded.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet
from bench.decisions.data import Board
from bench.decisions.deviate import Floats

from escalera.core.stats import mean, paired, ppi

LABELS = 30
WORTH = {"a": 1.0, "tie": 0.5, "b": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Human and judge values of every item; `paired` when they are differences."""

    name: str
    human: Floats
    judge: Floats
    differences: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Coverage of the corrected interval, of the judge alone and of the labels alone; widths."""

    case: str
    items: int
    correlation: float
    runs: int
    covered: float
    judge_bias: float
    judge_covered: float
    labels_covered: float
    width: float
    ideal: float


def run(folder: Path, boards: list[Board], *, runs: int, seed: int) -> list[Row]:
    """Return a row per case."""
    rng = np.random.default_rng([seed, 74])
    cases = [*_pandalm(folder), *_llmbar(folder), *_synthetic(boards, rng)]
    return [_row(case, runs, np.random.default_rng([seed, 75, k])) for k, case in enumerate(cases)]


def _row(case: Case, runs: int, rng: np.random.Generator, *, items: int = 1000) -> Row:
    truth = float(case.human.mean())
    correct: Callable[..., ppi.Corrected] = ppi.difference if case.differences else ppi.mean
    inside = labelled_inside = judged_inside = 0
    widths = []
    for _ in range(runs):
        drawn = rng.integers(len(case.human), size=items)
        judge, human = case.judge[drawn], case.human[drawn]
        labels = [float(y) if k < LABELS else None for k, y in enumerate(human)]
        found = correct(judge, labels).interval
        alone = _plain(human[:LABELS], differences=case.differences)
        judged = _plain(judge, differences=case.differences)
        inside += found.lower <= truth <= found.upper
        labelled_inside += alone.lower <= truth <= alone.upper
        judged_inside += judged.lower <= truth <= judged.upper
        widths.append((found.upper - found.lower) / (alone.upper - alone.lower))
    r = float(np.corrcoef(case.human, case.judge)[0, 1])
    return Row(
        case=case.name,
        items=items,
        correlation=r,
        runs=runs,
        covered=inside / runs,
        judge_bias=float(case.judge.mean() - truth),
        judge_covered=judged_inside / runs,
        labels_covered=labelled_inside / runs,
        width=float(np.median(widths)),
        ideal=float(np.sqrt(1.0 - r * r)),
    )


# Private.


def _plain(values: Floats, *, differences: bool):
    if not differences:
        return mean.interval(values)
    return paired.interval(np.maximum(values, 0.0), np.maximum(-values, 0.0))


def _pandalm(folder: Path) -> list[Case]:
    place = folder / "judge_pandalm"
    if not place.is_dir():
        return []
    human = {p["id"]: WORTH[p["human"]] for p in _lines(place / "pairs.jsonl.gz")}
    table = pyarrow.parquet.read_table(place / "judgments.parquet").to_pylist()
    found = []
    for judge in sorted({row["judge"] for row in table}):
        said = {r["id"]: WORTH[r["verdict"]] for r in table if r["judge"] == judge and r["verdict"]}
        both = sorted(set(said) & set(human))
        found.append(
            Case(
                name=f"PandaLM, people and {judge}",
                human=np.array([human[i] for i in both]),
                judge=np.array([said[i] for i in both]),
                differences=False,
            )
        )
    return found


def _llmbar(folder: Path) -> list[Case]:
    place = folder / "judge_llmbar"
    if not place.is_dir():
        return []
    human = {p["id"]: WORTH[p["human"]] for p in _lines(place / "pairs.jsonl.gz")}
    table = pyarrow.parquet.read_table(place / "judgments.parquet").to_pylist()
    found = []
    for judge in ("GPT-4", "ChatGPT-0301", "PaLM2"):
        said: dict[str, list[float]] = {}
        for row in table:
            if row["judge"] == judge and row["strategy"] == "CoT" and row["verdict"]:
                said.setdefault(row["id"], []).append(WORTH[row["verdict"]])
        both = sorted(i for i in said if len(said[i]) == 2 and i in human)
        if both:
            found.append(
                Case(
                    name=f"LLMBar, gold and {judge} in both orders",
                    human=np.array([human[i] for i in both]),
                    judge=np.array([float(np.mean(said[i])) for i in both]),
                    differences=False,
                )
            )
    return found


def _synthetic(boards: list[Board], rng: np.random.Generator) -> list[Case]:
    found = []
    for board in boards:
        order = np.argsort(board.scores.mean(axis=1))
        first, second = board.scores[order[-1]], board.scores[order[-2]]
        lenient, strict = (_biased(first, board, rng, 0.15), _biased(second, board, rng, -0.05))
        found += [
            Case(name=f"{board.name}, synthetic lenient judge", human=first, judge=lenient,
                 differences=False),
            Case(name=f"{board.name}, synthetic judge that prefers one side",
                 human=first - second, judge=lenient - strict, differences=True),
        ]  # fmt: skip
    return found


def _biased(scores: Floats, board: Board, rng: np.random.Generator, shift: float) -> Floats:
    """Noisy and shifted scores; right and wrong are turned round, more often in one direction."""
    if board.binary:
        chance = np.where(scores == 1.0, 0.1 - min(0.0, shift), 0.1 + max(0.0, shift))
        return np.where(rng.random(scores.shape) < chance, 1.0 - scores, scores)
    noisy = scores + shift + rng.normal(0.0, 0.2, scores.shape)
    return np.round(np.clip(noisy, 0.0, 1.0), 1)


def _lines(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
