"""Continuous batching: one thread owns the model, and rows join and leave between its steps.

Every step is one pass over all rows: one token of each that answers, and a stretch of the prompts
of those that have just come, so that a long prompt does not hold up the answers of others. What
prompts have in common with one that is there already is copied, not computed again. A row has its
place in memory from the first token to the last; nobody is sent away once let in.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.func import functional_call

from escalera.edges.providers import sampling
from escalera.edges.providers.batched_lora import BatchedLora, Span
from escalera.edges.providers.decoding import Row
from escalera.edges.providers.local_model import LocalModel
from escalera.edges.providers.served_adapters import BASE, Lane
from escalera.edges.providers.slot_pass import Pass, Piece
from escalera.edges.providers.slot_store import Place, Shelves
from escalera.edges.providers.stretch import Stretch
from escalera.errors import CallFailed, ProviderError

_SHARED_FROM = 32
"""A common beginning of fewer tokens is run again sooner than it is looked after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What rows may take: `rows` at a time, `tokens` of memory for their keys and values.

    `stretch` says how many tokens of prompts one step runs beside the answers.
    """

    rows: int = 32
    tokens: int = 65536
    stretch: Stretch = field(default_factory=Stretch)


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A row that is to be answered, from its submission to its end.

    `moved` is set in the loop that waits: after every token where `every` is true, and at the end
    in any case. `told` is how many tokens of the answer may be read by then. At the end `ended` is
    true, and `error` is why it ended before its answer did. `done` tokens are run; it begins with
    the first `shared` of `donor` where there is one, as soon as that has run them.
    """

    row: Row
    loop: asyncio.AbstractEventLoop
    every: bool
    lane: Lane = BASE
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    error: ProviderError | None = None
    told: int = 0
    place: Place | None = None
    done: int = 0
    donor: Job | None = None
    shared: int = 0

    @property
    def kind(self) -> int | None:
        """The same for all jobs that can run in one pass: None for the model's own weights."""
        return None if self.lane.weights is None else id(self.lane)

    @property
    def whole(self) -> int:
        """Tokens that it may need in all."""
        return len(self.row.prompt) + self.row.decoding.max_tokens


class Continuous:
    """Steps through all rows there are, in a thread that lives as long as there are any."""

    def __init__(
        self, model: LocalModel, lora: BatchedLora, *, name: str, room: Room, threads: int
    ) -> None:
        self._network = model.network
        self._stops = model.stops
        self._lora = lora
        self._name = name
        self._room = room
        self._threads = threads
        self._stretch = room.stretch
        self._shelves = Shelves(room.tokens)
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._gone: set[Job] = set()
        self._live: list[Job] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def fits(self, tokens: int) -> bool:
        """Whether a row of so many tokens could ever be answered."""
        return self._shelves.can_ever(tokens)

    def submit(self, job: Job) -> None:
        """Answer *job* as soon as there is room; those before it come first.

        Raises `CallFailed` where this is closed.
        """
        with self._changed:
            if self._closed:
                raise CallFailed("the model was closed.", provider=self._name)
            self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name=f"escalera-{self._name}", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Nobody waits for *job* any more: it leaves before the next step."""
        with self._changed:
            self._gone.add(job)
            self._changed.notify()

    def close(self) -> None:
        """End the thread after its step, and wait for that; whoever still waits is told."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()

    # In the thread

    def _work(self) -> None:
        torch.set_num_threads(self._threads)  # the setting belongs to the thread
        try:
            with torch.inference_mode():
                while self._wait():
                    self._admit()
                    if self._live:
                        self._step()
        finally:
            with self._changed:
                self._thread = None
                left = [*self._live, *self._waiting]
                self._waiting.clear()
            self._forget()
            self._fail(left, "was closed" if self._closed else "failed unexpectedly")

    def _wait(self) -> bool:
        """Until there is something to do; False when there never will be again."""
        with self._changed:
            while not (self._closed or self._live or self._waiting):
                self._changed.wait()
            gone, self._gone = self._gone, set()
            if gone:
                self._waiting = deque(job for job in self._waiting if job not in gone)
        for job in gone.intersection(self._live):
            self._leave(job)
        return not self._closed

    def _admit(self) -> None:
        """Let in those that wait, in their order, as long as there is room."""
        while len(self._live) < self._room.rows:
            with self._changed:
                if not self._waiting:
                    return
                job = self._waiting[0]
                try:
                    job.place = self._shelves.place(job.whole, job.kind)
                except RuntimeError as error:  # there is less memory than was thought
                    self._waiting.popleft()
                    self._fail([job], f"has no memory left for it: {error}")
                    continue
                if job.place is None:
                    return
                self._waiting.popleft()
            job.donor, job.shared = _donor(job, self._live)
            self._live.append(job)

    def _step(self) -> None:
        """One pass for those that share weights, and one for each of the others' weights."""
        groups: dict[int | None, list[Job]] = {}
        for job in self._live:
            _inherit(job)
            groups.setdefault(job.kind, []).append(job)
        told: list[Job] = []
        most = left = self._stretch.tokens
        began = time.perf_counter()
        try:
            for group in groups.values():
                turns, left = _turns(group, left)
                if turns:
                    told += self._passed(turns)
        except RuntimeError as error:  # torch's own, out of memory among them
            failed = list(self._live)
            self._forget()
            self._fail(failed, f"failed: {error}")
            return
        self._stretch = self._stretch.after(most - left, time.perf_counter() - began)
        for job in told:
            job.told = len(job.row.tokens) - job.row.stopped
            job.ended = job.row.finished
        _tell(job for job in told if job.every or job.ended)
        for job in [job for job in told if job.ended]:
            self._leave(job)

    def _passed(self, turns: Sequence[tuple[Job, Sequence[int]]]) -> list[Job]:
        """Run tokens of jobs that share weights; those that have another token then."""
        pieces: list[Piece] = []
        told: list[Job] = []
        spans: list[Span] = []
        first = 0
        for job, tokens in turns:
            assert job.place is not None  # noqa: S101  it was let in
            through = job.done + len(tokens) >= len(job.row.prompt)
            pieces.append(Piece(place=job.place, tokens=tokens, start=job.done, ends=through))
            job.done += len(tokens)
            if through:
                told.append(job)
            if job.lane.number is not None:
                if spans and spans[-1][2] == job.lane.number:
                    spans[-1] = (spans[-1][0], first + len(tokens), job.lane.number)
                else:
                    spans.append((first, first + len(tokens), job.lane.number))
            first += len(tokens)
        one = Pass(pieces, self._network.device)
        with self._lora.applied(spans, first, self._network.device):
            logits = one.run(_with(self._network, turns[0][0].lane.weights))
        if told:
            chosen = sampling.choose(logits, [job.row for job in told])
            for job, token in zip(told, chosen, strict=True):
                job.row.say(token, self._stops)
            sampling.weigh(logits, [job.row for job in told])
        return told

    def _leave(self, job: Job) -> None:
        if job.place is not None:
            job.place.shelf.leave(job.place)
            job.place = None
        self._live.remove(job)

    def _forget(self) -> None:
        """Drop all rows and their memory: after a failure nothing of it can be relied on."""
        self._live = []
        self._shelves = Shelves(self._room.tokens)

    def _fail(self, jobs: Iterable[Job], problem: str) -> None:
        jobs = list(jobs)
        for job in jobs:
            job.error = CallFailed(f"the model {problem}.", provider=self._name)
            job.ended = True
        _tell(jobs)


# Below: private.


def _turns(jobs: Sequence[Job], left: int) -> tuple[list[tuple[Job, Sequence[int]]], int]:
    """What each job runs next, those of one adapter together; and how much of *left* is left.

    It is the last token that it said, or as much of its prompt as is left for prompts.
    """
    found: list[tuple[Job, Sequence[int]]] = []
    for job in jobs:
        if job.row.tokens:
            found.append((job, job.row.tokens[-1:]))
        elif left and job.donor is None:
            tokens = job.row.prompt[job.done : job.done + left]
            left -= len(tokens)
            found.append((job, tokens))
    if any(job.lane.number is not None for job in jobs):
        found.sort(key=lambda turn: -1 if turn[0].lane.number is None else turn[0].lane.number)
    return found, left


def _donor(job: Job, others: Sequence[Job]) -> tuple[Job | None, int]:
    """Who has the longest beginning in common with *job*, and how long it is.

    At least one token of the prompt is left to run: behind it the answer begins.
    """
    best: tuple[Job | None, int] = None, 0
    for other in others:
        if other.lane is job.lane:
            length = _common(job.row.prompt, other.row.prompt)
            if length >= max(_SHARED_FROM, best[1] + 1):
                best = other, length
    return best


def _common(prompt: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many first tokens they share, short of the last of *prompt*: found by halving."""
    low, high = 0, min(len(prompt) - 1, len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if prompt[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _inherit(job: Job) -> None:
    """Copy what *job* has in common with its donor, once that has run it."""
    donor = job.donor
    if donor is None or (donor.place is not None and donor.done < job.shared):
        return
    if donor.place is not None and job.place is not None:
        donor.place.shelf.copy(donor.place, job.place, job.shared)
        job.done = job.shared
    job.donor = None  # it went away before it came so far


def _with(network: Any, weights: Mapping[str, torch.Tensor] | None) -> Any:
    """The model with *weights* in place of its own, for as long as it is called."""
    if weights is None:
        return network
    own = dict(weights)

    def called(**inputs: Any) -> Any:
        return functional_call(network, own, (), inputs)

    return called


def _tell(jobs: Iterable[Job]) -> None:
    """Wake those that wait for the jobs, with one call into each of their loops."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, told in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_wake, told)


def _wake(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.moved.set()
