"""Trainings of one task, as far as each pause: what rules of stopping are replayed on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from escalera.core.finetuning import rounds
from escalera.core.finetuning.rounds import PausedTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A training at every pause: right answers of each item, and the losses of its steps so far.

    What diverged has wrong answers from there on, and no step more. `further` are right answers to
    items beside these, at the end.
    """

    right: list[list[float]]
    losses: list[list[float]]
    further: list[float]


class Board:
    """The first half of the items chooses; the others, and those beside them, are fresh."""

    def __init__(self, found: Iterable[Curve]) -> None:
        """As they were trained; a training's number is its place."""
        every = list(found)
        self._right = np.array([one.right for one in every])
        self._losses = [[rounds.late(told) for told in one.losses] for one in every]
        half = self._right.shape[2] // 2
        self._chosen = [[tuple(row[:half].tolist()) for row in one] for one in self._right]
        self._scores = self._right[:, :, :half].mean(axis=2)
        self._clusters = tuple(map(str, range(half)))
        self._fresh = self._right[:, -1, half:].mean(axis=1)
        beside = np.array([one.further for one in every])
        both = np.concatenate([self._right[:, -1, half:], beside], axis=1)
        self.many, self._widely = both.shape[1], both.mean(axis=1)
        self._otherwise = beside[:, :half].mean(axis=1)

    def __len__(self) -> int:
        return len(self._right)

    def score(self, number: int, place: int) -> float:
        """The share of right answers to the items that choose, at a pause."""
        return float(self._scores[number, place])

    def loss(self, number: int, place: int) -> float:
        """What the training's late steps lost before a pause."""
        return self._losses[number][place]

    def paused(self, number: int, place: int, *, named: int) -> PausedTrial:
        """A training at a pause as the trial `named` of a sweep."""
        return PausedTrial(
            number=named,
            scores=self._chosen[number][place],
            clusters=self._clusters,
            loss=self._losses[number][place],
        )

    def fresh(self, number: int) -> float:
        """The share of right answers to the half that does not choose, at the end."""
        return float(self._fresh[number])

    def widely(self, number: int) -> float:
        """The same with all items beside them: `many` in all."""
        return float(self._widely[number])

    def otherwise(self, number: int) -> float:
        """The share on items beside all others, as many as choose where there are that many."""
        return float(self._otherwise[number])
