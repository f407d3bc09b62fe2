"""Who may speak to the labelling page: those who know its address, from a page of its own.

A program of the machine's other users, a page of another origin, or a name that points here by a
trick of DNS does not know the token, and is refused by Host and Origin besides.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer."""


class Guard:
    """Lets requests to `/TOKEN/…` through to *app*, which sees the path behind the token.

    *hosts* are the names, with ports, that the page is reached by.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the headers that every answer has."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        given, behind = _parted(scope["path"])
        refused = self._refused(scope, given)
        if refused is not None:
            await refused(scope, receive, guarded)
            return
        inner: dict[str, Any] = {**scope, "path": behind, "raw_path": behind.encode()}
        await self._app(inner, receive, guarded)

    def _refused(self, scope: Scope, given: str) -> Response | None:
        headers = Headers(scope=scope)
        names = [name.lower() for name in headers.getlist("host")]
        if len(names) != 1 or names[0] not in self._hosts:
            return PlainTextResponse("This host name is not served here.", status_code=421)
        if not hmac.compare_digest(given.encode(), self._token):
            said = "Not found. Open the whole address that `escalera label` has printed."
            return PlainTextResponse(said, status_code=404)
        if scope["method"] not in ("GET", "HEAD") and not self._own(headers):
            return PlainTextResponse("This did not come from the page.", status_code=403)
        return None

    def _own(self, headers: Headers) -> bool:
        """Whether a request that changes something was sent by a page of ours."""
        origin = headers.get("origin", "").lower()
        _, _, host = origin.partition("://")
        known = origin in (f"http://{host}", f"https://{host}") and host in self._hosts
        return known and headers.get("sec-fetch-site", "same-origin") == "same-origin"


# Below: private.


def _parted(path: str) -> tuple[str, str]:
    """The first part of a path, and the rest."""
    given, _, behind = path.removeprefix("/").partition("/")
    return given, f"/{behind}"
