"""What happened: the only thing the journal holds, and all that decisions rest on.

Fields named in `CLOCK_FIELDS` are clock readings: they are kept, shown, and left out wherever two
runs are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.calibration import Anchored, Rechecked
from escalera.domain.dataset import Split
from escalera.domain.distillation import Distilled
from escalera.domain.finetuned import Finetuned
from escalera.domain.generation import Generated
from escalera.domain.hosting import HostedJob
from escalera.domain.identity import LATER
from escalera.domain.judge import Basis, Order
from escalera.domain.message import FinishReason, Usage
from escalera.domain.optimiser import Rewritten, Written
from escalera.domain.project import RungName
from escalera.domain.promotion import Promoted
from escalera.domain.quality import QualityTested
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.recipe import MergePlan
from escalera.domain.screening import Screened
from escalera.domain.selection import Embedded, Selected
from escalera.domain.sweep import Suggested
from escalera.domain.system import Route, System
from escalera.domain.training import RateTried, Trained
from escalera.domain.trial import Paired, PairJudged, Switched
from escalera.domain.verdict import Figure, Question, ScoreRule

CLOCK_FIELDS = frozenset({"seconds", "minutes", "minutes_range", "joules", "at"})
Outcome = Literal["adequate", "inadequate", "undecided", "regressed"]
StopReason = Literal["adequate", "inadequate", "undecided", "regressed", "budget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A climb was opened on a project; its digest commits to tasks, items, order and policy."""

    project: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What a pilot of a few calls says a rung will cost.

    `calls` are the most that there can be and `fewest_calls` the fewest, where every question ends
    at its first look. Money and minutes are of the most calls at the mean of the calls so far; the
    ranges go from the fewest calls at the lower end of the mean's 95 % interval to the most at its
    upper end. `minutes` is None for what is not timed; money is None where a price is unknown.
    """

    rung: RungName
    calls: int
    fewest_calls: int
    prompt_tokens: int
    completion_tokens: int
    training_tokens: int
    micro_dollars: int | None
    micro_dollars_range: tuple[int, int] | None
    minutes: float | None
    minutes_range: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A system became a candidate for a task: which operator made it, from which parent.

    `purpose` says whether it enters a race, or is a run of a screening that chooses who enters.
    """

    rung: RungName
    task: str
    operator: str
    system: System
    parent: str | None
    purpose: Literal["race", "screen"] = "race"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One system answered one item.

    `score` is in [0, 1], or None with the `reason` why there is no score; an infrastructure
    failure is never a zero. `repeat` counts the samples of an answer that is drawn. `request` is
    the key of what was sent; where the answer to the same request was in the journal already, it
    was not `bought` again. `finish` is None where the endpoint refused the request. `attempts` is
    how often the endpoint was asked until it answered, `revision` what it says of itself.
    `seconds` is the call's share of the time that its unit took. `answer` is the part of the reply
    that was scored, None where that is all of it. `valid` is whether that part is valid against the
    task's schema, None where the task has none; `repairs` how often an invalid reply was sent back
    until this one came: usage, price and seconds are of all of them together.
    """

    system: str
    item: str
    item_digest: str
    repeat: int
    task: str
    split: Split
    cluster: str
    scorer: str
    score: float | None
    reason: str | None
    request: str
    bought: bool
    reply: str
    finish: FinishReason | None
    attempts: int
    usage: Usage
    micro_dollars: int | None
    revision: str
    seconds: float
    answer: str | None = None
    valid: bool | None = field(default=None, metadata=LATER)
    repairs: int = field(default=0, metadata=LATER)

    @property
    def said(self) -> str:
        """What was scored."""
        return self.reply if self.answer is None else self.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A judge was asked about one answer.

    `system`, `item_digest` and `repeat` say which (`system` is empty for an answer that is only in
    a file of labels), and `answer` is the digest of its text. `judge` is the digest of who grades
    by what; `order` the place in which the answer was shown; `draw` counts the grades that one
    judge gives, `turn` how often it was asked for this one before. `grade` is in [0, 1], or None
    with the `reason`; where a later turn has a grade, that one counts. The other fields are of the
    call, as in `Observed`. The score that follows from all grades is a `Rescored`. Where the same
    was asked `anew`, in a round of so many, it is to see drift and counts for no score.
    """

    system: str
    item: str
    item_digest: str
    repeat: int
    task: str
    answer: str
    judge: str
    order: Order
    draw: int
    turn: int
    grade: float | None
    reason: str | None
    request: str
    bought: bool
    reply: str
    finish: FinishReason | None
    attempts: int
    usage: Usage
    micro_dollars: int | None
    revision: str
    seconds: float
    anew: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What calls may cost that have no answer in the journal, under a cap of the budget.

    Written before such calls are made, and again when none is in flight any more; the latest holds.
    After a crash it is what the calls that were cut off may have cost, and stays counted. `tokens`
    are those of prompts and answers together.
    """

    calls: int
    tokens: int
    micro_dollars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """A reply that was bought for another scorer, or waited for its judges, got its score."""

    system: str
    item_digest: str
    repeat: int
    scorer: str
    score: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A model wrote edits of a task's prompt in a round of the search, from its mistakes.

    `parent` is the digest of the system that made them. `edits` are what could be read of `reply`;
    there may be none.
    """

    task: str
    round: int
    parent: str
    model: str
    edits: tuple[str, ...]
    reply: str
    usage: Usage
    micro_dollars: int | None
    revision: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Duelled:
    """A round of the search ended: the paired difference of its best prompt to the one before.

    Where it was `accepted`, the search goes on from it: edits when they are not shown worse, what
    an optimiser proposes when it is ahead. Duels choose on `search` items and prove nothing: what
    a search ends with is confirmed on fresh ones.
    """

    task: str
    round: int
    candidate: str
    incumbent: str
    figure: Figure
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """A round of a race ended: who ran, their mean scores on `items` common items, who stays.

    `entrants` and `means` belong together; `survivors` are best first. The means chose the
    survivors, so they are no estimate of what the winner is worth.
    """

    rung: RungName
    task: str
    race: str
    round: int
    items: int
    entrants: tuple[str, ...]
    means: tuple[float, ...]
    survivors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFitted:
    """A router was learned from the tasks' `train` items.

    `router` is the digest of its artifact. `choices` says for every one of `items` (all of the
    project's) which query type the router infers; `accuracy` is the share of `search` items that
    it sends to the right type. `unsure` are the items on which it abstains. It was set to keep a
    share `coverage` of messages like the `search` items, and of such messages it keeps at least
    `assured` (at level 0.95, whatever their distribution); both None where there were too few.
    `embeddings` says what came of those for which the project names a model.
    """

    router: str
    items: tuple[str, ...]
    choices: tuple[str, ...]
    accuracy: Figure
    unsure: tuple[str, ...] = field(default=(), metadata=LATER)
    coverage: float | None = field(default=None, metadata=LATER)
    assured: float | None = field(default=None, metadata=LATER)
    embeddings: EmbeddingsWeighed | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A merge ended and its adapter is stored."""

    plan: MergePlan
    adapter: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominated:
    """A route is put forward by a rung: from here on its verdicts spend alpha."""

    rung: RungName
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One look at a question: the figure, the boundary it was held against, and what it says.

    `verdict` is an `Adequacy` or a `Comparison` word; `settled` is whether sampling may stop.
    `figure` is the mean score (adequacy) or the mean paired difference (regression) with its
    repeated confidence interval; `unscored` counts items left out for want of a score. Where a
    judge scores, `basis` says whether people's `labels` (so many items have one) correct the
    figure, and `judge` is then what the judge alone would say. Where a question may be read at any
    time there is no plan of looks: `looks` counts those so far, `statistic` and `boundary` are
    None, because the interval says all, and a judge's scores count by themselves. `pairing` is the
    rule that scores were read by, and are read by when the look is shown again.
    """

    question: Question
    look: int
    looks: int
    figure: Figure
    statistic: float | None
    boundary: float | None
    alpha_spent: float
    verdict: str
    passed: bool
    settled: bool
    unscored: int
    basis: Basis = "scorer"
    judge: Figure | None = None
    labels: int = 0
    pairing: ScoreRule = field(default="held effect", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A rung ended for a task, or for the whole project (`task` empty), with the reasons."""

    rung: RungName
    task: str
    outcome: Outcome
    candidate: str | None
    words: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The climb ended. `route` is the digest of the system to serve, or None.

    `at` is when, in seconds since the epoch, None where that was not kept.
    """

    reason: StopReason
    rung: RungName
    route: str | None
    words: str
    reasons: tuple[str, ...]
    reversal: tuple[str, ...]
    at: float | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A step could not be performed; the climb can be continued when the cause is gone."""

    step: str
    cause: str
    retryable: bool


Event = (
    Opened
    | Priced
    | Proposed
    | Screened
    | Drafted
    | Written
    | Rewritten
    | Duelled
    | Embedded
    | Selected
    | Generated
    | Distilled
    | Observed
    | Judged
    | Anchored
    | Rechecked
    | Reserved
    | Rescored
    | Raced
    | RouterFitted
    | RateTried
    | Suggested
    | HostedJob
    | Trained
    | Merged
    | Finetuned
    | Nominated
    | Looked
    | Decided
    | Stopped
    | Promoted
    | QualityTested
    | Paired
    | PairJudged
    | Switched
    | Failed
)
