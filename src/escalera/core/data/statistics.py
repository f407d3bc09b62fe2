"""What a data set holds: rows, lengths, languages, answers, licences and sources, per query type.

Rows are counted as they come; what is kept of each is its lengths, as numbers.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from escalera.core.data.rows import Form, Row

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MOST_ANSWERS = 1000
"""Different answers from which a query type is free text, and its answers are not counted."""
LONGEST_ANSWER = 200
"""Characters from which an answer is free text."""
MOST_SOURCES = 10_000
"""Different sources or licences that are counted one by one; the others are counted together."""
OTHERS = "(others)"
UNKNOWN = "unknown"
SHOWN = 10
"""Of answers and sources, as many as are told one by one."""

Language = Callable[[str], str]
Count = Callable[[str], int]


@dataclass(slots=True)
class Tally:
    """The counts of one query type, row by row."""

    language: Language | None = None
    tokens: Count | None = None
    rows: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] | None = field(default_factory=Counter)
    turns: int = 0
    systems: int = 0
    _lengths: dict[str, array[int]] = field(default_factory=dict)

    def add(self, row: Row, form: Form | None) -> None:
        """Count a row."""
        self.rows += 1
        self.splits[row.split or ""] += 1
        self.forms[form or ""] += 1
        _count(self.licences, row.licence or UNKNOWN)
        _count(self.sources, row.source or UNKNOWN)
        self._answer(row.target)
        self.turns += bool(row.history)
        self.systems += any(name == "system" for name, _ in row.fields)
        if self.language is not None:
            self.languages[self.language(row.input) or UNKNOWN] += 1
        for name, text in (("input", row.input), ("answer", row.target)):
            self._length(f"{name} characters", len(text))
            self._length(f"{name} words", len(text.split()))
            if self.tokens is not None:
                self._length(f"{name} tokens", self.tokens(text))

    def lengths(self) -> dict[str, dict[str, float]]:
        """Quantiles and total of every length: of input and answer, in characters and words."""
        return {name: _quantiles(values) for name, values in self._lengths.items() if values}

    def document(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        answers = self.answers
        return {
            "rows": self.rows,
            "splits": dict(self.splits.most_common()),
            "forms": dict(self.forms.most_common()),
            "with_history": self.turns,
            "with_system_message": self.systems,
            "lengths": self.lengths(),
            "languages": dict(self.languages.most_common()) if self.language else None,
            "licences": dict(self.licences.most_common()),
            "sources": _most(self.sources),
            "answers": None if answers is None else _most(answers),
            "different_answers": None if answers is None else len(answers),
        }

    # Below: private.

    def _answer(self, answer: str) -> None:
        if self.answers is None:
            return
        self.answers[answer] += 1
        if len(self.answers) > MOST_ANSWERS or len(answer) > LONGEST_ANSWER:
            self.answers = None

    def _length(self, name: str, value: int) -> None:
        self._lengths.setdefault(name, array("I")).append(value)


# Below: private.


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < MOST_SOURCES else OTHERS] += 1


def _most(counter: Counter[str]) -> Mapping[str, int]:
    """The most frequent ones, and all others together."""
    first = counter.most_common(SHOWN)
    rest = counter.total() - sum(count for _, count in first)
    return dict(first) | ({OTHERS: rest} if rest else {})


def _quantiles(values: array[int]) -> dict[str, float]:
    numbers = np.frombuffer(values, dtype=np.uint32)
    found = np.quantile(numbers, QUANTILES, method="inverted_cdf")
    named = {
        f"q{quantile:g}": float(value) for quantile, value in zip(QUANTILES, found, strict=True)
    }
    return {**named, "mean": float(numbers.mean()), "sum": float(numbers.sum(dtype=np.uint64))}
