"""One dial for a training: what was not said follows from how much effort it is worth.

Every value comes with its reason, so that nothing is chosen silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from escalera.domain.levers import ADAPTERS, Effort, Levers, Trainable

FEWEST_STEPS = 100
"""Steps below which batches are made smaller (dev/LOG.md, 2026-11-22)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A lever with its value, and why it has it."""

    lever: str
    value: Any
    reason: str


def settings(effort: Effort, given: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Every lever of `Trainable` and `Levers`, those of *given* as they are.

    *given* maps names of levers to values; None means that the lever was not said.
    """
    said = {name: value for name, value in given.items() if value is not None}
    found = [
        Setting(lever=name, value=said[name], reason="as the project file says")
        if name in said
        else Setting(lever=name, value=value, reason=reason)
        for name, value, reason in _defaults(effort, said)
    ]
    return tuple(found)


def trainable(found: tuple[Setting, ...]) -> Trainable:
    """The settings of which weights learn."""
    return Trainable(**_of(Trainable, found))


def levers(found: tuple[Setting, ...], *, seed: int) -> Levers:
    """The settings of how they learn."""
    return Levers(**_of(Levers, found), seed=seed)


# Below: private.

_RANK = {"pilot": 8, "normal": 16, "thorough": 32}
_EPOCHS = {"pilot": 1, "normal": 3, "thorough": 5}
_DEGREE = {
    "pilot": "a pilot only has to rank candidates",
    "normal": "enough for most tasks with some hundred examples",
    "thorough": "for a last percent; watch the protected types",
}


def _defaults(effort: Effort, said: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    degree = _DEGREE[effort]
    rank = said.get("rank", _RANK[effort])
    adapter = said.get("method", "lora") in ADAPTERS
    linear = "an adapter on every linear layer learns what a full finetuning does more often than "
    return [
        ("method", "lora", "learns least of what it was not taught, and is kept apart"),
        ("rank", _RANK[effort], degree),
        ("alpha", 2 * rank, "twice the rank, so that the rank can be changed alone"),
        ("dropout", 0.0, "early stopping on the task itself guards against overfitting"),
        ("targets", (), linear + "one on attention alone"),
        ("layers", (), "none named: where the method is partial, chosen by their gradient"),
        ("share", 0.25, "a quarter of the weights holds most of what a full finetuning gains"),
        ("tokens", (), "no new words were named"),
        ("merged", False, "kept apart, an adapter can be switched off and costs little to store"),
        ("optimizer", "adamw", "needs the least tuning"),
        ("learning_rate", None, "found by short trainings before the long one"),
        ("schedule", "linear", "falls to 0, so that the last steps settle"),
        ("warm_up", 0.0, "ten steps: moments need some gradients before they can be trusted"),
        (
            "weight_decay",
            0.0 if adapter else 0.01,
            "an adapter is small already" if adapter else "keeps weights near those before",
        ),
        ("epochs", _EPOCHS[effort], degree),
        ("batch_tokens", 2048, "some ten to thirty short examples in a step"),
        ("fewest_steps", 0, "batches are as large as the project file says")
        if "batch_tokens" in said
        else ("fewest_steps", FEWEST_STEPS, "few examples in few steps teach next to nothing"),
        ("clip", 1.0, "one strange batch must not undo a thousand good ones"),
        ("precision", "float32", "exact on a processor; take bfloat16 on an accelerator"),
    ]


def _of(kind: type, found: tuple[Setting, ...]) -> dict[str, Any]:
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return {one.lever: one.value for one in found if one.lever in names}
