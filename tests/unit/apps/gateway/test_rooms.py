"""What the routes beside the hot paths have in common."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from escalera.apps.gateway import rooms
from escalera.apps.gateway.admitting import OneKey
from escalera.apps.gateway.callers import Caller
from escalera.apps.gateway.wire import Refusal
from escalera.domain.access import Key


class Wish(msgspec.Struct):
    """A body."""

    name: str
    many: int = 1


def request(*pieces: bytes, method: str = "POST", query: str = "", **fields: str) -> Request:
    """A request whose body comes in pieces."""
    left = [*pieces] or [b""]

    async def receive() -> dict[str, Any]:
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    scope = {"type": "http", "method": method, "headers": headers, "query_string": query.encode()}
    return Request(scope, receive)


def refused(made: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(made) if asyncio.iscoroutine(made) else made()
    return caught.value


def test_a_caller_needs_the_key():
    """In the header, with every method."""
    door = OneKey("secret")
    caller = asyncio.run(rooms.let_in(door, request(authorization="Bearer secret")))
    assert caller.key.owner == ""
    assert refused(rooms.let_in(door, request(authorization="Bearer wrong"))).status == 401
    assert refused(rooms.let_in(door, request(method="GET"))).status == 401


def test_a_page_of_another_origin_may_change_nothing_where_no_key_is_asked_for():
    """It may ask where there is a key to show, and read what its browser lets it read."""
    far = {"origin": "https://evil.example"}
    assert refused(rooms.let_in(OneKey(None), request(**far))).status == 403
    assert refused(rooms.let_in(OneKey(None), request(method="DELETE", **far))).status == 403
    asyncio.run(rooms.let_in(OneKey(None), request(method="GET", **far)))
    asyncio.run(rooms.let_in(OneKey(None), request(origin="http://localhost:8080")))
    asyncio.run(rooms.let_in(OneKey("k"), request(authorization="Bearer k", **far)))


def test_files_and_jobs_are_an_accounts_or_a_keys():
    """Keys of one account share them."""
    assert Caller(Key(id="key_1", name="a", digest=b"", created=0.0), None).key.owner == "key_1"
    shared = Key(id="key_1", name="a", digest=b"", created=0.0, account="team")
    assert Caller(shared, None).key.owner == "team"


def test_a_body_is_read_as_what_it_is_to_be():
    """In pieces; whatever else is in it is left alone."""
    found = asyncio.run(rooms.body(request(b'{"name":"a",', b'"more":{}}'), Wish))
    assert found == Wish(name="a")


@pytest.mark.parametrize(
    ("sent", "status", "param", "said"),
    [
        (b"{}", 400, "name", "missing required field"),
        (b"", 400, "name", "missing required field"),
        (b'{"name":"a","many":"x"}', 400, "many", "Expected `int`"),
        (b"[]", 400, None, "Expected `object`"),
        (b"{", 400, None, "is not a JSON object"),
        (b"\xff", 400, None, "is not a JSON object"),
        (b'{"more":' + b"[" * 100_000, 400, None, ""),
        (b" " * (rooms.MAX_BODY + 1), 413, None, "longer than"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(sent, status, param, said):
    """With the field that is wrong."""
    found = refused(rooms.body(request(sent), Wish))
    assert (found.status, found.param) == (status, param)
    assert said in found.message


def test_a_body_of_another_type_is_refused():
    """A form is what a page may send by itself."""
    found = refused(rooms.body(request(b"{}", content_type="text/plain"), Wish))
    assert found.status == 415


@pytest.mark.parametrize("said", ["0", "11", "-1", "x", "", "1.5", "²", "9" * 5000])
def test_a_number_of_the_query_has_bounds(said):
    """And is told again where it is out of them, but not without end."""
    found = refused(lambda: rooms.count(request(query=f"limit={said}"), "limit", usual=5, most=10))
    assert found.param == "limit"
    assert len(found.message) < 300


def test_what_the_query_leaves_out_is_usual():
    """Numbers and words."""
    assert rooms.count(request(), "limit", usual=5, most=10) == 5
    assert rooms.count(request(query="limit=10"), "limit", usual=5, most=10) == 10
    assert rooms.choice(request(), "order", ("asc", "desc"), usual="desc") == "desc"
    assert rooms.choice(request(query="order=asc"), "order", ("asc", "desc"), usual="desc") == "asc"
    found = refused(
        lambda: rooms.choice(request(query="order=up"), "order", ("asc", "desc"), usual="desc")
    )
    assert found.message == "order is 'up', and is to be one of 'asc', 'desc'."


def test_metadata_is_bounded():
    """In pairs and in characters."""
    most = {str(number): "v" * 512 for number in range(16)}
    assert rooms.checked_metadata(most) == most
    assert rooms.checked_metadata(None) == {}
    for wrong in ({**most, "x": ""}, {"n" * 65: ""}, {"n": "v" * 513}):
        assert refused(lambda wrong=wrong: rooms.checked_metadata(wrong)).param == "metadata"


def test_a_page_says_where_it_begins_and_ends_and_whether_there_is_more():
    """One entry more than asked for is not shown."""

    def shown(name: str) -> dict[str, str]:
        return {"id": name}

    found = json.loads(bytes(rooms.page(["a", "b", "c"], 2, shown).body))
    assert found == {
        "object": "list",
        "data": [{"id": "a"}, {"id": "b"}],
        "first_id": "a",
        "last_id": "b",
        "has_more": True,
    }
    assert json.loads(bytes(rooms.page([], 2, shown).body)) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_what_is_missing_is_told_with_its_id_cut_short():
    """Nobody gets a long path back."""
    found = rooms.missing("file", "x" * 5000)
    assert (found.status, found.code) == (404, "not_found")
    assert len(found.message) < 300
