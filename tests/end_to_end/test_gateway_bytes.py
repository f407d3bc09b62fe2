"""What passes through the gateway is what was sent, byte for byte, over real connections."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.end_to_end.raw_upstream import Upstream, before, chunked, whole
from tests.unit.apps.gateway.sockets import asked, post

pytestmark = pytest.mark.network

OVER_SOCKETS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
STYLES = st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n\t", " : ")])
EXTRA = st.dictionaries(st.text(max_size=4).map("x_".__add__), VALUES, max_size=3)


@pytest.fixture(scope="module")
def upstream():
    found = Upstream()
    yield found
    found.close()


@pytest.fixture(scope="module")
def port(upstream):
    with before(upstream) as found:
        yield found


def written(found, style, *, ascii_only):
    """JSON as some server writes it."""
    return json.dumps(found, separators=style, ensure_ascii=ascii_only).encode()


@OVER_SOCKETS
@given(EXTRA, STYLES, st.booleans(), st.lists(st.integers(0, 2000), max_size=5))
def test_whole_answers_pass_as_they_are(upstream, port, extra, style, ascii_only, places):
    """Spaces, escapes, unknown fields and their order, in whatever packets they come."""
    answer = {"choices": [{"message": {"content": "é", **extra}}], **extra}
    body = written(answer, style, ascii_only=ascii_only)
    response = whole(body)
    edges = [0, *sorted({place % len(response) for place in places}), len(response)]
    upstream.answer = [response[a:b] for a, b in itertools.pairwise(edges)]
    (found,) = asked(port, post(b'{"model":"m","messages":[]}'))
    assert (found.status, found.body) == (200, body)
    assert found.header(b"content-length") == b"%d" % len(body)


@OVER_SOCKETS
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=5), EXTRA), min_size=1, max_size=4),
    STYLES.filter(lambda style: "\n" not in style[0]),
    st.sampled_from([b"\n", b"\r\n"]),
    st.lists(st.integers(0, 3000), max_size=8),
)
def test_streams_pass_as_they_are(upstream, port, said, style, end, places):
    """Events, comments and unknown fields, cut anywhere into chunks and packets."""
    events = [b": hello", b"event: message\nid: 7"]
    for text, extra in said:
        chunk = {"choices": [{"index": 0, "delta": {"content": text}, **extra}], **extra}
        events.append(b"data: " + written(chunk, style, ascii_only=False))
    events += [b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}', b"data: [DONE]"]
    stream = b"".join((one + b"\n\n").replace(b"\n", end) for one in events)
    edges = [0, *sorted({place % len(stream) for place in places}), len(stream)]
    upstream.answer = chunked([stream[a:b] for a, b in itertools.pairwise(edges)])
    (found,) = asked(port, post(b'{"model":"m","messages":[],"stream":true}'))
    assert (found.status, found.body, found.whole) == (200, stream, True)


@OVER_SOCKETS
@given(EXTRA, STYLES, st.booleans())
def test_requests_pass_as_they_are(upstream, port, extra, style, ascii_only):
    """What goes upstream says what the caller said; compact JSON is not even written anew."""
    upstream.answer = [whole(b'{"choices":[{"message":{}}]}')]
    request = {"model": "m", "messages": [{"role": "user", "content": "é"}], **extra}
    body = written(request, style, ascii_only=ascii_only)
    (found,) = asked(port, post(body))
    assert found.status == 200
    sent = upstream.requests[-1].partition(b"\r\n\r\n")[2]
    assert json.loads(sent) == json.loads(body)
    if style == (",", ":") and not ascii_only:
        assert sent == body


@pytest.mark.parametrize("size", [1, 70_000, 2_000_000])
def test_large_answers_pass_whole(upstream, port, size):
    """Beyond every buffer on the way."""
    body = json.dumps({"choices": [{"message": {"content": "x" * size}}]}).encode()
    upstream.answer = [whole(body)]
    (found,) = asked(port, post(b'{"model":"m","messages":[]}'))
    assert found.body == body
