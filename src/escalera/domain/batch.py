"""Batches: files of requests that are answered while nobody waits, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

BatchStatus = Literal[
    "validating",
    "in_progress",
    "finalizing",
    "cancelling",
    "completed",
    "failed",
    "expired",
    "cancelled",
]
"""As OpenAI's API names them. The last four are for good."""
BATCH_OVER: tuple[BatchStatus, ...] = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchError:
    """What is wrong with a batch, or with a line of its file, counted from 1."""

    code: str
    message: str
    param: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWish:
    """A batch as a caller asked for it: requests to `endpoint`, one on each line of a file.

    `output_seconds` is how long the files that come of it are kept, None for as long as is usual.
    """

    endpoint: str
    input_file: str
    window: str = "24h"
    metadata: Mapping[str, str] = field(default_factory=dict)
    output_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchUsage:
    """Tokens that answers say they took: `cached` are among those of the `input`, `reasoning` among
    those of the `output`. `untold` answers say nothing of it, and are in none of the sums.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    untold: int = 0

    def __add__(self, other: BatchUsage) -> BatchUsage:
        return BatchUsage(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            untold=self.untold + other.untold,
        )


NOTHING = BatchUsage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch. Times are seconds since the epoch; `reached` is when it came to each status.

    `owner` is as for a file, and `key` the id of the key that pays. Of `total` lines `completed`
    were answered, and `failed` with an error. `model` is what all of them ask, empty where they ask
    several. `usage` is that of the lines that were answered, None for a batch of a time when nobody
    counted it. `waits` is why nothing is asked now, and `starts` how often it was taken up.
    """

    id: str
    wish: BatchWish
    created: float
    expires: float
    owner: str = ""
    key: str = ""
    status: BatchStatus = "validating"
    reached: Mapping[str, float] = field(default_factory=dict)
    errors: tuple[BatchError, ...] = ()
    total: int = 0
    completed: int = 0
    failed: int = 0
    model: str = ""
    output_file: str = ""
    error_file: str = ""
    waits: str = ""
    starts: int = 0
    usage: BatchUsage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What came of a line: its `record` in the form of the file that it will stand in, and the
    tokens that it took.
    """

    line: int
    is_error: bool
    record: bytes
    usage: BatchUsage = NOTHING
