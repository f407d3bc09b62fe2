"""A provider whose answers are held to the contract of their request: checked, and sent back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import replace

from escalera.core.evaluation import repair
from escalera.domain.message import Piece, Reply, Request
from escalera.errors import ProviderError, RequestRejected
from escalera.ports import Invalid, Provider


class Repairing:
    """The provider *asked*, with a repair dialogue for requests whose contract allows one.

    What evaluates and what serves ask the same way, so that what was measured is what answers. A
    repair that the provider rejects (the dialogue has become too long for the model, say) ends the
    dialogue with the answer that there is; any other failure is the failure of the call.
    """

    def __init__(self, asked: Provider, invalid: Invalid) -> None:
        self._asked = asked
        self._invalid = invalid

    @property
    def unit(self) -> int:
        """How many requests are answered together."""
        return self._asked.unit

    @property
    def concurrency(self) -> int:
        """How many units may be in flight."""
        return self._asked.concurrency

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or error per request, in order; invalid ones are sent back together."""
        found = list(await self._asked.answer(requests))
        talks: dict[int, _Talk] = {}
        for place, (request, first) in enumerate(zip(requests, found, strict=True)):
            if _repairs(request) and isinstance(first, Reply):
                talks[place] = _Talk(request, self._invalid, first)
        while open_ := {place: talk for place, talk in talks.items() if talk.next is not None}:
            replies = await self._asked.answer([talk.next for talk in open_.values() if talk.next])
            for talk, reply in zip(open_.values(), replies, strict=True):
                # A provider that answers a unit in one go says of each how long the unit took.
                talk.hear(reply, share=len(requests) / len(open_) if self.unit > 1 else 1.0)
        return [talks[n].found if n in talks else reply for n, reply in enumerate(found)]

    async def stream(self, request: Request) -> AsyncIterator[str | Piece | Reply]:
        """The answer piece by piece; in one piece where it may have to be sent back."""
        if not _repairs(request):
            async for piece in self._asked.stream(request):
                yield piece
            return
        (reply,) = await self.answer([request])
        if isinstance(reply, ProviderError):
            raise reply
        if reply.text:
            yield reply.text
        yield reply

    async def close(self) -> None:
        """Release what the provider holds."""
        await self._asked.close()


# Below: private.


def _repairs(request: Request) -> bool:
    return request.output is not None and request.output.repairs > 0


class _Talk:
    """One dialogue: `next` is what is to be asked, None when it has come to `found`."""

    def __init__(self, request: Request, invalid: Invalid, first: Reply) -> None:
        assert request.output is not None  # noqa: S101  only such requests are repaired
        schema = request.output.schema
        self._steps: Generator[Request, Reply, Reply] = repair.dialogue(
            request, lambda text: invalid(schema, text)
        )
        self._replies: list[Reply] = []
        self.next: Request | None = next(self._steps)
        self.found: Reply | ProviderError = first
        self.hear(first)

    def hear(self, reply: Reply | ProviderError, *, share: float = 1.0) -> None:
        """Go on with what was answered."""
        self.next = None
        if isinstance(reply, RequestRejected):
            self.found = repair.whole(self._replies)
        elif isinstance(reply, ProviderError):
            self.found = reply
        else:
            reply = replace(reply, seconds=reply.seconds * share)
            self._replies.append(reply)
            try:
                self.next = self._steps.send(reply)
            except StopIteration as ended:
                self.found = ended.value
