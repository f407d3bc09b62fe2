"""How near the price that is told before a run comes to what the run costs (goal E9).

    python -m bench.decisions.pilot_prices --data DATA

The estimate is the product's own: ten of the 500 items of a run are asked, one from each tenth by
the length of its prompt (`core.economics.pilot`), and their answers stand for those of all, whose
prompts are known (`apps.estimates.measured`). "at random" is what a pilot is without that: the mean
price of any ten items. Tokens of conversations are those that Azure's service logged; of the other
tasks a token is three quarters of a word, with a prompt of 60 tokens before it, and answers are the
targets or what a system said. A prompt token costs 1, an answer's token 4.

"no better" is a bound for what ten items can tell: what spread of answers' lengths the prompts'
lengths leave (within 40 equal parts by length) is taken as lognormal, whose mean no unbiased
estimate finds nearer than Cramer and Rao's bound allows, and errors as normal.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet
import scipy.stats
from bench.decisions.deviate import Floats
from bench.decisions.tables import percent, table

from escalera.apps import estimates
from escalera.apps.estimates import Probe
from escalera.core.economics import pilot
from escalera.domain.dataset import rank
from escalera.domain.message import Message, Reply, Request, Usage
from escalera.domain.project import ModelPrice

PROMPT, READ, WRITTEN, RUN = 60, 1, 4, 500
WITHIN, PARTS = 0.15, 40
PRICE = ModelPrice(prompt=READ * 10**6, completion=WRITTEN * 10**6)
Lengths = tuple[Floats, Floats]
"""Tokens of prompts and of answers, item by item."""


def main() -> None:
    """Print a row for each kind of task and size of the pilot."""
    parser = argparse.ArgumentParser(prog="bench.decisions.pilot_prices")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=2_000)
    given = parser.parse_args()
    rows = []
    for number, (name, lengths) in enumerate(TASKS.items()):
        found = lengths(given.data)
        prices = _price(*found)
        for count in (10, 20, 40):
            rng = np.random.default_rng([9, number, count])
            limit = percent(round(bound(found, count), 3))
            row = _row(found, count, given.runs, rng)
            rows.append((name, f"{prices.std() / prices.mean():.2f}", count, *row, limit))
    head = (
        "task", "spread / mean", "pilot", "at random: within 15 %", "covered", "ours: within 15 %",
        "median error", "nine in ten", "covered", "no better than",
    )  # fmt: skip
    print(table(head, rows))


def told(read: Floats, written: Floats, at: Sequence[int], *, level: bool) -> Probe:
    """What the product tells of a run whose items *at* were asked; *level* with all its prompts."""
    return estimates.measured(
        [_request(int(read[k])) for k in at],
        [_reply(int(read[k]), int(written[k])) for k in at],
        together=1,
        concurrency=1,
        mean_characters=float(read.mean()) if level else None,
        price=PRICE if level else None,
    )


def bound(lengths: Lengths, count: int) -> float:
    """The share of prices within 15 % that no unbiased estimate from so many items exceeds."""
    read, written = lengths
    order = np.lexsort((written, read))
    parts = np.array_split(written[order], PARTS)
    left = float(np.mean([part.var() for part in parts]))
    log = np.log1p(left / written.mean() ** 2)
    relative = (log + log**2 / 2.0) / count + np.expm1(log) / RUN
    error = WRITTEN * written.mean() * np.sqrt(relative) / _price(read, written).mean()
    return 1.0 if error == 0 else float(2.0 * scipy.stats.norm.cdf(WITHIN / error) - 1.0)


# Private.


def _price(read: Floats, written: Floats) -> Floats:
    return READ * read + WRITTEN * written


def _row(lengths: Lengths, count: int, runs: int, rng: np.random.Generator) -> tuple[str, ...]:
    plain, ours = _Errors(), _Errors()
    for run in range(runs):
        drawn = rng.choice(len(lengths[0]), size=RUN, replace=len(lengths[0]) < RUN)
        read, written = (some[drawn] for some in lengths)
        spent = float(_price(read, written).mean())
        ranks = [rank(str(place), seed=run) for place in range(RUN)]
        ours.add(told(read, written, pilot.spread(read, ranks, count=count), level=True), spent)
        plain.add(told(read, written, range(count), level=False), spent)
    middle, most = np.quantile(ours.errors, [0.5, 0.9])
    return (
        plain.near,
        plain.share,
        ours.near,
        percent(round(float(middle), 3)),
        percent(round(float(most), 3)),
        ours.share,
    )


class _Errors:
    """How far prices were off, and how many intervals held what was spent."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self._covered = 0

    def add(self, probe: Probe, spent: float) -> None:
        assert probe.micro_dollars is not None
        assert probe.micro_dollars_range is not None
        self.errors.append(abs(probe.micro_dollars / spent - 1.0))
        low, high = probe.micro_dollars_range
        self._covered += low - 1e-6 <= spent <= high + 1e-6

    @property
    def near(self) -> str:
        return percent(float(np.mean([error <= WITHIN for error in self.errors])))

    @property
    def share(self) -> str:
        return percent(self._covered / len(self.errors))


def _request(read: int) -> Request:
    """A prompt of one character a token."""
    return Request(messages=(Message(role="user", content="x" * read),))


def _reply(read: int, written: int) -> Reply:
    return Reply(
        text="",
        finish_reason="stop",
        usage=Usage(prompt_tokens=read, completion_tokens=written),
        micro_dollars=READ * read + WRITTEN * written,
        seconds=1.0,
        revision="r",
    )


def _logged(data: Path) -> Lengths:
    columns = pyarrow.parquet.read_table(data / "traces_azure_conv" / "requests.parquet")
    read, written = (
        np.array(columns[name].to_pylist(), dtype=np.float64)
        for name in ("input_tokens", "output_tokens")
    )
    return read, written


def _written(place: str, asked: Callable[[dict], str], said: Callable[[dict], str]):
    """The lengths of a file of items, by the words of what is asked and what is answered."""

    def lengths(data: Path) -> Lengths:
        with gzip.open(data / place, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        read = np.array([PROMPT + _tokens(asked(row)) for row in rows], dtype=np.float64)
        return read, np.array([_tokens(said(row)) for row in rows], dtype=np.float64)

    return lengths


def _tokens(text: object) -> int:
    return max(1, round(len(str(text).split()) * 4 / 3))


TASKS: dict[str, Callable[[Path], Lengths]] = {
    "one label (CLINC150)": _written(
        "clinc150_oos/test.jsonl.gz", lambda row: row["text"], lambda row: row["label"]
    ),
    "slots as JSON (SNIPS)": _written(
        "snips_slots/test.jsonl.gz", lambda row: row["text"], lambda row: json.dumps(row["target"])
    ),
    "instructions (PandaLM)": _written(
        "judge_pandalm/pairs.jsonl.gz",
        lambda row: f"{row['instruction']} {row['input']}",
        lambda row: row["answer_a"],
    ),
    "conversations (Azure)": _logged,
}


if __name__ == "__main__":
    main()
