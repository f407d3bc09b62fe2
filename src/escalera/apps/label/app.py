"""The labelling page as an ASGI application: plain forms, which its script only makes faster."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from escalera.apps.label import page, sitting
from escalera.apps.label.guard import Guard
from escalera.apps.label.page import FILES, Pages
from escalera.apps.label.sitting import Refused, Sitting
from escalera.errors import LinesError

MAX_BODY = 1024 * 1024
"""Bytes of a form."""
MAX_FIELDS = 8
FORM = "application/x-www-form-urlencoded"


def application(
    open_sitting: Sitting, *, token: str, hosts: Collection[str], by: str | None = None
) -> ASGIApp:
    """The application behind its guard; *by* is who labels, where that is known."""
    desk = _Desk(open_sitting, base=f"/{token}", by=by)
    kinds = (Refused, LinesError, HTTPException, ClientDisconnect, Exception)
    routes = [
        Route("/", desk.start, methods=["GET"]),
        Route("/as/{name}", desk.item, methods=["GET"]),
        Route("/as/{name}/progress", desk.progress, methods=["GET"]),
        Route("/as/{name}/give", desk.give, methods=["POST"]),
        Route("/as/{name}/undo", desk.undo, methods=["POST"]),
        Route("/as/{name}/later", desk.later, methods=["POST"]),
        *(Route(f"/{name}", _file, methods=["GET"]) for name in FILES),
    ]
    handlers = dict.fromkeys(kinds, desk.failed)
    made = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(made, token=token, hosts=hosts)


class _Desk:
    def __init__(self, open_sitting: Sitting, *, base: str, by: str | None) -> None:
        self._sitting = open_sitting
        self._pages = Pages(open_sitting, base=base)
        self._base = base
        self._by = by

    async def start(self, request: Request) -> Response:
        given = request.query_params.get("name", self._by)
        if given is not None and "who" not in request.query_params:
            return self._to(sitting.name(given))
        return HTMLResponse(self._pages.start())

    async def item(self, request: Request) -> Response:
        by = _name(request)
        asked = request.query_params
        shown = self._sitting.shown(by, asked.get("at"))
        return HTMLResponse(self._pages.item(shown, said=asked.get("said", "")))

    async def progress(self, request: Request) -> Response:
        return HTMLResponse(self._pages.progress(_name(request)))

    async def give(self, request: Request) -> Response:
        by, form = _name(request), await _form(request)
        unit, value = form.get("unit", ""), form.get("value", "")
        try:
            self._sitting.give(by, unit, value)
        except Refused as error:
            shown = self._sitting.shown(by, unit)
            return HTMLResponse(
                self._pages.item(shown, problem=str(error), draft=value), status_code=422
            )
        return self._to(by, said="saved")

    async def undo(self, request: Request) -> Response:
        by = _name(request)
        key = self._sitting.undo(by)
        return self._to(by, said="nothing" if key is None else "back", at=key)

    async def later(self, request: Request) -> Response:
        by, form = _name(request), await _form(request)
        self._sitting.put_off(by, form.get("unit", ""))
        return self._to(by, said="later")

    async def failed(self, _: Request, error: Exception) -> Response:
        """Any error as a page; what was not foreseen says nothing of itself."""
        match error:
            case Refused():
                status, said = 400, str(error)
            case LinesError():
                status, said = 500, f"NOT saved: {error}"
            case HTTPException():
                status, said = error.status_code, f"{error.detail}."
            case ClientDisconnect():
                status, said = 400, "The form ended early."
            case _:
                status, said = 500, "NOT saved: internal error; the terminal has it."
        return HTMLResponse(self._pages.problem(said), status_code=status)

    def _to(self, by: str, *, said: str = "", at: str | None = None) -> Response:
        query = {"said": said, "at": at}
        shown = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items() if value)
        url = f"{self._base}/as/{quote(by, safe='')}"
        return RedirectResponse(f"{url}?{shown}" if shown else url, status_code=303)


# Below: private.


def _name(request: Request) -> str:
    return sitting.name(request.path_params["name"])


async def _file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return Response(page.file(name), media_type=FILES[name])


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, read no further than the limit."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise HTTPException(415, f"Send a form as {FORM}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"The form is longer than {MAX_BODY} bytes")
    try:
        found = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read") from error
    return {key: values[-1] for key, values in found.items()}
