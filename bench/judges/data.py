"""Verdicts of real judges on pairs that people compared: LLMBar and PandaLM."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

WORTH = {"a": 1.0, "tie": 0.5, "b": 0.0}
"""The score of answer a."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pair with what people found and what one judge said in each order it was asked in.

    All are scores of answer a; a verdict is None where it could not be read. `votes` are of the
    single people.
    """

    id: str
    subset: str
    human: float
    votes: tuple[float, ...]
    verdicts: tuple[float | None, ...]


def llmbar(folder: Path) -> dict[tuple[str, str], list[Pair]]:
    """Pairs by judge and strategy, with both orders. FileNotFoundError where there are none."""
    pairs, verdicts = _read(folder / "judge_llmbar")
    said: dict[tuple[str, str], dict[str, dict[str, float | None]]] = {}
    for row in verdicts:
        of = said.setdefault((row["judge"], row["strategy"]), {})
        of.setdefault(row["id"], {})[row["order"]] = WORTH.get(row["verdict"])
    return {
        key: [
            _pair(pairs[name], pairs[name]["subset"], (orders.get("ab"), orders.get("ba")))
            for name, orders in of.items()
        ]
        for key, of in said.items()
    }


def pandalm(folder: Path) -> dict[str, list[Pair]]:
    """Pairs by judge, with the one order. FileNotFoundError where there are none."""
    pairs, verdicts = _read(folder / "judge_pandalm")
    found: dict[str, list[Pair]] = {}
    for row in verdicts:
        pair = pairs[row["id"]]
        found.setdefault(row["judge"], []).append(
            _pair(pair, pair["comparison"], (WORTH.get(row["verdict"]),))
        )
    return found


# Private.


def _read(place: Path) -> tuple[dict[str, dict], list[dict]]:
    if not (place / "judgments.parquet").is_file():
        raise FileNotFoundError(f"no judges in {place.name!r}: pass the folder that holds it")
    with gzip.open(place / "pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        pairs = {row["id"]: row for row in map(json.loads, lines)}
    return pairs, pyarrow.parquet.read_table(place / "judgments.parquet").to_pylist()


def _pair(row: Mapping, subset: str, verdicts: tuple[float | None, ...]) -> Pair:
    return Pair(
        id=row["id"],
        subset=subset,
        human=WORTH[row["human"]],
        votes=tuple(WORTH[vote] for vote in row.get("human_votes") or (row["human"],)),
        verdicts=verdicts,
    )
