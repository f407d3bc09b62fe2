"""Performing a search by another tool: it runs in a thread, and asks the engine for everything.

What it asks is bought like any call: from the same caps, journalled before it is used, found again
when the search is taken up. A tool that was cut off runs anew from its beginning; it asks the same
questions, and those that were answered cost nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from escalera.core.evidence import Evidence
from escalera.core.ladder.optimising import SLACK
from escalera.core.ladder.steps import Call, Optimise
from escalera.core.prompts import rendering, rewriting
from escalera.domain.dataset import Example
from escalera.domain.event import Event, Observed, Proposed
from escalera.domain.message import Decoding
from escalera.domain.optimiser import Rewritten, Written
from escalera.domain.project import BaseModel
from escalera.domain.system import Prompt, System
from escalera.engine.purse import Purse
from escalera.errors import EscaleraError, ProviderError
from escalera.ports import Asking, Graded, Optimiser, Provider

MOST_TOKENS = 4096
"""Of a reply of the proposer: a whole instruction with what comes before it."""

T = TypeVar("T")


class Ended(Exception):
    """The search is to end: the calls or the caps are used, or something went wrong."""


@dataclass(slots=True, kw_only=True)
class Search:
    """One search by an optimiser, for one step.

    `evaluate` asks calls and their judges; `bought` finds answers in the journal.
    """

    step: Optimise
    proposer: BaseModel
    provider: Provider
    evidence: Evidence
    purse: Purse
    evaluate: Callable[[Sequence[Call]], Awaitable[None]]
    bought: Callable[[Sequence[str]], Mapping[str, Observed]]
    record: Callable[[Sequence[Event]], None]
    _asked: set[str] = field(default_factory=set)
    _nth: Counter[str] = field(default_factory=Counter)
    _waiting: set[Future[Any]] = field(default_factory=set)
    _flying: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    _ended: bool = False
    _capped: bool = False
    _error: EscaleraError | None = None

    async def perform(self, optimiser: Optimiser) -> Rewritten | None:
        """Run *optimiser* to its end; None where a cap of the budget came first.

        Raises what its questions raised, `ProviderError` mostly.
        """
        loop = asyncio.get_running_loop()
        asking = Asking(
            answers=lambda text, items: self._wait(loop, self._answers(text, items)),
            write=lambda message: self._wait(loop, self._write(message)),
            left=self._left,
        )
        prompt = rewriting.plain(self.step.parent.prompt)
        try:
            texts = await asyncio.to_thread(
                optimiser.improve, prompt, self.step.items, asking, seed=self.step.seed
            )
        except Ended:
            texts = ()
        finally:
            self._ended = True
            for future in [*self._waiting]:
                future.cancel()
        if self._error is not None:
            raise self._error
        if self._capped:
            return None
        return Rewritten(
            task=self.step.task,
            parent=self.step.parent.digest,
            optimiser=self.step.optimiser,
            rewrites=tuple(dict.fromkeys(text for text in texts if text != prompt)),
        )

    def _wait(self, loop: asyncio.AbstractEventLoop, asked: Coroutine[Any, Any, T]) -> T:
        """In the optimiser's thread: what *asked* comes to on the loop."""
        if self._ended:
            asked.close()
            raise Ended
        future = asyncio.run_coroutine_threadsafe(asked, loop)
        self._waiting.add(future)
        try:
            return future.result()
        except (EscaleraError, CancelledError) as error:
            if isinstance(error, EscaleraError) and self._error is None:
                self._error = error
            self._ended = True
            raise Ended from error
        except Ended:
            self._ended = True
            raise
        finally:
            self._waiting.discard(future)

    def _left(self) -> int:
        return self.step.calls - len(self._asked)

    def _count(self, new: set[str]) -> None:
        """Raises `Ended` where a tool that should have stopped asks for more."""
        if len(self._asked | new) > SLACK * self.step.calls:
            raise Ended
        self._asked |= new

    async def _evaluated(self, calls: Sequence[Call]) -> None:
        """Have *calls* answered; what another thread is asking at this time is waited for."""
        keys = {call.request_key for call in calls}
        while flying := {self._flying[key] for key in keys & self._flying.keys()}:
            await asyncio.wait(flying)
        done = asyncio.get_running_loop().create_future()
        self._flying |= dict.fromkeys(keys, done)
        try:
            await self.evaluate(calls)
        finally:
            for key in keys:
                del self._flying[key]
            done.set_result(None)

    async def _answers(self, text: str, items: Sequence[Example]) -> list[Graded]:
        parent = self.step.parent
        system = replace(parent, prompt=rewriting.rewritten(parent.prompt, text))
        if not any(entry.system == system for entry in self.evidence.proposed):
            self.record([self._proposed(system)])
        calls = [Call(system=system, item=item) for item in items]
        self._count({f"{call.system.digest} {call.item.digest}" for call in calls})
        await self._evaluated(calls)
        if not all(self.evidence.has(call.system, call.item) for call in calls):
            self._capped = True
            raise Ended
        known = self.bought([call.request_key for call in calls])
        return [self._graded(call, known) for call in calls]

    def _graded(self, call: Call, known: Mapping[str, Observed]) -> Graded:
        seen = known.get(call.request_key)
        said = "" if seen is None else rendering.answer(call.system.prompt, seen.reply)
        found = self.evidence.sample(call.system, call.item)
        return Graded(said=said, score=None if found is None else found.score)

    def _proposed(self, system: System) -> Proposed:
        return Proposed(
            rung="search",
            task=self.step.task,
            operator=self.step.optimiser,
            system=system,
            parent=self.step.parent.digest,
            purpose="screen",
        )

    async def _write(self, message: str) -> str:
        call = self._message(message)
        self._count({call.request_key})
        known = self.evidence.written.get(call.request_key)
        if known is not None:
            return known.reply
        if not await self.purse.affordable([call]):
            self._capped = True
            raise Ended
        try:
            with self.purse.held([call]):
                await self.purse.secured()
                (reply,) = await self.provider.answer([call.request])
            if isinstance(reply, ProviderError):
                raise reply
        except ProviderError:  # after it nothing of this call is in flight
            self.purse.settle()
            raise
        self.record(
            [
                Written(
                    task=self.step.task,
                    model=self.proposer.name,
                    request=call.request_key,
                    reply=reply.text,
                    usage=reply.usage,
                    micro_dollars=reply.micro_dollars,
                    revision=reply.revision,
                    seconds=reply.seconds,
                )
            ]
        )
        self.purse.settle()
        return reply.text

    def _message(self, message: str) -> Call:
        """The call for *message*: asked again, it is another sample."""
        nth = self._nth[message]
        self._nth[message] += 1
        system = System(
            model=self.proposer.name,
            revision=self.proposer.revision,
            prompt=Prompt(),
            decoding=Decoding(max_tokens=MOST_TOKENS, temperature=1.0, seed=self.step.seed),
        )
        name = f"{self.step.task}/{self.step.optimiser}"
        item = Example(
            id=name, task=self.step.task, split="search", input=message, target="", cluster=name
        )
        return Call(system=system, item=item, repeat=nth)
