"""Asking the hot paths from within the gateway, in the name of a key.

Guards, limits, money, failover and records are those of a request from outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from escalera.apps.gateway.admitting import Admitted
from escalera.apps.gateway.asked import Asked
from escalera.apps.gateway.board import Plan
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.hot import Entrance, Hot


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A whole response; `fault` is what of ours went wrong, where it is a 500 for that."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    fault: str = ""

    def header(self, name: bytes) -> str:
        """A header's value, empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1")


class Inside:
    """Asks *hot*, whose callers an entrance `ByName` lets in.

    `asking` is how many of the gateway's requests are those from within.
    """

    def __init__(self, hot: Hot) -> None:
        self.hot = hot
        self.asking = 0

    async def ask(self, path: str, body: bytes, *, key: str) -> Said:
        """The answer to *body*, which is no stream, for the key with the id *key*."""
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(b"authorization", b"Bearer " + key.encode())],
        }
        said = _Hearing(body)
        asking = asyncio.ensure_future(self.hot(scope, said.receive, said.send))
        self.asking += 1
        try:
            await asyncio.wait([asking])
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait([asking])
            self.asking -= 1
        error = asking.exception()
        if error is not None and not said.status:
            raise error
        return Said(
            status=said.status,
            headers=said.headers,
            body=b"".join(said.pieces),
            fault="" if error is None else repr(error),
        )


class ByName:
    """An entrance for those inside: a caller is known by the id of its key, without its secret."""

    is_open = False

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    def known(self, token: bytes) -> Caller:
        """Who has the key with this id. Raises `Refusal`."""
        return self._entrance.named(token.decode())

    async def enter(self, token: bytes) -> Caller:
        """The same."""
        return self.known(token)

    def named(self, key: str) -> Caller:
        """The same."""
        return self._entrance.named(key)

    def admitted(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted | None:
        """As for whoever shows the key."""
        return self._entrance.admitted(caller, asked, plan)

    async def admit(self, caller: Caller, asked: Asked, plan: Plan) -> Admitted:
        """As for whoever shows the key."""
        return await self._entrance.admit(caller, asked, plan)

    def short(self, caller: Caller, asked: Asked, plan: Plan) -> None:
        """As for whoever shows the key."""
        self._entrance.short(caller, asked, plan)

    async def open(self) -> None:
        """The entrance for those outside is opened by itself."""

    async def close(self) -> None:
        """And closed."""


# Below: private.


class _Hearing:
    """One request, and what is sent in answer to it."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: Mapping[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self._body: bytes | None = body

    async def receive(self) -> MutableMapping[str, Any]:
        """The body; then nothing ever comes, as from a caller who waits."""
        body, self._body = self._body, None
        if body is None:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Keep what is said."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.pieces.append(message.get("body", b""))
