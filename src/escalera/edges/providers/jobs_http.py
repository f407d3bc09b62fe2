"""The client for files and finetuning jobs: reads are tried again, writes by whoever knows how.

The key lives in one header of one client; no connection is kept, so that no write is ever sent a
second time because a server closed one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from escalera.edges.http.target import Limits, Method, Target, trusting
from escalera.edges.http.upstream import HTTPUpstream
from escalera.edges.providers import jobs_wire as wire
from escalera.edges.providers import openai_wire
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.patience import Patience, refused
from escalera.errors import BadReply, ProviderError
from escalera.ports import Clock

T = TypeVar("T")
MOST_BODY = 16 * 1024 * 1024
"""Bytes of a whole response."""
LIMITS = Limits(connect=10.0, first_byte=300.0, idle=60.0, total=900.0, kept=0)
"""An upload has its answer when all of it is there and was looked at."""
PAGE, MOST_PAGES = 100, 100
"""Entries of a page, and pages of a list that are read at the most."""


class JobsClient:
    """Asks one endpoint about files and jobs."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        attempts: int = 6,
        limits: Limits = LIMITS,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._attempts = attempts
        key = endpoint.api_key
        fields = {} if key is None else {"Authorization": f"Bearer {key}"}
        tls = None if endpoint.ca_file is None else trusting(endpoint.ca_file)
        target = Target(endpoint.url, fields=fields, tls=tls)
        self._client = HTTPUpstream(target, provider=endpoint.name, limits=limits)

    def __repr__(self) -> str:
        return f"JobsClient({self._endpoint!r})"

    async def read(self, path: str, kind: type[T]) -> T:
        """What stands at *path*; tried again where that may help."""
        patience = Patience(path, self._attempts)
        while True:
            try:
                return await self._ask("GET", path, b"", kind, "application/json")
            except ProviderError as error:
                if not await self.again(patience, error):
                    raise

    async def again(self, patience: Patience, error: ProviderError) -> bool:
        """Whether to try once more; waits before it says so."""
        pause = patience.pause(error)
        if pause is None:
            return False
        await self._clock.sleep(pause)
        return True

    def patience(self, asked: object) -> Patience:
        """How often something is tried."""
        return Patience(asked, self._attempts)

    async def every(self, path: str, **asked: str) -> AsyncIterator[msgspec.Raw]:
        """The entries of a list, newest first, page by page."""
        after = ""
        for _ in range(MOST_PAGES):
            query = {**asked, "limit": str(PAGE)} | ({"after": after} if after else {})
            page = await self.read(f"{path}?{urlencode(query)}", wire.Page)
            for entry in page.data:
                yield entry
            if not page.has_more or not page.data:
                return
            after = _id(page.data[-1], self._endpoint.name)

    async def write(self, path: str, body: Mapping[str, Any] | None, kind: type[T]) -> T:
        """One try to write; whether another is safe is for the caller to know."""
        said = b"" if body is None else msgspec.json.encode(body)
        return await self._ask("POST", path, said, kind, "application/json")

    async def upload(self, name: str, content: bytes, *, boundary: str) -> wire.File:
        """One try to upload a file of examples."""
        body = wire.multipart(boundary, name=name, content=content)
        form = f"multipart/form-data; boundary={boundary}"
        return await self._ask("POST", "/files", body, wire.File, form)

    async def close(self) -> None:
        """Drop every connection; closing twice is harmless."""
        await self._client.close()

    # Private

    async def _ask(self, method: Method, path: str, body: bytes, kind: type[T], form: str) -> T:
        name = self._endpoint.name
        headers = [(b"Content-Type", form.encode())] if body else []
        with self._hidden():
            response = await self._client.send(path, body, headers=headers, method=method)
            with closing(response):
                said = await response.whole(MOST_BODY)
            if not 200 <= response.status < 300:
                fields = {
                    key.decode("latin-1"): value.decode("latin-1")
                    for key, value in response.headers
                }
                words = openai_wire.problem_in(said)
                raise refused(response.status, fields, words, provider=name)
            return wire.parsed(said, kind, provider=name)

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        """Takes the key out of the words of errors."""
        key = self._endpoint.api_key
        try:
            yield
        except ProviderError as error:
            if key is not None:
                error.args = tuple(str(part).replace(key, "***") for part in error.args)
            raise


# Below: private.


class _Named(msgspec.Struct):
    id: str


def _id(entry: msgspec.Raw, provider: str) -> str:
    found = wire.parsed(bytes(entry), _Named, provider=provider).id
    if not found:
        raise BadReply("an entry of a list has no id", provider=provider)
    return found
