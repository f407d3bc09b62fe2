"""Any endpoint that speaks OpenAI's embeddings, behind the `Embedder` port.

The same client, retries and errors as for chat completions; only what is asked differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import msgspec

from escalera.domain.message import Embeddings, Usage
from escalera.edges.providers import openai_wire as wire
from escalera.edges.providers.openai_http import OpenAIHTTP
from escalera.edges.providers.patience import Patience
from escalera.errors import BadReply, ProviderError


class OpenAIEmbeddings(OpenAIHTTP):
    """An endpoint that is asked for embeddings."""

    def __repr__(self) -> str:
        return f"OpenAIEmbeddings({self._endpoint!r})"

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector per text, in order. Raises `ProviderError` when no more tries are left."""
        patience = Patience(tuple(texts), self._attempts)
        while True:
            try:
                async with self._place():
                    return await self._embedded(texts)
            except ProviderError as error:
                pause = patience.pause(error)
                if pause is None:
                    raise
                await self._clock.sleep(pause)

    async def _embedded(self, texts: Sequence[str]) -> Embeddings:
        started = self._clock.seconds()
        asked = {"model": self._endpoint.model, "input": [*texts], "encoding_format": "float"}
        with self._translated():
            with closing(
                await self._client.send("/embeddings", msgspec.json.encode(asked))
            ) as response:
                body = await self._body(response)
            if not 200 <= response.status < 300:
                raise self._refused(response, wire.problem_in(body), hint="")
            found = _parsed(body, len(texts), provider=self._endpoint.name)
        usage = Usage(prompt_tokens=found.usage.prompt_tokens, completion_tokens=0)
        return Embeddings(
            vectors=tuple(tuple(entry.embedding) for entry in found.data),
            usage=usage,
            micro_dollars=wire.cost(self._price, usage),
            seconds=self._clock.seconds() - started,
        )


# What endpoints send


class _Entry(msgspec.Struct):
    index: int
    embedding: list[float]


class _Usage(msgspec.Struct):
    prompt_tokens: int


class _Embedded(msgspec.Struct):
    data: list[_Entry]
    usage: _Usage


def _parsed(body: bytes, count: int, *, provider: str) -> _Embedded:
    """The vectors in the order of the texts. Raises `BadReply` for anything else."""
    try:
        found = msgspec.json.decode(body, type=_Embedded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = wire.problem_in(body) or "an empty body"
        raise BadReply(f"not embeddings ({error}): {said}", provider=provider) from error
    found.data.sort(key=lambda entry: entry.index)
    places = [entry.index for entry in found.data]
    if places != [*range(count)]:
        raise BadReply(f"{count} texts were sent, and {places!r} came back", provider=provider)
    lengths = {len(entry.embedding) for entry in found.data}
    if len(lengths) > 1 or 0 in lengths:
        raise BadReply(f"vectors of different lengths: {sorted(lengths)!r}", provider=provider)
    return found
