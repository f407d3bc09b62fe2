"""The headers of an answer."""

from __future__ import annotations

from tests.unit.apps.gateway.upstreams import asked, good

from escalera.apps.gateway import headers
from escalera.apps.gateway.asked import Opened, Provenance
from escalera.domain.traffic import Attempt


def opened(**said: object) -> Opened:
    return Opened(
        exchange=good(),
        provenance=Provenance(deployment="a", label=b"a", **said),
        purpose="first",
        headers=[(b"content-type", b"application/json")],
        body=b"{}",
        started=0.0,
        began=0.0,
        first_byte=0.25,
    )


def of(found: Opened, request: object = None) -> dict[bytes, bytes]:
    request = request or asked()
    return dict(headers.of(request, found, now=request.began + 0.5))


def test_a_raw_model_says_who_and_how_long() -> None:
    """What the upstream took is not the gateway's own time; no system is claimed."""
    request = asked()
    request.waited = 0.25
    found = of(opened(), request)
    assert found[b"x-escalera-deployment"] == b"a"
    assert found[b"x-escalera-request"] == b"r"
    assert found[b"x-escalera-overhead-ms"] == b"250.000"
    assert b"x-escalera-system" not in found
    assert b"x-escalera-why" not in found


def test_a_measured_system_says_what_it_is() -> None:
    """System, task, refusal and sources, in signs that a header may hold."""
    found = of(opened(system="abc", task="ördern", refusal="stranger", sources=("p 1", "p,2")))
    assert found[b"x-escalera-system"] == b"abc"
    assert found[b"x-escalera-task"] == b"%C3%B6rdern"
    assert found[b"x-escalera-refusal"] == b"stranger"
    assert found[b"x-escalera-sources"] == b"p%201,p%2C2"


def test_who_was_tried_before_is_told() -> None:
    """The names of deployments are quoted: no line can be added to the head."""
    request = asked()
    request.attempts.append(
        Attempt(deployment="b\r\nx: y", purpose="first", started=0, seconds=1, fault="connect")
    )
    said = opened()
    said.purpose = "fallback"
    why = of(said, request)[b"x-escalera-why"]
    assert why == b"fallback after b%0D%0Ax%3A%20y connect"


def test_what_is_written_is_what_is_told():
    """The headers of a first attempt at a deployment, as they travel."""
    request, found = asked(), opened()
    told = headers.of(request, found, now=1.25)[len(found.headers) :]
    lines = b"".join(b"%b: %b\r\n" % pair for pair in told)
    assert headers.written(request, found, now=1.25) == lines
