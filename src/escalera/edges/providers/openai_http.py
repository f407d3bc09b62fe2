"""Any endpoint that speaks OpenAI's chat completions, behind the `Provider` port.

The key lives in one header of one client: no error, representation or log line repeats it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    closing,
    contextmanager,
)
from dataclasses import replace
from typing import Protocol

from escalera.domain.message import Reply, Request
from escalera.domain.project import ModelPrice
from escalera.edges.http.target import KEPT, Limits, Target, trusting
from escalera.edges.http.upstream import Exchange, HTTPUpstream
from escalera.edges.providers import openai_wire as wire
from escalera.edges.providers.endpoint import Endpoint, Timeouts
from escalera.edges.providers.event_stream import EventStream
from escalera.edges.providers.hosted_models import HostedModels
from escalera.edges.providers.patience import Patience, bearable, refused
from escalera.edges.providers.throttle import Throttle, Unthrottled
from escalera.errors import (
    AdapterUnusable,
    BadReply,
    Overloaded,
    ProviderError,
    RequestRejected,
)
from escalera.ports import Clock

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a whole response."""


class Loads(Protocol):
    """Has an endpoint load adapters."""

    def using(self, adapter: str) -> AbstractAsyncContextManager[None]:
        """Within it the endpoint answers under the name *adapter*. Raises `ProviderError`."""

    async def again(self, adapter: str) -> None:
        """Load one that the endpoint does not know any more. Raises `ProviderError`."""


class OpenAIHTTP:
    """Answers requests by HTTP, at most `concurrency` at a time; tries again what may work later.

    A try is repeated after connection errors, statuses 408, 409, 425, 429 and 5xx, and replies
    that break the protocol; never after another 4xx, and never once a piece of a stream is out.
    An overloaded endpoint (429, 529) gets fewer calls at a time and is waited for.
    With *adapters*, one that a request names answers it under its own name.
    While *serving* a call is made once, and as many at a time as come: whoever serves has limits,
    patience and others to ask of its own.
    """

    unit = 1

    def __init__(  # noqa: PLR0913  all but two have a default
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        price: ModelPrice | None = None,
        tuned: HostedModels | None = None,
        concurrency: int = 8,
        attempts: int = 5,
        timeouts: Timeouts | None = None,
        adapters: Loads | None = None,
        serving: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._adapters = adapters
        self._clock = clock
        self._price = price
        self._tuned = tuned
        self.concurrency = concurrency
        self._attempts = 1 if serving else attempts
        self._timeouts = timeouts or Timeouts()
        self._throttle: Throttle | Unthrottled = Unthrottled()
        if not serving:
            self._throttle = Throttle(most=concurrency, clock=clock)
        self._dialect = wire.Dialect()
        kept = max(concurrency, KEPT) if serving else concurrency
        self._client = _client(endpoint, self._timeouts, connections=kept)

    def __repr__(self) -> str:
        return f"OpenAIHTTP({self._endpoint!r})"

    async def answer(self, requests: Sequence[Request]) -> Sequence[Reply | ProviderError]:
        """One reply or error per request, in order."""
        if len(requests) == 1:  # by far the most frequent, and a task of its own costs a tenth
            return [await self._settled(requests[0])]
        return await asyncio.gather(*(self._settled(request) for request in requests))

    async def stream(self, request: Request) -> AsyncGenerator[str | Reply]:
        """The answer piece by piece, then the whole reply; retried until the first piece."""
        patience = Patience(request, self._attempts)
        while True:
            dialect, begun = self._dialect, False
            try:
                async with self._place(), aclosing(self._streamed(request, dialect)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except ProviderError as error:
                if begun or not await self._again(request, error, patience, dialect):
                    raise
            else:
                return

    async def close(self) -> None:
        """Close the connections; closing twice is harmless."""
        await self._client.close()

    async def _settled(self, request: Request) -> Reply | ProviderError:
        patience = Patience(request, self._attempts)
        while True:
            dialect = self._dialect
            try:
                async with self._place():
                    dialect = self._dialect  # another call may have learned it meanwhile
                    reply = await self._whole(request, dialect)
            except ProviderError as error:
                if not await self._again(request, error, patience, dialect):
                    return error
            else:
                return replace(reply, attempts=patience.tries)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """A place among the calls in flight; how the call went sets how many there may be."""
        entered = await self._throttle.enter()
        began = self._clock.seconds()
        try:
            yield
        except ProviderError as error:
            overloaded = isinstance(error, Overloaded)
            pause = error.retry_after if overloaded and bearable(error) else None
            self._throttle.leave(entered, overloaded=overloaded, seconds=None, pause=pause)
            raise
        except BaseException:
            self._throttle.leave(entered, overloaded=False, seconds=None)
            raise
        else:
            seconds = self._clock.seconds() - began
            self._throttle.leave(entered, overloaded=False, seconds=seconds)

    async def _again(
        self, request: Request, error: ProviderError, patience: Patience, dialect: wire.Dialect
    ) -> bool:
        """Whether to try once more; waits before it says so, without holding a place."""
        if isinstance(error, RequestRejected):
            return self._learn(request, str(error), dialect)
        pause = patience.pause(error)
        if pause is None:
            return False
        await self._clock.sleep(pause)
        return True

    def _learn(self, request: Request, problem: str, used: wire.Dialect) -> bool:
        """Take up the dialect that a refusal asks for; another call may have done so already."""
        better = wire.learned(used, problem, request.output)
        if better is None:
            return False
        if self._dialect == used:
            self._dialect = better
        return True

    async def _whole(self, request: Request, dialect: wire.Dialect) -> Reply:
        started = self._clock.seconds()
        with self._translated():
            with closing(await self._open(request, dialect, stream=False)) as response:
                body = await self._body(response)
            answered = wire.parse_reply(body, provider=self._endpoint.name, output=request.output)
        return self._reply(request, answered, started)

    async def _streamed(
        self, request: Request, dialect: wire.Dialect
    ) -> AsyncGenerator[str | Reply]:
        """One try."""
        started = self._clock.seconds()
        answer = wire.StreamedAnswer(provider=self._endpoint.name, output=request.output)
        with self._translated():
            response = await self._open(request, dialect, stream=True)
            with closing(response):
                async with aclosing(self._events(response)) as events:
                    async for data in events:
                        piece = answer.feed(data)
                        if piece:
                            yield piece
                        if answer.done:
                            break
            answered = answer.finish()
        if answer.held and answered.text:
            yield answered.text
        yield self._reply(request, answered, started)

    async def _open(self, request: Request, dialect: wire.Dialect, *, stream: bool) -> Exchange:
        """A response with a good status, its body still to be read."""
        name = self._endpoint.name
        if request.choice or request.logprobs is not None or request.verbatim:
            raise RequestRejected(
                "several choices, log probabilities and prompts without a chat template are not "
                "asked of an endpoint under a measured prompt",
                provider=name,
                hint="Leave them out, or ask the model by its own name: then they are passed on.",
            )
        if request.output is not None and request.output.mode == "constrained":
            raise RequestRejected(
                "an endpoint decodes on its own: the output mode 'constrained' is for local models",
                provider=name,
                hint="Use 'json_schema' or 'tools'.",
            )
        if request.adapter is None or self._adapters is None:
            model = self._endpoint.model
            if request.adapter is not None:
                model = self._named(request.adapter)
            body = wire.request_body(request, model=model, stream=stream, dialect=dialect)
            response = await self._client.send("/chat/completions", body)
        else:
            body = wire.request_body(request, model=request.adapter, stream=stream, dialect=dialect)
            response = await self._adapted(self._adapters, request.adapter, body)
        if 200 <= response.status < 300:
            return response
        with closing(response):
            said = wire.problem_in(await self._body(response))
            raise self._refused(response, said, hint=wire.hint(request, said))

    async def _adapted(self, adapters: Loads, adapter: str, body: bytes) -> Exchange:
        """A response of the model with an adapter, which is loaded where it is not there."""
        async with adapters.using(adapter):
            response = await self._client.send("/chat/completions", body)
            if response.status == 404:  # it was started again, or another process unloaded it
                response.close()
                await adapters.again(adapter)
                response = await self._client.send("/chat/completions", body)
            return response

    async def _events(self, response: Exchange) -> AsyncGenerator[str]:
        """The data of the events of a stream."""
        kind = _fields(response).get("content-type", "none")
        if not kind.startswith("text/event-stream"):
            raise BadReply(f"not an event stream but {kind!r}", provider=self._endpoint.name)
        stream = EventStream()
        while piece := await response.read():
            for data in stream.feed(piece):
                yield data

    async def _body(self, response: Exchange) -> bytes:
        coded = _fields(response).get("content-encoding", "identity")
        if coded != "identity":
            raise BadReply(f"compressed ({coded!r}), unasked", provider=self._endpoint.name)
        return await response.whole(MAX_BODY)

    def _refused(self, response: Exchange, said: str, *, hint: str) -> ProviderError:
        name, fields = self._endpoint.name, _fields(response)
        return refused(response.status, fields, said, provider=name, hint=hint)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns what the client raises into our errors, and takes the key out of their words."""
        name, key = self._endpoint.name, self._endpoint.api_key
        try:
            yield
        except ProviderError as error:
            if key is not None:
                error.args = tuple(str(part).replace(key, "***") for part in error.args)
            raise
        except ValueError as error:
            raise BadReply(f"not an event stream or broken: {error}", provider=name) from error

    def _named(self, adapter: str) -> str:
        """What the endpoint calls a model that it finetuned."""
        if self._tuned is None:
            raise AdapterUnusable(
                f"an endpoint cannot load the adapter {adapter[:12]!r}; "
                "adapters run on local models only",
                provider=self._endpoint.name,
            )
        return self._tuned.name(adapter)

    def _reply(self, request: Request, answered: wire.Answered, started: float) -> Reply:
        price = self._price
        if request.adapter is not None and self._tuned is not None:
            price = self._tuned.price
        return Reply(
            text=answered.text,
            finish_reason=answered.finish_reason,
            usage=answered.usage,
            micro_dollars=wire.cost(price, answered.usage),
            seconds=self._clock.seconds() - started,
            revision=answered.revision,
        )


def _fields(response: Exchange) -> dict[str, str]:
    """Header fields by lower-case name; of repeated ones the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}


def _client(endpoint: Endpoint, timeouts: Timeouts, *, connections: int) -> HTTPUpstream:
    limits = Limits(
        connect=timeouts.connect,
        first_byte=timeouts.read if timeouts.first is None else timeouts.first,
        idle=timeouts.read,
        total=timeouts.total,
        kept=connections,
    )
    tls = None if endpoint.ca_file is None else trusting(endpoint.ca_file)
    target = Target(endpoint.url, fields=endpoint.fields, tls=tls)
    return HTTPUpstream(target, provider=endpoint.name, limits=limits)
