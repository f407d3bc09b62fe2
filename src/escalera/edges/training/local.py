"""LoRA in this process: one loop, float32, the same bytes for the same recipe, data and threads."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
from transformers.utils import logging

from escalera.domain.recipe import LoraLevers, LossPoint, TrainingPair, TrainingRecipe, TrainingRun
from escalera.edges.training import checkpoints, data
from escalera.edges.training.checkpoints import Checkpoint
from escalera.edges.training.data import Lesson
from escalera.errors import TrainingError
from escalera.ports import Clock, Progress

_WARM_UP = 10
_CURVE_POINTS = 200
_IGNORED = -100
_SHARE_FROM = 8


class LocalTrainer:
    """Trains adapters for the model folders that it was given by name.

    A training that was killed continues from its last checkpoint under *checkpoints*, kept by the
    recipe's digest: equal recipes are one training.
    """

    def __init__(
        self,
        *,
        folders: Mapping[str, Path],
        checkpoints: Path,
        clock: Clock,
        threads: int = 1,
    ) -> None:
        self._folders = folders
        self._checkpoints = checkpoints
        self._clock = clock
        self._threads = threads

    def train(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        into: Path,
        progress: Progress,
    ) -> TrainingRun:
        """Train on *pairs* and write a PEFT adapter into the empty folder *into*."""
        started = self._clock.seconds()
        levers = recipe.levers
        torch.set_num_threads(self._threads)
        model, tokenizer = self._load(recipe.model)
        lessons = data.lessons(
            pairs,
            tokenizer,
            stops=data.stop_tokens(model, tokenizer),
            context=getattr(model.config.get_text_config(), "max_position_embeddings", None),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(levers.seed)
            adapted = _adapt(model, levers)
            checkpoint = Checkpoint(self._checkpoints / recipe.digest)
            curve = self._fit(adapted, lessons, levers, checkpoint, progress)
        _save(adapted, recipe.model, into)
        checkpoint.drop()
        weights = [weight for weight in adapted.parameters() if weight.requires_grad]
        return TrainingRun(
            curve=curve,
            tokens=levers.epochs * sum(len(lesson.tokens) for lesson in lessons),
            examples=len(lessons),
            parameters=sum(weight.numel() for weight in weights),
            seconds=self._clock.seconds() - started,
        )

    def _fit(
        self,
        model: Any,
        lessons: Sequence[Lesson],
        levers: LoraLevers,
        checkpoint: Checkpoint,
        progress: Progress,
    ) -> tuple[LossPoint, ...]:
        """AdamW with linear warm-up and decay on the mean loss per answer token of each batch."""
        plan = _plan(lessons, levers)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(
            weights, lr=levers.learning_rate, weight_decay=0.0, fused=True
        )
        curve = checkpoint.restore(weights, optimizer)
        saved = self._clock.seconds()
        model.train()
        for step, batch in enumerate(plan[len(curve) :], start=len(curve) + 1):
            for group in optimizer.param_groups:
                group["lr"] = levers.learning_rate * _share_of_rate(step, len(plan))
            loss = _loss(model, batch)
            _require_finite(loss.item(), step, len(plan), levers)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            curve.append(LossPoint(step=step, loss=loss.item()))
            progress("training", step, len(plan))
            if self._clock.seconds() - saved >= checkpoints.SECONDS:
                checkpoint.save(weights, optimizer, curve)
                saved = self._clock.seconds()
        return _thinned(curve)

    def _load(self, name: str) -> tuple[Any, Any]:
        if name not in self._folders:
            raise TrainingError(
                f"the model {name!r} has no folder here; known are {sorted(self._folders)!r}. "
                "Train a model whose weights are on this machine."
            )
        folder = self._folders[name]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                folder, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise TrainingError(
                f"the model folder {str(folder)!r} cannot be loaded: {error}. "
                "It must hold a causal language model that Transformers knows without remote code."
            ) from error
        return model, tokenizer


def _adapt(model: Any, levers: LoraLevers) -> Any:
    """Put LoRA layers into the model. PEFT would ignore target names that match nothing."""
    present = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if unknown := sorted(set(levers.targets) - present):
        raise TrainingError(
            f"the model has no modules named {unknown!r}. "
            "Give as targets the names of its linear layers."
        )
    config = LoraConfig(
        r=levers.rank,
        lora_alpha=levers.alpha,
        target_modules=list(levers.targets),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # PEFT 0.21 reads a property that Transformers 5.23 renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise TrainingError(
                f"LoRA cannot be put on {list(levers.targets)!r}: {error}. "
                "Give as targets the names of its linear layers, and a rank above 0."
            ) from error


def _plan(lessons: Sequence[Lesson], levers: LoraLevers) -> list[Sequence[Lesson]]:
    """Every batch of every epoch, in order: a function of the seed."""
    return [
        batch
        for epoch in range(levers.epochs)
        for batch in data.batches(
            lessons, batch_tokens=levers.batch_tokens, seed=levers.seed, epoch=epoch
        )
    ]


def _require_finite(loss: float, step: int, steps: int, levers: LoraLevers) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss!r} at step {step} of {steps}. "
            f"Lower the learning rate (it was {levers.learning_rate!r}) and train again."
        )


def _share_of_rate(step: int, steps: int) -> float:
    """The share of the learning rate at a step: up over ten steps, and down to 0 at the end."""
    return min(1.0, step / _WARM_UP) * (1 - (step - 1) / steps)


def _loss(model: Any, batch: Sequence[Lesson]) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens.

    The common beginning (system message, examples) is run once for the whole batch; gradients
    flow through it as through copies, so this is the same loss. Padding is on the right, where no
    earlier token can see it: no attention mask is needed. Only positions that predict an answer
    token in some row go through the output layer.
    """
    shared = _shared(batch)
    cache = None
    if shared:
        cache = DynamicCache(config=model.config.get_text_config())
        prefix = torch.tensor([batch[0].tokens[:shared]])
        model(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_repeat_interleave(len(batch))
    width = max(len(lesson.tokens) for lesson in batch) - shared
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    labels = torch.full((len(batch), width), _IGNORED)
    for row, lesson in enumerate(batch):
        found = torch.tensor(lesson.tokens[shared:])
        answer = lesson.answer - shared
        tokens[row, : len(found)] = found
        labels[row, answer : len(found)] = found[answer:]
    wanted = labels[:, 1:]  # position p predicts the token at p + 1
    places = (wanted != _IGNORED).any(0).nonzero()[:, 0]
    logits = model(input_ids=tokens, past_key_values=cache, logits_to_keep=places).logits
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), wanted[:, places].flatten(), ignore_index=_IGNORED
    )


def _shared(batch: Sequence[Lesson]) -> int:
    """How many first tokens all lessons share, if that is worth a call of its own."""
    first = min(lesson.tokens for lesson in batch)
    last = max(lesson.tokens for lesson in batch)
    limit = min(lesson.answer for lesson in batch) - 1
    found = next((place for place in range(limit) if first[place] != last[place]), limit)
    return found if len(batch) > 1 and found >= _SHARE_FROM else 0


def _thinned(curve: Sequence[LossPoint]) -> tuple[LossPoint, ...]:
    """At most 200 points, evenly spread, with the first and the last."""
    if len(curve) <= _CURVE_POINTS:
        return tuple(curve)
    stride = (len(curve) - 1) / (_CURVE_POINTS - 1)
    return tuple(curve[round(number * stride)] for number in range(_CURVE_POINTS))


def _save(model: Any, name: str, into: Path) -> None:
    """Write what PEFT writes, but sorted and without a path of this machine."""
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    contiguous = {key: weights[key].contiguous() for key in sorted(weights)}
    save_file(contiguous, into / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": name, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])
    text = json.dumps(config, indent=2, sort_keys=True, default=str)
    (into / "adapter_config.json").write_text(text + "\n", encoding="utf-8")
