"""Where trials are recorded, by several workers at once; nothing of it happens in the event loop.

A thread of its own appends and reads: a worker that finds that another one wrote in between reads
that first, and so all see the same events in the same order, and come to the same words.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from escalera.apps.gateway.mirroring import PairTexts
from escalera.core.serving import trials
from escalera.core.serving.trials import State, Terms
from escalera.domain.event import Event
from escalera.domain.trial import Paired, PairJudged, Switched
from escalera.errors import JournalConflict, JournalError

ATTEMPTS = 50
"""How often a pair is written again after others."""


class SharedJournal(Protocol):
    """A journal that several processes write to."""

    def append(self, events: Sequence[Event]) -> None:
        """Append all or none, durably. Raises `JournalConflict` when another process wrote."""

    def later(self) -> Iterator[Event]:
        """What was appended since it was last read or written."""

    def close(self) -> None:
        """Release what is held; called once."""


class Texts(Protocol):
    """Where the texts of pairs are kept."""

    def keep(self, trial: str, texts: tuple[str, str, str, str], *, most: int) -> None:
        """Add request, question, live and candidate answer; of a trial *most* stay."""

    def close(self) -> None:
        """Release what is held; called once."""


class Accounts(Protocol):
    """Where the money of copies is kept."""

    def take(self, trial: str, micro_dollars: int, *, most: int, spent: int) -> bool:
        """Take money where all that was taken stays within *most*; *spent* was so before."""

    def give_back(self, trial: str, micro_dollars: int) -> None:
        """Give back what was taken and not needed."""

    def close(self) -> None:
        """Release what is held; called once."""


def append(
    journal: SharedJournal, events: Sequence[Event], see: Callable[[Iterator[Event]], None]
) -> None:
    """Append *events* behind what others write meanwhile, which *see* is given first.

    Raises `JournalConflict` where others are faster every time.
    """
    for _ in range(ATTEMPTS):
        see(journal.later())
        with suppress(JournalConflict):
            journal.append(events)
            return
    raise JournalConflict(f"{ATTEMPTS} times another process wrote before")


class TrialBook:
    """The trials of one worker over a journal that all share, the texts of their pairs and the
    money of their copies; each is opened when it is needed.
    """

    def __init__(
        self,
        open_: Callable[[], SharedJournal],
        texts: Callable[[], Texts],
        accounts: Callable[[], Accounts],
    ) -> None:
        self._open, self._open_texts, self._open_accounts = open_, texts, accounts
        self._journal: SharedJournal | None = None
        self._texts: Texts | None = None
        self._accounts: Accounts | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trials")
        self._states: dict[str, State] = {}
        self._terms: dict[str, Terms] = {}
        self._names: dict[str, str] = {}
        self._ended: set[str] = set()

    def begin(self, trial: str, terms: Terms) -> State:
        """Judge a trial from now on; its state by all that was recorded. Called before serving."""
        return self._thread.submit(self._begin, trial, terms).result()

    async def record(self, event: Event, trial: str) -> State:
        """Append an event; the state of the trial then."""
        self._require_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._record, event, trial)

    async def keep(self, texts: PairTexts, most: int) -> None:
        """Keep the texts of a pair, at most so many of a trial."""
        self._require_open()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._keep, texts, most)

    async def take(self, trial: str, micro_dollars: int, most: int) -> bool:
        """Take money for a copy, where all that was ever taken stays within *most*."""
        self._require_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._take, trial, micro_dollars, most)

    async def give_back(self, trial: str, micro_dollars: int) -> None:
        """Give back what a copy did not need."""
        self._require_open()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._give_back, trial, micro_dollars)

    def switched(self) -> Mapping[str, str]:
        """Which name answers for which, as was promoted and rolled back. Not in the event loop."""
        return self._thread.submit(self._switches).result()

    def switch(self, event: Switched) -> bool:
        """Record that a candidate lost its calls, unless a worker has. Not in the event loop."""
        return self._thread.submit(self._switch, event).result()

    def close(self) -> None:
        """Write what waits, and close; called once."""
        self._closed = True
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _require_open(self) -> None:
        if self._closed:
            raise JournalError("the journal of trials is closed: the configuration has ended")

    # Private, in the thread

    def _begin(self, trial: str, terms: Terms) -> State:
        """From the beginning for all trials: each event counts once, whoever wrote meanwhile."""
        if self._journal is not None:
            self._journal.close()
        self._journal = self._open()
        self._terms[trial] = terms
        self._states = {name: trials.init(held) for name, held in self._terms.items()}
        self._fold(self._journal.later())
        return self._states[trial]

    def _record(self, event: Event, trial: str) -> State:
        append(self._opened(), [event], self._fold)
        self._fold([event])
        return self._states.get(trial) or trials.init(Terms())

    def _fold(self, events: Iterator[Event] | Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Switched):
                self._names[event.name] = event.to
                self._ended |= {event.trial} if event.word == "broken" else set()
            if not isinstance(event, Paired | PairJudged):
                continue
            state = self._states.get(event.trial)
            if state is not None:
                self._states[event.trial] = trials.update(state, [event])

    def _opened(self) -> SharedJournal:
        if self._journal is None:
            self._journal = self._open()
        return self._journal

    def _switches(self) -> Mapping[str, str]:
        self._fold(self._opened().later())
        return {name: to for name, to in self._names.items() if to}

    def _switch(self, event: Switched) -> bool:
        self._fold(self._opened().later())
        if event.trial in self._ended:
            return False
        self._record(event, event.trial)
        return True

    def _keep(self, texts: PairTexts, most: int) -> None:
        said = (texts.request, texts.question, texts.live, texts.candidate)
        if self._texts is None:
            self._texts = self._open_texts()
        self._texts.keep(texts.trial, said, most=most)

    def _take(self, trial: str, micro_dollars: int, most: int) -> bool:
        state = self._states.get(trial)
        spent = 0 if state is None else math.ceil(state.micro_dollars)
        return self._account().take(trial, micro_dollars, most=most, spent=spent)

    def _give_back(self, trial: str, micro_dollars: int) -> None:
        self._account().give_back(trial, micro_dollars)

    def _account(self) -> Accounts:
        if self._accounts is None:
            self._accounts = self._open_accounts()
        return self._accounts

    def _close(self) -> None:
        for held in (self._journal, self._texts, self._accounts):
            if held is not None:
                held.close()
