"""Everything the engine needs from outside, on one page.

Ports take and return domain values. Each has one contract suite under `tests/contract`, which
every implementation passes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from escalera.domain.dataset import Example
from escalera.domain.event import Event, Judged, Observed
from escalera.domain.hosting import HostedRun
from escalera.domain.message import Embeddings, Piece, Reply, Request
from escalera.domain.recipe import MergePlan, TrainingPair, TrainingRecipe
from escalera.domain.scoring import Score, Submission
from escalera.domain.sweep import LeverTrial, LeverValue, Sweep
from escalera.domain.training import Scalar, TrainingRun, TrialRun
from escalera.errors import ProviderError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is to do."""

Invalid = Callable[[str, str], str | None]
"""Called with a JSON Schema and a text: what is wrong with the text, or None when it is valid."""


Search = Callable[[str], Sequence[int]]
"""From a query to the places of the texts that speak for it, best first."""

Index = Callable[[Sequence[str]], Search]
"""Prepares texts for being searched."""

Count = Callable[[str], int]
"""How many tokens a text has, or an upper bound of it."""


class Provider(Protocol):
    """Answers requests: a model in this process, or an endpoint.

    `unit` is how many requests are answered together; the engine records a unit as a whole, so
    that a batch has the same composition after a restart. `concurrency` is how many units may be
    in flight.
    """

    @property
    def unit(self) -> int: ...

    @property
    def concurrency(self) -> int: ...

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or error per request, in order. Retries happen inside."""

    def stream(self, request: Request) -> AsyncIterator[str | Piece | Reply]:
        """The answer piece by piece, then the whole `Reply`. Raises `ProviderError`.

        Pieces are texts, or `Piece`s where the request asks for log probabilities.
        """

    async def close(self) -> None:
        """Release what is held; called once."""


class Embedder(Protocol):
    """Turns texts into vectors that are near where the texts mean the same."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector per text, in order. Raises `ProviderError`; retries happen inside."""

    async def close(self) -> None:
        """Release what is held; called once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What examples and passages are chosen with.

    `count` gives the counter of a tokenizer by its revision, and `embedder` is made for the model
    of a project that is asked for embeddings.
    """

    index: Index
    count: Callable[[str], Count]
    embedder: Callable[[str], Embedder]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What was said to an item, and its score; None where it has none."""

    said: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What an optimiser may ask; whatever it buys is journalled first, and bought once.

    `answers` grades answers to items under another system message, `write` completes a message with
    the proposer, `left` is how many of the calls it may make are left. All three may be called from
    any thread of the optimiser; they raise when the search is to end.
    """

    answers: Callable[[str, Sequence[Example]], Sequence[Graded]]
    write: Callable[[str], str]
    left: Callable[[], int]


class Optimiser(Protocol):
    """Another tool that searches for what to say instead of a prompt."""

    def improve(
        self, prompt: str, items: Sequence[Example], ask: Asking, *, seed: int
    ) -> Sequence[str]:
        """What to say instead of *prompt*, best first; nothing where nothing seemed better.

        The same seed and the same replies lead to the same questions: so a search that was cut off
        is taken up.
        """


class Suggester(Protocol):
    """Suggests the levers of a sweep's next trial."""

    def suggest(
        self, sweep: Sweep, tried: Sequence[LeverTrial], *, pauses: int
    ) -> tuple[LeverValue, ...]:
        """Values in the order of the levers; a trial with *pauses* scores was not stopped.

        The same history leads to the same values: a sweep that was cut off is taken up.
        """


class Trainer(Protocol):
    """Makes an adapter from a recipe.

    A training may be done in parts: asked again for the same recipe with a larger `until`, it goes
    on where it paused, and what it leaves at the end does not depend on the pauses.
    """

    def train(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        into: Path,
        progress: Progress,
        until: float = 1.0,
    ) -> TrainingRun:
        """Train on *pairs* up to a share of the steps; write what was learned into *into*, an
        empty folder: a PEFT adapter, or the model's weights that changed.

        What a killed training goes on from is kept until `forget`. Raises `TrainingError`.
        """

    def forget(self, recipe: TrainingRecipe) -> None:
        """The training is at its end, and what it learned is stored: it will not go on."""

    def trial(
        self, recipe: TrainingRecipe, pairs: Sequence[TrainingPair], *, share: float
    ) -> TrialRun:
        """Train for a share of the steps on most pairs, and test on the others; keep nothing."""


class Tuner(Protocol):
    """Has a provider train, by jobs. Everything raises `ProviderError`; retries happen inside."""

    @property
    def endpoint(self) -> str:
        """The base URL at which the models answer."""

    async def begin(self, recipe: TrainingRecipe, pairs: Sequence[TrainingPair]) -> str:
        """The id of the job for *recipe*: of the one that is there and did not fail, or a new one.

        Raises `InputError` for examples that the provider does not take, before any is sent.
        """

    async def wait(self, job: str, *, progress: Progress) -> HostedRun:
        """How the job ended. Raises `ProviderUnavailable` where it takes too long: ask again."""

    async def cancel(self, job: str) -> HostedRun:
        """Cancel the job, and say how it ended: it may have come to its end before."""

    async def close(self) -> None:
        """Release what is held; called once."""


class CurveWriter(Protocol):
    """Where curves of trainings are written for people to look at."""

    def write(
        self, run: str, label: str, scalars: Sequence[Scalar], settings: Mapping[str, str]
    ) -> None:
        """Add those points of a training that are not there yet; all so far are given each time.

        *run* is the recipe's digest, *label* a name of it for people that can name a folder: the
        digest's beginning, until it is known what is taught. *settings* are what it was made with;
        none until they are known. Raises `TrainingError` where it cannot be written.
        """

    def close(self) -> None:
        """Release what is held; called once."""


class Merger(Protocol):
    """Makes an adapter from adapters."""

    def merge(self, plan: MergePlan, adapters: Sequence[Path], *, into: Path) -> None:
        """Merge the adapters of *plan* (folders in its order) into the empty folder *into*."""


class Scoring(Protocol):
    """Scores answers, by the scorers of a project's tasks."""

    async def score(self, scorer: str, answers: Sequence[Submission]) -> Sequence[Score]:
        """One score per answer, in order, by the scorer that a task names by this identity.

        A scorer that cannot do its work leaves the answer unscored with the reason.
        """

    async def close(self) -> None:
        """Release what is held; called once."""


class Artifacts(Protocol):
    """Files by content: adapters and routers."""

    def put(self, folder: Path) -> str:
        """Store a folder; the digest of names and contents. Storing it twice is harmless."""

    def path(self, digest: str) -> Path:
        """Where the folder lies. Raises `EvidenceMissing` when it is not stored."""

    def scratch(self) -> Path:
        """A new empty folder for something in the making."""


class Journal(Protocol):
    """The append-only record of events."""

    def append(self, events: Sequence[Event]) -> None:
        """Append all or none, durably. Raises `JournalConflict` when another process wrote."""

    def events(self) -> Iterator[Event]:
        """Every event in order. Raises `JournalCorrupt` when the hash chain does not hold."""

    def bought(self, requests: Sequence[str]) -> Mapping[str, Observed]:
        """Answers that were bought, by the keys of their requests; keys without one are absent."""

    def judged(self, requests: Sequence[str]) -> Mapping[str, Judged]:
        """Grades that were bought, by the keys of their requests; keys without one are absent."""

    def close(self) -> None:
        """Release what is held; called once."""


class Lines(Protocol):
    """A file to which JSON lines are only added; one process at a time may hold it."""

    def read(self) -> tuple[bytes, ...]:
        """Every line, in order, without its end."""

    def append(self, line: Mapping[str, object]) -> None:
        """Add one line. It is on disk when this returns; when it raises, it is not in the file.

        Raises `LinesError` where it cannot be written, or another program changed the file.
        """

    def close(self) -> None:
        """Let others have the file; called once."""


class Clock(Protocol):
    """The only source of time."""

    def seconds(self) -> float:
        """A monotonic reading in seconds."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
