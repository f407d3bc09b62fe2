"""How near the price that is told before a run comes to what the run costs (goal E9).

    python -m bench.decisions.pilot_prices --data DATA

The estimate is the product's own (`apps.estimates.measured`): ten items are asked, and their mean
price stands for that of the other 500. Tokens of conversations are those that Azure's service
logged; of the other tasks a token is three quarters of a word, with a prompt of 60 tokens before
it, and answers are the targets or what a system said. A prompt token costs 1, an answer's token 4.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
from bench.decisions.deviate import Floats
from bench.decisions.tables import percent, table

from escalera.apps import estimates
from escalera.domain.message import Reply, Usage

PROMPT, READ, WRITTEN, RUN = 60, 1, 4, 500
WITHIN = 0.15


def main() -> None:
    """Print a row for each kind of task and size of the pilot."""
    parser = argparse.ArgumentParser(prog="bench.decisions.pilot_prices")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=2_000)
    given = parser.parse_args()
    rows = []
    for number, (name, prices) in enumerate(TASKS.items()):
        found = prices(given.data)
        for pilot in (10, 20, 40):
            rng = np.random.default_rng([9, number, pilot])
            rows.append((name, f"{found.std() / found.mean():.2f}", pilot,
                         *_row(found, pilot, given.runs, rng)))  # fmt: skip
    head = (
        "task",
        "spread / mean",
        "pilot",
        "within 15 %",
        "median error",
        "nine in ten",
        "covered",
    )
    print(table(head, rows))


# Private.


def _row(prices: Floats, pilot: int, runs: int, rng: np.random.Generator) -> tuple[str, ...]:
    errors, covered = [], 0
    for _ in range(runs):
        drawn = rng.choice(prices, size=pilot + RUN, replace=len(prices) < pilot + RUN)
        told = estimates.measured(
            (), [_reply(int(x)) for x in drawn[:pilot]], together=1, concurrency=1
        )
        spent = float(drawn[pilot:].mean())
        mean, ends = told.micro_dollars, told.micro_dollars_range
        assert mean is not None
        assert ends is not None
        errors.append(abs(mean / spent - 1.0))
        covered += ends[0] <= spent <= ends[1]
    near = float(np.mean([error <= WITHIN for error in errors]))
    middle, most = np.quantile(errors, [0.5, 0.9])
    return percent(near), percent(float(middle)), percent(float(most)), percent(covered / runs)


def _reply(price: int) -> Reply:
    return Reply(
        text="",
        finish_reason="stop",
        usage=Usage(prompt_tokens=1, completion_tokens=1),
        micro_dollars=price,
        seconds=1.0,
        revision="r",
    )


def _logged(data: Path) -> Floats:
    columns = pyarrow.parquet.read_table(data / "traces_azure_conv" / "requests.parquet")
    read, written = (
        np.array(columns[name].to_pylist()) for name in ("input_tokens", "output_tokens")
    )
    return (READ * read + WRITTEN * written).astype(np.float64)


def _written(place: str, asked: Callable[[dict], str], said: Callable[[dict], str]):
    """The prices of a file of items, by the words of what is asked and what is answered."""

    def prices(data: Path) -> Floats:
        with gzip.open(data / place, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return np.array([*_each(rows)], dtype=np.float64)

    def _each(rows: list[dict]) -> Iterator[float]:
        for row in rows:
            yield READ * (PROMPT + _tokens(asked(row))) + WRITTEN * _tokens(said(row))

    return prices


def _tokens(text: object) -> int:
    return max(1, round(len(str(text).split()) * 4 / 3))


TASKS: dict[str, Callable[[Path], Floats]] = {
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
