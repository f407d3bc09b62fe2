"""Write Norte's task files: who wrote which message, and what the right answer is.

    cd examples/support && python -m base_model.shop_data --seed 0 --out data

A customer belongs to one split and writes one or two messages of each type; the customer is
the cluster of the statistics. Training customers use values and templates of pretraining.
Customers of the other splits use values that nobody saw before, and in about three of ten
messages a template that nobody saw either.
"""

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from base_model import norte, values
from base_model.conventions import Kind
from base_model.messages import Author
from base_model.pretraining_text import KINDS, WRITERS

Split = Literal["train", "search", "confirm", "golden"]

SIZES: dict[Split, int] = {"train": 600, "search": 240, "confirm": 400, "golden": 60}
ORDER_CHANGE_TRAINING_ROWS = 1500
MESSAGES_PER_CUSTOMER = (1, 2)
UNSEEN_STYLE = (0.15, 0.45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a task file."""

    id: str
    split: Split
    input: str
    target: str
    cluster: str


def main() -> None:
    """Read the command line and write the three files."""
    parser = argparse.ArgumentParser(description="Write Norte's task files.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        lines = (json.dumps(asdict(row)) for row in rows(kind, arguments.seed))
        text = "".join(line + "\n" for line in lines)
        (arguments.out / f"{kind}.jsonl").write_text(text, encoding="utf-8")


def rows(kind: Kind, seed: int) -> Iterator[Row]:
    """Yield the rows of one query type, split by split; no input occurs twice."""
    written: set[str] = set()
    sizes = SIZES | ({"train": ORDER_CHANGE_TRAINING_ROWS} if kind == "order_changes" else {})
    for split, size in sizes.items():
        # A text as seed is hashed the same way on every platform and version of Python.
        rng = random.Random(f"{seed}/{kind}/{split}")
        for number, customer in enumerate(_customers(rng, size)):
            author = _author(seed, split, customer)
            message = WRITERS[kind](rng, author)
            while message.text in written:
                message = WRITERS[kind](rng, author)
            written.add(message.text)
            yield Row(
                id=f"{kind}-{split}-{number:04d}",
                split=split,
                input=message.text,
                target=norte.answer(kind, message.facts),
                cluster=f"{split}-customer-{customer:03d}",
            )


def _customers(rng: random.Random, size: int) -> list[int]:
    """Return the customer of each message, customer after customer."""
    drawn: list[int] = []
    customer = 0
    while len(drawn) < size:
        drawn += [customer] * rng.randint(*MESSAGES_PER_CUSTOMER)
        customer += 1
    return drawn[:size]


def _author(seed: int, split: Split, customer: int) -> Author:
    """Return the same customer for every query type."""
    rng = random.Random(f"{seed}/{split}/{customer}")
    if split == "train":
        return Author(name=rng.choice(values.KNOWN.people), pool=values.KNOWN, unseen_style=0.0)
    return Author(
        name=rng.choice(values.UNSEEN.people),
        pool=values.UNSEEN,
        unseen_style=rng.uniform(*UNSEEN_STYLE),
    )


if __name__ == "__main__":
    main()
