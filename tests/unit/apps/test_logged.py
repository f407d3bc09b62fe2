"""The request log as people use it: every call is a row or counted, and can be asked again."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.unit.apps.cli.test_keys import PROJECT

from escalera.apps import logged
from escalera.core.data import rows
from escalera.domain.call_log import CallQuery
from escalera.domain.traffic import ServedCall
from escalera.errors import EvidenceMissing, InputError, ProviderError
from escalera.testing.loopback import serving
from escalera.wiring import stores

NOW = 1_800_000_000.0
REQUEST = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "how are you?"},
    ],
}
ANSWER = {"choices": [{"message": {"content": "well"}, "finish_reason": "stop"}]}
CALL = ServedCall(
    id="req_1",
    started=NOW,
    operation="chat",
    model="m",
    status=200,
    seconds=0.5,
    request=json.dumps(REQUEST),
    answer=json.dumps(ANSWER),
)
CALLS = (
    CALL,
    replace(CALL, id="req_2", started=NOW + 1, request="", answer=""),
    replace(CALL, id="req_3", started=NOW + 2, status=503, error="upstream_unavailable"),
    replace(CALL, id="req_4", started=NOW + 3, request="", answer=""),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose gateway served four calls."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    with closing(stores.of(tmp_path).calls()) as log:
        log.write(CALLS)
    return tmp_path


def test_every_call_is_a_row_or_counted(project: Path):
    """The numbers add up; the row is an item as the data commands read it."""
    into = project / "traffic.jsonl"
    found = logged.export(project, CallQuery(), into, split="golden", form="items")
    assert (found.calls, found.rows) == (4, 1)
    assert found.left_out == {
        "its bodies were not logged": 2,
        "it was not answered in full": 1,
    }
    assert found.rows + sum(found.left_out.values()) == found.calls
    (line,) = into.read_text().splitlines()
    reading = rows.read(json.loads(line), rows.Defaults())
    assert reading.flaws == ()
    (row,) = reading.rows
    assert (row.name, row.split, row.source) == ("req_1", "golden", "gateway")
    assert (row.input, row.target, dict(row.fields)) == (
        "how are you?",
        "well",
        {"system": '"be kind"'},
    )
    assert [turn.content for turn in row.history] == ["hello", "hi"]


def test_calls_are_exported_as_chats_too(project: Path):
    """As finetuning services take them."""
    into = project / "traffic.jsonl"
    logged.export(project, CallQuery(id="req_1"), into, split=None, form="chat")
    (line,) = into.read_text().splitlines()
    messages = json.loads(line)["messages"]
    assert [turn["role"] for turn in messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert messages[-1]["content"] == "well"


def test_a_call_is_found_by_its_id(project: Path):
    """Or what to do is said."""
    assert logged.one(project, "req_1") == CALL
    with pytest.raises(InputError, match="no call 'req_9'"):
        logged.one(project, "req_9")
    found, tally = logged.calls(project, CallQuery(newest=1))
    assert ([call.id for call in found], tally.calls) == (["req_4"], 4)


def test_without_a_log_nothing_was_served(tmp_path: Path):
    """And none is made by looking."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    with pytest.raises(EvidenceMissing, match="nothing was logged yet"):
        logged.calls(tmp_path, CallQuery())
    assert not (tmp_path / ".escalera").exists()


@pytest.mark.network
def test_a_call_is_asked_again(monkeypatch: pytest.MonkeyPatch):
    """Byte for byte, with the key of a variable; the fate of then stands beside that of now."""
    asked = []

    async def chat(request: Request) -> JSONResponse:
        asked.append((await request.body(), request.headers.get("authorization")))
        return JSONResponse({"choices": []}, status_code=200 if len(asked) == 1 else 429)

    monkeypatch.setenv("GATEWAY_KEY", "esk-one")
    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    with serving(app) as url:
        first = logged.replay(CALL, base_url=f"{url}/v1", api_key_env="GATEWAY_KEY")
        second = logged.replay(CALL, base_url=f"{url}/v1", api_key_env=None)
    assert asked == [(CALL.request.encode(), "Bearer esk-one"), (CALL.request.encode(), None)]
    assert (first.status, first.body, first.same_status) == (200, b'{"choices":[]}', True)
    assert (second.status, second.same_status, second.before) == (429, False, CALL)


@pytest.mark.network
def test_what_cannot_be_asked_again_says_why():
    """No bodies, or nobody there."""
    with pytest.raises(InputError, match="the request of 'req_2' was not logged"):
        logged.replay(CALLS[1], base_url="http://127.0.0.1:1/v1", api_key_env=None)
    with pytest.raises(ProviderError, match="gateway"):
        logged.replay(CALL, base_url="http://127.0.0.1:1/v1", api_key_env=None)


def test_what_a_stranger_wrote_does_not_steer_a_terminal():
    """Escapes are written out; what is only text is left alone."""
    assert logged.printable("m\x1b[31m\x9b\r") == "m\\x1b[31m\\x9b\\r"
    assert logged.printable("é\n\t😀") == "é\n\t😀"
