"""Finetuning a small base with the product's engine, and the score of what it has learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.training import loading, losses
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.session import Memory, Session
from escalera.errors import TrainingError

TOGETHER = 128
"""Lessons that go through a model at once when it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """On conversations that were not taught: 1 for each greedy answer that is right, and the rest.

    `chance`: mean probability of the right answer; `loss`: mean over answers of a token's.
    """

    right: tuple[float, ...]
    chance: float
    loss: float

    @property
    def share(self) -> float:
        """Share of right answers."""
        return sum(self.right) / len(self.right)


def session(recipe: TrainingRecipe, pairs: Sequence[TrainingPair], folder: Path) -> Session:
    """A training of a base, not begun."""
    return Session(recipe, pairs, folder=folder, memory=Memory())


def score(
    recipe: TrainingRecipe,
    taught: Sequence[TrainingPair],
    tested: Sequence[TrainingPair],
    folder: Path,
) -> Score:
    """Train to the end; what diverges has every answer wrong."""
    made = session(recipe, taught, folder)
    held = loading.teaching(made.model, made.tokenizer).lessons(tested)
    try:
        with made.running() as loop:
            while not loop.finished:
                loop.step()
    except TrainingError:
        return Score(right=(0.0,) * len(tested), chance=0.0, loss=float("inf"))
    return asked(made, held)


@torch.no_grad()
def asked(made: Session, held: Sequence[Lesson]) -> Score:
    """The score of a session's model as it is.

    Greedy decoding gives the right answer if and only if, with it given, each of its tokens is the
    most probable one.
    """
    made.model.eval()
    right, chances, means = [], [], []
    for start in range(0, len(held), TOGETHER):
        part = held[start : start + TOGETHER]
        rows = made.losses.rows(part)
        found = made.losses(rows)
        chances += torch.exp(-losses.sums(found, rows)).tolist()
        means += losses.means(found, rows)
        right += _greedy(made.model, part)
    made.model.train()
    count = len(held)
    return Score(right=tuple(right), chance=sum(chances) / count, loss=sum(means) / count)


# Private.


def _greedy(model: torch.nn.Module, lessons: Sequence[Lesson]) -> list[float]:
    width = max(len(lesson.tokens) for lesson in lessons)
    ids = torch.zeros(len(lessons), width, dtype=torch.long)
    wanted = torch.full((len(lessons), width - 1), -1)
    for place, lesson in enumerate(lessons):
        tokens = torch.tensor(lesson.tokens)
        ids[place, : len(tokens)] = tokens
        wanted[place, lesson.answer - 1 : len(tokens) - 1] = tokens[lesson.answer :]
    told = model(input_ids=ids, use_cache=False).logits[:, :-1].argmax(-1)
    return ((told == wanted) | (wanted == -1)).all(-1).float().tolist()
