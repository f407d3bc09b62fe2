"""TRL's trainer as the one that steps: the second engine behind the same recipe.

It gets our batches, optimizer and schedule, so a recipe means the same to both engines; what it
brings is what runs below its trainer (Accelerate: FSDP, DeepSpeed, several accelerators). It tells
the loss of a step, not that of each example. Its own checkpoints are pickles and are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory

import torch
from datasets import Dataset
from torch.optim.lr_scheduler import LambdaLR
from trl import SFTConfig, SFTTrainer

from escalera.domain.training import StepSignal
from escalera.edges.training import optimizers, packing
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.session import Session
from escalera.errors import TrainingError

IGNORED = -100


def steps(session: Session, last: int, told: Callable[[StepSignal], None]) -> None:
    """Do the steps of a session up to the step *last*; *told* is called behind each.

    Raises `TrainingError` for what TRL's supervised trainer does not do.
    """
    _require_doable(session)
    loop = session.loop
    first, planned, levers = len(loop.signals), loop.total, session.recipe.levers
    rate = levers.learning_rate or 0.0
    optimizer = loop.optimizers[0]
    optimizers.set_rate(loop.optimizers, rate)
    for group in optimizer.param_groups:
        group["initial_lr"] = rate

    def share(done: int) -> float:
        return optimizers.share_of_rate(min(first + done + 1, planned), planned, levers)

    with TemporaryDirectory() as folder:
        trainer = _Telling(
            model=session.model,
            args=_config(session, last - first, folder),
            train_dataset=Dataset.from_dict({"step": list(range(first, last))}),
            data_collator=lambda rows: collated(loop.plan[rows[0]["step"]]),
            processing_class=session.tokenizer,
            optimizers=(optimizer, LambdaLR(optimizer, share)),
        )

        def behind(loss: float, norm: float, lr: float) -> None:
            signal = _signal(session, loss, norm, lr)
            loop.require_finite(signal)
            loop.signals.append(signal)
            told(signal)

        trainer.told = behind
        trainer.train()


def collated(batch: Sequence[Lesson]) -> dict[str, torch.Tensor]:
    """A batch as TRL takes it: a padded row for each lesson, and labels for its answer only."""
    rows = packing.pad(batch)
    labels = torch.full(rows.tokens.shape, IGNORED)
    lines, columns = rows.at
    labels[lines, columns + 1] = torch.from_numpy(rows.wanted)
    return {
        "input_ids": torch.from_numpy(rows.tokens),
        "attention_mask": torch.from_numpy((rows.segments >= 0).astype("int64")),
        "labels": labels,
    }


# Below: private.


def _require_doable(session: Session) -> None:
    if session.recipe.objective != "supervised":
        raise TrainingError(
            f"the engine 'trl' has no objective {session.recipe.objective!r} here. "
            "Train with training.engine = 'own', which has it."
        )
    if len(session.loop.optimizers) != 1:
        raise TrainingError(
            "TRL's trainer moves all weights with one optimizer, and 'muon' needs two. "
            "Choose another optimizer, or training.engine = 'own'."
        )


def _config(session: Session, count: int, folder: str) -> SFTConfig:
    levers, device = session.recipe.levers, session.memory.device
    return SFTConfig(
        output_dir=folder,
        max_steps=count,
        per_device_train_batch_size=1,  # a row of the data set is a whole batch
        train_sampling_strategy="sequential",
        max_grad_norm=levers.clip,
        bf16=levers.precision == "bfloat16",
        use_cpu=device == "cpu",
        gradient_checkpointing=None,  # the old name; the session has seen to it
        activation_checkpointing=False,
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        seed=levers.seed,
    )


def _signal(session: Session, loss: float, norm: float, rate: float) -> StepSignal:
    number = len(session.loop.signals)
    batch = session.loop.plan[number]
    return StepSignal(
        step=number + 1,
        loss=loss,
        norm=norm,
        rate=rate,
        tokens=sum(len(lesson.tokens) for lesson in batch),
        samples=(),
    )


class _Telling(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, telling every step as it was computed and nothing to anybody else."""

    told: Callable[[float, float, float], None]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Tell the step; nothing is printed."""
        del start_time
        if "grad_norm" in logs:
            self.told(logs["loss"], float(logs["grad_norm"]), float(logs["learning_rate"]))

    def _send_telemetry(self) -> None:
        """No word leaves this machine."""
