"""The alternatives of a decision side by side: quality, cost, time, and what is kept alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from escalera.apps.decision import Decision
from escalera.apps.report import numerals
from escalera.apps.report.page import WORDS, cell_state

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tournament:
    """Every system that was confirmed, and the decision between them."""

    decision: Decision

    @property
    def exit_code(self) -> int:
        """That of the decision."""
        return self.decision.exit_code

    @property
    def table(self) -> tuple[Row, ...]:
        """A head, and a row per system: what was measured of it, in words."""
        document = self.decision.document
        titles = tuple(task["title"] for task in document["tasks"])
        head = ("system", *titles, "$ per 1,000 calls", "s per call", "models", "artefacts",
                "training", "a month")  # fmt: skip
        by_hand = [one["route"] for one in document["promotions"] if one["in_service"]]
        decided = [one["route"] for one in document["candidates"] if one["served"]]
        serving = (by_hand or decided or [None])[-1]
        return (head, *(_row(one, document["tasks"], serving) for one in document["candidates"]))

    @property
    def document(self) -> dict[str, Any]:
        """The systems and the verdict as plain data."""
        found = self.decision.document
        return {key: found[key] for key in ("verdict", "tasks", "candidates")}

    def __str__(self) -> str:
        table = self.table
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rows = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        verdict = self.decision.document["verdict"]
        lines = [*rows, "", verdict["sentence"]]
        lines += [f"  - {reason}" for reason in verdict["reasons"]]
        lines += ["", "What would reverse it", *(f"  - {one}" for one in verdict["reversal"])]
        return "\n".join(lines)


# Below: private.


def _row(one: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]], serving: str | None) -> Row:
    clocks, cells = one["clocks"], {cell["task"]: cell for cell in one["cells"]}
    seconds, month = clocks["seconds_per_call"], clocks["month"]
    return (
        f"{one['label']}{' (in service)' if one['route'] == serving else ''}",
        *(_quality(cells[task["name"]]) for task in tasks),
        _price(one["cells"], tasks),
        "not measured" if seconds is None else f"{seconds:.3g}",
        str(one["models"]),
        str(one["adapters"]),
        f"{clocks['training_minutes']:.1f} min",
        "no [service]" if month is None else f"{month['net']:,.2f}",
    )


def _quality(cell: Mapping[str, Any]) -> str:
    score = cell["score"]
    said = "" if score is None else f"{numerals.score(score['value'])} "
    return f"{said}{WORDS[cell_state(cell)]}"


def _price(cells: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]]) -> str:
    shares = {task["name"]: task["share"] for task in tasks}
    prices = [(cell["micro_dollars_per_call"], shares[cell["task"]]) for cell in cells]
    if any(price is None for price, _ in prices):
        return "unknown"
    return f"{sum(price * share for price, share in prices) / 1000:.4f}"
