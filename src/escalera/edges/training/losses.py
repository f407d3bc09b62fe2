"""The loss of every answer token of some lessons, from one pass through a model."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from peft import PeftModel
from torch.nn import functional

from escalera.domain.levers import Precision
from escalera.edges.training import packing
from escalera.edges.training.lessons import Lesson
from escalera.edges.training.packing import Rows

Layout = Literal["packed", "padded"]

TOLERANCE = 1e-4
"""Largest difference of a lesson's mean loss, packed and alone, that counts as rounding."""


class AnswerLosses:
    """Computes losses with a model of Transformers, with or without layers of PEFT around.

    Only hidden states that predict an answer's token go through the output layer: they are picked
    in front of it, so that whatever the model does behind it (scaling, capping) is done to them.
    """

    def __init__(self, model: Any, *, precision: Precision) -> None:
        self._model = model
        self._precision = precision
        self._at: tuple[torch.Tensor, torch.Tensor] | None = None
        self._mask = _Mask(model.config.get_text_config())
        model.get_output_embeddings().register_forward_pre_hook(self._pick)
        self.layout: Layout = "packed"

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        found: torch.device = self._model.get_input_embeddings().weight.device
        return found

    def settle(self, lessons: Sequence[Lesson]) -> None:
        """Choose `padded` where packing is not exact for this model: found by trying it.

        The shortest lessons are run packed and alone: a model that takes no positions, or that
        looks at neighbours (recurrence, positions from the mask), gives other losses.
        """
        inner = self._model.get_base_model() if isinstance(self._model, PeftModel) else self._model
        takes = inspect.signature(inner.forward).parameters
        tried = sorted(lessons, key=lambda lesson: len(lesson.tokens))[:3]
        if "position_ids" not in takes or (len(tried) > 1 and self._differs(tried)):
            self.layout = "padded"

    def rows(self, batch: Sequence[Lesson]) -> Rows:
        """The batch in the layout of this model."""
        if self.layout == "padded":
            return packing.pad(batch)
        return packing.pack(batch, hidden=self._model.config.get_text_config().hidden_size)

    def parts(self, batch: Sequence[Lesson], *, tokens: int) -> Sequence[tuple[Lesson, ...]]:
        """The lessons of *batch* in passes of whole rows, at most *tokens* with padding, or one."""
        return tuple(packing.split(self.rows(batch), tokens=tokens))

    def __call__(self, rows: Rows) -> torch.Tensor:
        """Cross-entropy of every answer token, in the order of `rows.wanted`, float32."""
        wanted = self._on_device(rows.wanted)
        return functional.cross_entropy(self.logits(rows), wanted, reduction="none")

    def logits(self, rows: Rows) -> torch.Tensor:
        """What every answer token is predicted by: (answer tokens, vocabulary), float32."""
        at = self._on_device(rows.at[0]), self._on_device(rows.at[1])
        self._at = at
        fed: dict[str, Any] = {"input_ids": self._on_device(rows.tokens), "use_cache": False}
        if self.layout == "packed":
            fed["position_ids"] = self._on_device(rows.positions)
            fed["attention_mask"] = self._mask(rows, self.device)
        else:
            fed["attention_mask"] = self._on_device((rows.segments >= 0).astype(np.int64))
        with self._computing():
            logits = self._model(**fed).logits
        self._at = None
        found: torch.Tensor = logits[0].float()
        return found

    # Private

    def _computing(self) -> AbstractContextManager[Any]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _on_device(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def _pick(self, _module: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._at is None:
            return None
        hidden, *rest = args
        return (hidden[self._at].unsqueeze(0), *rest)

    @torch.no_grad()
    def _differs(self, lessons: Sequence[Lesson]) -> bool:
        training = self._model.training
        self._model.eval()
        try:
            rows = packing.pack_rows(lessons, row=packing.WIDTHS[-1])
            together = means(self(rows), rows)
            self.layout = "padded"
            alone = {lesson.place: means(self(one), one)[0] for lesson, one in _each(lessons)}
        finally:
            self.layout = "packed"
            self._model.train(training)
        limit = TOLERANCE if self._precision == "float32" else 0.05
        both = zip(together, rows.lessons, strict=True)
        return not max(abs(one - alone[lesson.place]) for one, lesson in both) <= limit


def means(losses: torch.Tensor, rows: Rows) -> list[float]:
    """The mean loss per answer token of every lesson of *rows*, in their order."""
    owner = torch.from_numpy(rows.owner).to(losses.device)
    return (sums(losses, rows) / torch.bincount(owner)).tolist()


def sums(losses: torch.Tensor, rows: Rows) -> torch.Tensor:
    """The sum of the losses of every lesson of *rows*, in their order: -log of its chance."""
    owner = torch.from_numpy(rows.owner).to(losses.device)
    total = torch.zeros(len(rows.lessons), dtype=losses.dtype, device=losses.device)
    return total.index_add(0, owner, losses)


def _each(lessons: Sequence[Lesson]) -> list[tuple[Lesson, Rows]]:
    return [(lesson, packing.pad([lesson])) for lesson in lessons]


class _Mask:
    """Attention masks in the form that an architecture takes: one, or one per kind of layer."""

    def __init__(self, config: Any) -> None:
        kinds = set(getattr(config, "layer_types", None) or ())
        self._window: int | None = getattr(config, "sliding_window", None)
        if not kinds:
            kinds = {"sliding_attention" if self._window else "full_attention"}
        self._kinds = kinds
        self._additive = config._attn_implementation == "eager"  # noqa: SLF001  no other name

    def __call__(self, rows: Rows, device: torch.device) -> Any:
        whole = rows.visible()
        if self._window is None or rows.positions.max() < self._window:
            return self._told(whole, device)
        behind = rows.positions[:, :, None] - rows.positions[:, None, :]
        near = self._told(whole & (behind < self._window), device)
        if self._kinds == {"sliding_attention"}:
            return near
        return {"full_attention": self._told(whole, device), "sliding_attention": near}

    def _told(self, seen: Any, device: torch.device) -> torch.Tensor:
        mask = torch.from_numpy(seen).to(device).unsqueeze(1)
        if not self._additive:
            return mask
        return torch.where(mask, 0.0, torch.finfo(torch.float32).min)
