"""`[gateway.jobs]`: whether callers may finetune the project's models, how much, at what price."""

from __future__ import annotations

from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Above = Annotated[float, msgspec.Meta(gt=0)]


class JobsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[gateway.jobs]`: `models` are those that may be finetuned, all local ones where it is empty.

    An owner may have `waiting` jobs that have not ended. A file has from `least_examples` to
    `examples` lines, and a job teaches at most `tokens` tokens, in at most `minutes` of work.
    `price_per_hour` is what an hour of it costs in US dollars. What a training needs to go on is
    kept every `checkpoint_seconds`, and `checkpoints` states of a job's model can be asked. A job
    on which the process of the jobs died `attempts` times in a row, and kept nothing new, fails.
    """

    models: list[str] = msgspec.field(default_factory=list)
    waiting: _Count = 20
    least_examples: _Count = 10
    examples: _Count = 100_000
    tokens: _Count = 100_000_000
    minutes: _Above | None = None
    price_per_hour: _Above | None = None
    checkpoint_seconds: _Above = 10.0
    checkpoints: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
