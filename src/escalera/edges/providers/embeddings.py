"""Vectors for texts from an OpenAI-compatible endpoint: `POST /embeddings`.

What comes is foreign: a number of vectors or an order that was not asked for is a `BadReply`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from escalera.edges.providers import openai_wire as wire
from escalera.edges.providers.endpoint import Endpoint, Timeouts
from escalera.edges.providers.http_client import HTTPClient, HTTPFailure, Limits, Response
from escalera.errors import AccessRefused, BadReply, ProviderError, ProviderUnavailable
from escalera.ports import Clock

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a whole response."""
PAUSES = (0.5, 2.0, 8.0)
"""Seconds between one try and the next, where another may help."""


class EmbeddingsHTTP:
    """Asks one endpoint, at most `concurrency` calls at a time.

    A try is repeated after connection errors, statuses 408, 429 and 5xx, and broken replies.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        concurrency: int = 8,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._timeouts = timeouts or Timeouts()
        self._places = asyncio.Semaphore(concurrency)
        headers = {"Content-Type": "application/json"}
        if endpoint.api_key is not None:
            headers["Authorization"] = f"Bearer {endpoint.api_key}"
        limits = Limits(connect=self._timeouts.connect, read=self._timeouts.read, idle=concurrency)
        self._client = HTTPClient(endpoint.url, headers=headers, limits=limits)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector per text, in order. Raises `ProviderError`."""
        for pause in (*PAUSES, None):
            try:
                async with self._places:
                    return await self._asked(texts)
            except ProviderError as error:
                if not error.retryable or pause is None:
                    raise
            await self._clock.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        """Close the connections; closing twice is harmless."""
        self._client.close()

    async def _asked(self, texts: Sequence[str]) -> list[list[float]]:
        name = self._endpoint.name
        body = msgspec.json.encode({"model": self._endpoint.model, "input": list(texts)})
        path = self._endpoint.url.path.rstrip("/") + "/embeddings"
        try:
            async with asyncio.timeout(self._timeouts.total):
                async with aclosing(await self._client.post(path, body)) as response:
                    said = await self._body(response)
        except TimeoutError as error:
            limit = f"no whole answer within {self._timeouts.total:g} s"
            raise ProviderUnavailable(limit, provider=name) from error
        except HTTPFailure as error:
            raise ProviderUnavailable(f"{type(error).__name__}: {error}", provider=name) from error
        if not 200 <= response.status < 300:
            raise self._refused(response.status, said)
        return parse(said, count=len(texts), provider=name)

    async def _body(self, response: Response) -> bytes:
        body = bytearray()
        async for piece in response.pieces():
            body += piece
            if len(body) > MAX_BODY:
                problem = f"the response is longer than {MAX_BODY} bytes"
                raise BadReply(problem, provider=self._endpoint.name)
        return bytes(body)

    def _refused(self, status: int, body: bytes) -> ProviderError:
        said, key = wire.problem_in(body) or "no message", self._endpoint.api_key
        problem = f"status {status}: {said if key is None else said.replace(key, '***')}"
        if status in (408, 429) or status >= 500:
            return ProviderUnavailable(problem, provider=self._endpoint.name)
        hint = "Check that the model makes embeddings, its name, base_url and the key."
        return AccessRefused(problem, provider=self._endpoint.name, hint=hint)


class _Vector(msgspec.Struct, frozen=True):
    index: int
    embedding: list[float]


class _Found(msgspec.Struct, frozen=True):
    data: list[_Vector]


def parse(body: bytes, *, count: int, provider: str) -> list[list[float]]:
    """The vectors of a reply in the order of the texts. Raises `BadReply`."""
    try:
        found = msgspec.json.decode(body, type=_Found)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReply(f"no embeddings: {error}", provider=provider) from error
    vectors = {vector.index: vector.embedding for vector in found.data}
    if sorted(vectors) != list(range(count)) or len(found.data) != count:
        problem = f"{len(found.data)} embeddings for {count} texts, or not one for each"
        raise BadReply(problem, provider=provider)
    return [vectors[index] for index in range(count)]
