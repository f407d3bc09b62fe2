"""Every fault on the wire, as the gateway's own client sees it."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream
from escalera.errors import UpstreamFault
from escalera.testing.upstream import FAULTS, Mock, Pace, serving

pytestmark = pytest.mark.network

BROKEN = {
    "reset-before-head": "reset",
    "close-before-head": "reset",
    "hang-before-head": "first-byte-timeout",
    "hang-within-head": "first-byte-timeout",
    "huge-head": "malformed",
    "garbage": "malformed",
    "both-framings": "malformed",
    "two-lengths": "malformed",
    "body-stalls": "idle-timeout",
    "body-cut": "cut",
    "body-reset": "cut",
    "chunked-cut": "cut",
    "slow-drip": "total-timeout",
    "cut-mid": "cut",
    "reset-mid": "cut",
    "stall-mid": "idle-timeout",
    "garbage-mid": "malformed",
}
"""Faults of HTTP, with the name that the client has for them; the others are faults of the API."""
SENT_WHOLE = set(FAULTS) - set(BROKEN)


@pytest.fixture(scope="module")
def mock():
    with serving(Mock(name="a", pace=Pace(tokens=8))) as served:
        yield served


def fetch(mock, fault, *, stream, place="chat/completions"):
    """Status and body; a fault of the client is raised."""

    async def work():
        limits = Limits(connect=2.0, first_byte=0.2, idle=0.2, total=0.6)
        base = urlsplit(mock.url)
        client = HTTPUpstream(Target(base, fields={}), provider="a", limits=limits)
        body = json.dumps({"model": f"fault:{fault}" if fault else "m", "stream": stream})
        try:
            with closing(await client.send(f"/{place}", body.encode())) as exchange:
                return exchange.status, await exchange.whole(1 << 20)
        finally:
            await client.close()

    return asyncio.run(work())


@pytest.mark.parametrize("fault", BROKEN)
def test_faults_of_http(mock, fault):
    """Each with a name of its own, in both forms where it has both."""
    for form in FAULTS[fault].forms:
        with pytest.raises(UpstreamFault) as caught:
            fetch(mock, fault, stream=form == "stream")
        assert caught.value.fault == BROKEN[fault]


@pytest.mark.parametrize("fault", sorted(SENT_WHOLE))
@pytest.mark.parametrize("place", ["chat/completions", "completions", "responses"])
def test_faults_of_the_api(mock, fault, place):
    """HTTP sees a whole response; it is not the one that a request without the fault gets."""
    for form in FAULTS[fault].forms:
        stream = form == "stream"
        if place == "responses" and fault == "no-done":
            continue  # responses end without it
        status, body = fetch(mock, fault, stream=stream, place=place)
        assert (status, body) != fetch(mock, "", stream=stream, place=place)
        assert status == (int(fault[-3:]) if fault.startswith("status-") else 200)


def test_there_are_enough():
    """Twenty at least; before and within the answer; some are the caller's own."""
    assert len(FAULTS) >= 20
    assert {fault.early for fault in FAULTS.values()} == {True, False}
    assert [name for name, fault in FAULTS.items() if fault.callers] == ["status-400", "status-422"]
    assert all(fault.forms for fault in FAULTS.values())


def spoken(body):
    return [json.loads(line[6:]) for line in body.decode().splitlines()
            if line.startswith("data: {") and line.endswith("}")]  # fmt: skip


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if not fault.early])
def test_faults_within_a_stream_say_half_of_the_answer(mock, fault):
    """Words came, and a finish reason came only where the answer is all there."""
    if fault in BROKEN:
        return  # what came before the break is not seen by a reader of the whole
    events = spoken(fetch(mock, fault, stream=True)[1])
    choices = [choice for event in events for choice in event.get("choices", ())]
    assert any(choice["delta"].get("content") for choice in choices)
    finished = any(choice["finish_reason"] for choice in choices)
    assert finished == FAULTS[fault].complete


@pytest.mark.parametrize("fault", ["error-first", "roles-then-error", "only-done", "empty-stream"])
def test_early_faults_say_no_word(mock, fault):
    """So that another upstream can still answer."""
    for event in spoken(fetch(mock, fault, stream=True)[1]):
        assert not any(choice["delta"].get("content") for choice in event.get("choices", ()))
