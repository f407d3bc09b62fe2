"""What a training makes smaller: the loss of the right answers, of preferring them, or of differing
from another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

from escalera.domain.levers import Softened
from escalera.edges.training import losses
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.losses import AnswerLosses


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The loss of some lessons of a step: its share of the step's loss, and that of each.

    `weighed` is what to add up and to derive; `samples` are mean losses by the lesson's place.
    """

    weighed: torch.Tensor
    samples: list[tuple[int, float]]
    tokens: int


class Objective(Protocol):
    """Computes the loss of a step in parts, so that a step may be larger than the memory."""

    def parts(self, batch: Sequence[Lesson], *, tokens: int) -> Sequence[tuple[Lesson, ...]]:
        """The lessons of each pass: at most *tokens* at once, padding included, or one row."""

    def loss(self, part: Sequence[Lesson], batch: Sequence[Lesson]) -> Part:
        """The loss of one of the parts of *batch*."""


class Supervised:
    """The mean loss per answer token of a step."""

    def __init__(self, computed: AnswerLosses) -> None:
        self._losses = computed

    def parts(self, batch: Sequence[Lesson], *, tokens: int) -> Sequence[tuple[Lesson, ...]]:
        """Whole rows."""
        return self._losses.parts(batch, tokens=tokens)

    def loss(self, part: Sequence[Lesson], batch: Sequence[Lesson]) -> Part:
        """Cross-entropy, divided by the answer tokens of the whole step."""
        rows = self._losses.rows(part)
        each = self._losses(rows)
        answers = sum(len(lesson.tokens) - lesson.answer for lesson in batch)
        with torch.no_grad():
            means = losses.means(each, rows)
        places = [lesson.place for lesson in rows.lessons]
        return Part(
            weighed=each.sum() / answers,
            samples=list(zip(places, means, strict=True)),
            tokens=rows.read,
        )


class Preference:
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, equation 7).

    The chances that the model gave to both answers before the training are computed once, so no
    second model is held in memory.
    """

    def __init__(self, computed: AnswerLosses, rejected: Sequence[Lesson], *, beta: float) -> None:
        self._losses = computed
        self._rejected = rejected
        self.beta = beta
        self._before: dict[int, float] = {}

    @torch.no_grad()
    def refer(self, lessons: Sequence[Lesson], *, tokens: int) -> None:
        """Take the model as it is now for the one that is held to."""
        for part in self.parts(lessons, tokens=tokens):
            margins, places, _ = self._margins(part)
            self._before.update(zip(places, margins.tolist(), strict=True))

    def parts(self, batch: Sequence[Lesson], *, tokens: int) -> Sequence[tuple[Lesson, ...]]:
        """Both answers of a pair in one pass, so that the prompt is read once."""
        found: list[tuple[Lesson, ...]] = []
        held = 0
        for lesson in batch:
            size = len(lesson.tokens) + len(self._rejected[lesson.place].tokens)
            if not found or held + size > tokens:
                found.append(())
                held = 0
            found[-1] += (lesson,)
            held += size
        return found

    def loss(self, part: Sequence[Lesson], batch: Sequence[Lesson]) -> Part:
        """-log sigmoid of beta times what the margin grew by, meaned over the pairs of a step."""
        margins, places, read = self._margins(part)
        before = torch.tensor([self._before[place] for place in places], device=margins.device)
        each = -functional.logsigmoid(self.beta * (margins - before))
        return Part(
            weighed=each.sum() / len(batch),
            samples=list(zip(places, each.tolist(), strict=True)),
            tokens=read,
        )

    def gains(self, part: Sequence[Lesson]) -> list[float]:
        """What each pair's margin grew by since the model that is held to, in nats."""
        margins, places, _ = self._margins(part)
        both = zip(margins.tolist(), places, strict=True)
        return [margin - self._before[place] for margin, place in both]

    def _margins(self, part: Sequence[Lesson]) -> tuple[torch.Tensor, list[int], int]:
        """How much likelier the right answer is than the rejected one, in nats, by place."""
        both = []
        for lesson in part:
            family = f"{lesson.place}"
            other = self._rejected[lesson.place]
            both += [_as(lesson, family, 0), _as(other, family, 1)]
        rows = self._losses.rows(both)
        unlikely = losses.sums(self._losses(rows), rows)
        at = {lesson.place: number for number, lesson in enumerate(rows.lessons)}
        places = [lesson.place for lesson in part]
        right = unlikely[[at[2 * place] for place in places]]
        wrong = unlikely[[at[2 * place + 1] for place in places]]
        return wrong - right, places, rows.read


class Distillation:
    """What another model would say at every answer token, beside the right answer.

    share * T^2 * KL(teacher || student) + (1 - share) * cross-entropy, both distributions at the
    temperature T, per answer token of a step (Hinton, Vinyals and Dean 2015, arXiv 1503.02531,
    section 2: T^2 keeps the gradient of the first part as large as that of the second). The
    teacher reads the same tokens in the same layout, and learns nothing.
    """

    def __init__(self, student: AnswerLosses, teacher: AnswerLosses, softened: Softened) -> None:
        if "padded" in (student.layout, teacher.layout):
            student.layout = teacher.layout = "padded"
        self._student = student
        self._teacher = teacher
        self._softened = softened

    def parts(self, batch: Sequence[Lesson], *, tokens: int) -> Sequence[tuple[Lesson, ...]]:
        """Whole rows."""
        return self._student.parts(batch, tokens=tokens)

    def loss(self, part: Sequence[Lesson], batch: Sequence[Lesson]) -> Part:
        """The mixed loss, divided by the answer tokens of the whole step."""
        rows = self._student.rows(part)
        logits = self._student.logits(rows)
        with torch.no_grad():
            taught = self._teacher.logits(rows)
        wanted = torch.from_numpy(rows.wanted).to(logits.device)
        each = distilled(logits, taught.to(logits.device), wanted, self._softened)
        answers = sum(len(lesson.tokens) - lesson.answer for lesson in batch)
        with torch.no_grad():
            means = losses.means(each, rows)
        places = [lesson.place for lesson in rows.lessons]
        return Part(
            weighed=each.sum() / answers,
            samples=list(zip(places, means, strict=True)),
            tokens=rows.read,
        )


def distilled(
    student: torch.Tensor, teacher: torch.Tensor, wanted: torch.Tensor, softened: Softened
) -> torch.Tensor:
    """The loss of every token from logits of both, (tokens, vocabulary), and the right tokens."""
    heat, share = softened.temperature, softened.share
    apart = functional.kl_div(
        functional.log_softmax(student / heat, dim=-1),
        functional.log_softmax(teacher / heat, dim=-1),
        reduction="none",
        log_target=True,
    ).sum(-1)
    hard = functional.cross_entropy(student, wanted, reduction="none")
    return share * heat**2 * apart + (1 - share) * hard


def _as(lesson: Lesson, family: str, side: int) -> Lesson:
    return Lesson(
        tokens=lesson.tokens, answer=lesson.answer, place=2 * lesson.place + side, family=family
    )
