"""Real trainings of the example's base model, with the faults of a simulation planted in them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench.diagnosis.plans import Simulation

from escalera.core.finetuning.record import Held, RunRecord, Wanted
from escalera.core.ladder import recording
from escalera.core.prompts.chat_form import PROBES
from escalera.domain.dataset import Example
from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.training import lessons as telling
from escalera.edges.training import loading, packing
from escalera.edges.training.checkpoints import Checkpoint
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.session import Memory, Session
from escalera.errors import TrainingError

MODEL = Path(__file__).resolve().parents[2] / "examples" / "support" / "model"
MEASURED = (1 / 3, 2 / 3, 1.0)
"""Shares of the steps after which the `search` items are scored, as checkpoints are."""


def record(simulation: Simulation) -> RunRecord:
    """Train, and write down what a real run has."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = _model(simulation, Path(folder))
        session = _session(simulation, model, Path(folder) / "checkpoint")
        held, planned = _run(session, simulation)
        refused = _refused(model) if simulation.template == "serving" else None
    train = simulation.train
    tested = [item for item in simulation.examples if item.split in ("search", "confirm")]
    return RunRecord(
        recipe=_recipe(simulation),
        signals=tuple(session.loop.signals),
        planned=planned,
        examples=recording.compared(train, tested),
        wanted=tuple(
            Wanted(task=item.task, target=item.target)
            for item in simulation.examples
            if item.split == "search"
        ),
        tested=len(tested),
        held_out=tuple(held),
        told=session.facts,
        refused=refused,
    )


# Below: private.


def _recipe(simulation: Simulation) -> TrainingRecipe:
    return TrainingRecipe(
        model="base",
        revision="example",
        ingredients=(),
        trainable=simulation.trainable,
        levers=simulation.levers,
    )


def _pairs(simulation: Simulation, items: Sequence[Example]) -> list[TrainingPair]:
    head = Message(role="system", content=simulation.instruction)
    return [
        TrainingPair(
            messages=(head, Message(role="user", content=item.input)),
            target=item.target,
            task=item.task,
            item=item.id,
        )
        for item in items
    ]


def _session(simulation: Simulation, model: Path, checkpoint: Path) -> Session:
    pairs = _pairs(simulation, simulation.train)
    with _masked(simulation.mask):
        return Session(
            _recipe(simulation),
            pairs,
            folder=model,
            memory=Memory(),
            checkpoint=Checkpoint(checkpoint),
        )


def _run(session: Session, simulation: Simulation) -> tuple[list[Held], int]:
    search = [item for item in simulation.examples if item.split == "search"]
    lessons = session._told.lessons(_pairs(simulation, search))  # noqa: SLF001
    planned = len(session.loop.plan)
    stops = {max(1, round(share * planned)) for share in MEASURED}
    held = [Held(step=0, score=_score(session.model, lessons), items=len(lessons))]
    with session.running():
        while not session.loop.finished:
            try:
                session.loop.step()
            except TrainingError:  # the loss is no number any more: the log ends here
                break
            if len(session.loop.signals) in stops:
                score = _score(session.model, lessons)
                held.append(Held(step=len(session.loop.signals), score=score, items=len(lessons)))
    return held, planned


@torch.no_grad()
def _score(model: Any, lessons: Sequence[Lesson]) -> float:
    """The share of answers that greedy decoding gives: every token of theirs is the likeliest."""
    was = model.training
    model.eval()
    rows = packing.pad(lessons)
    seen = torch.from_numpy((rows.segments >= 0).astype(np.int64))
    logits = model(
        input_ids=torch.from_numpy(rows.tokens), attention_mask=seen, use_cache=False
    ).logits
    model.train(was)
    said = logits[rows.at[0], rows.at[1]].argmax(-1).numpy()
    right = np.ones(len(rows.lessons), dtype=bool)
    np.logical_and.at(right, rows.owner, said == rows.wanted)
    return float(right.mean())


# Faults of telling.

_TEMPLATES = {
    "chatml": (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|end|>\\n'"
        " }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "headings": (
        "{% for m in messages %}{{ '### ' + m['role'] + ':\\n' + m['content'] + '<|end|>' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '### assistant:\\n' }}{% endif %}"
    ),
    "serving": (
        "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
    ),
}
"""By name: marks of another model family, headings in place of the model's marks, and a template
that is sound by itself and not the one that is served."""


def _model(simulation: Simulation, folder: Path) -> Path:
    if not simulation.template:
        return MODEL
    copy = folder / "model"
    shutil.copytree(MODEL, copy)
    (copy / "chat_template.jinja").write_text(_TEMPLATES[simulation.template])
    return copy


def _refused(model: Path) -> str | None:
    """What serving says of the template, for the one fault that the training itself cannot see."""
    taught, asked = loading.tokenizer(model), loading.tokenizer(MODEL)
    same = all(telling.prompt_tokens(taught, p) == telling.prompt_tokens(asked, p) for p in PROBES)
    return None if same else "it was trained with another chat template or tokenizer"


class _masked:  # noqa: N801
    """While entered, lessons are taught with a wrong mask."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._sound = telling._lesson  # noqa: SLF001

    def __enter__(self) -> None:
        if not self._fault:
            return

        def wrong(*given: Any) -> tuple[tuple[int, ...], int]:
            tokens, answer = self._sound(*given)
            if self._fault == "prompt taught":
                return tokens, 1
            if self._fault == "end only":
                return tokens, len(tokens) - 1
            return (tokens[:-1], answer) if len(tokens) - 1 > answer else (tokens, answer)

        telling._lesson = wrong  # noqa: SLF001

    def __exit__(self, *_: object) -> None:
        telling._lesson = self._sound  # noqa: SLF001
