"""What goes to a caller: kept as it went, and its end held until it may go."""

from __future__ import annotations

import asyncio

from escalera.apps.gateway.outgoing import Outgoing
from escalera.core.serving.guarding.vault import Vault

START = {"type": "http.response.start", "status": 200, "headers": []}


def body(data: bytes, *, more: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def passed(*messages: dict[str, object], copies: bool = False, holds: bool = False):
    """The way out after some messages, and what went on."""
    gone: list[object] = []

    async def send(message: object) -> None:
        gone.append(message)

    out = Outgoing(send, copies=copies, holds=holds)

    async def story() -> None:
        for message in messages:
            await out(message)

    asyncio.run(story())
    return out, gone


def test_everything_goes_on_but_the_end_is_held():
    """Of a whole answer its body, of a stream its last piece; released once."""
    for pieces in ([body(b"whole")], [body(b"a", more=True), body(b"")]):
        out, gone = passed(START, *pieces, holds=True)
        assert gone == [START, *pieces[:-1]]
        asyncio.run(out.release())
        asyncio.run(out.release())
        assert gone == [START, *pieces]
        assert out.text(None, stream=False) == ""


def test_what_went_is_kept():
    """All pieces as one text; what is no UTF-8 is marked."""
    out, gone = passed(START, body(b"caf\xc3", more=True), body(b"\xa9\xff"), copies=True)
    assert len(gone) == 3
    assert out.text(None, stream=True) == "café\ufffd"
    assert out.text(Vault(), stream=True) == "café\ufffd"


def test_what_guards_put_back_is_not_kept():
    """Its placeholder is; of a stream, where it may be in parts, nothing is."""
    vault = Vault()
    name = vault.placeholder("email", 'ana"é@example.org')
    vault.placeholder("name", "ana")
    said = '{"a": "ana\\"é@example.org", "b": "ana\\"\\u00e9@example.org", "c": "ana"}'
    out, _ = passed(START, body(said.encode()), copies=True)
    kept = out.text(vault, stream=False)
    assert kept == f'{{"a": "{name}", "b": "{name}", "c": "[NAME_1]"}}'
    assert out.text(vault, stream=True) == ""
