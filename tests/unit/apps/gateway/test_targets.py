"""Who is asked: what a caller sent goes on as it is, but for what has to be said otherwise."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.unit.apps.gateway.upstreams import Upstream, asked, good

from escalera.apps.gateway.targets import Passing, Speaking
from escalera.apps.gateway.wire import Refusal
from escalera.domain.message import Decoding
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.engine.serve import Desk, Served
from escalera.errors import UpstreamFault
from escalera.testing.scripted import ScriptedProvider


def sent(request, *, model="m", usage=True):
    """The path, the body and the seconds that go upstream."""
    upstream = Upstream(good())
    target = Passing("a", upstream, model=model, price=None, usage=usage)
    asyncio.run(target.send(request, 3.0))
    return upstream.asked[0]


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("chat", "/chat/completions"),
        ("completions", "/completions"),
        ("embeddings", "/embeddings"),
        ("responses", "/responses"),
    ],
)
def test_what_needs_no_change_goes_on_as_it_is(operation, path):
    """Byte for byte, below the base URL, within the caller's time."""
    request = asked(operation, temperature=1e-3, x="é")
    assert sent(request) == (path, request.body, 3.0)


def test_the_models_own_name_takes_the_place_of_ours():
    """And nothing else changes."""
    request = asked(temperature=0.5)
    assert sent(request, model='th"ere')[1] == request.body.replace(b'"m"', b'"th\\"ere"')


def test_a_name_given_twice_goes_on_once():
    """The one that was let in."""
    request = asked()
    request.body = b'{"model":"dear","model":"m","n":1}'
    assert sent(request)[1] == b'{"model":"m","n":1}'


def test_the_usage_of_a_stream_is_asked_for():
    """Unless the caller asks for it, or the table says not to."""
    request = asked(stream=True, stream_options={"include_usage": False})
    assert json.loads(sent(request)[1])["stream_options"] == {"include_usage": True}
    assert sent(request, usage=False)[1] == request.body
    wanted = asked(stream=True, stream_options={"include_usage": True, "x": 1})
    assert sent(wanted)[1] == wanted.body
    response = asked("responses", stream=True)
    assert sent(response)[1] == response.body


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("chat", "max_completion_tokens"),
        ("completions", "max_tokens"),
        ("responses", "max_output_tokens"),
    ],
)
def test_the_gateways_limit_is_set_where_there_is_none(operation, name):
    """In the operation's own word for it."""
    request = asked(operation)
    request.capped = 77
    assert json.loads(sent(request)[1])[name] == 77


def test_embeddings_have_no_limit():
    """They write nothing."""
    request = asked("embeddings")
    request.capped = 77
    assert sent(request)[1] == request.body


class Slow:
    """A provider that never answers."""

    unit = concurrency = 1

    async def answer(self, requests):
        await asyncio.sleep(60)

    async def close(self):
        """Nothing is held."""


def speaking(provider, request, *, seconds=5.0):
    """What a measured system answers."""
    desk = Desk(
        label="x", route=None, infer=None, models={"m": Served(revision="r", provider=provider)}
    )
    target = Speaking("m", desk, wall=lambda: 1.0)
    return asyncio.run(target.send(request, seconds))


def test_a_model_of_this_process_speaks_the_api():
    """With its provenance."""
    said = [{"role": "user", "content": "hi"}]
    exchange, provenance = speaking(ScriptedProvider(lambda _: "ho"), asked(messages=said))
    assert json.loads(asyncio.run(exchange.whole(99)))["choices"][0]["message"]["content"] == "ho"
    assert provenance.deployment == "m"
    assert provenance.label == b"m"


def test_a_model_of_this_process_has_the_callers_time():
    """And no more."""
    said = [{"role": "user", "content": "hi"}]
    with pytest.raises(UpstreamFault) as caught:
        speaking(Slow(), asked(messages=said), seconds=0.01)
    assert caught.value.fault == "total-timeout"


def completing(**fields):
    """A request for a completion."""
    request = asked("completions")
    request.body = json.dumps({"model": "m", **fields}).encode()
    return request


def test_a_model_of_this_process_completes_a_text():
    """It is given the text as it is, and a measured system is not: it answers chats only."""
    provider = ScriptedProvider(lambda _: "upon a time")
    exchange, _ = speaking(provider, completing(prompt="Once", logprobs=2))
    found = json.loads(asyncio.run(exchange.whole(99)))
    assert (found["object"], found["choices"][0]["text"]) == ("text_completion", "upon a time")
    assert found["id"].startswith("cmpl-")
    (request,) = provider.requests
    assert (request.verbatim, request.logprobs) == (True, 2)
    assert request.messages[0].content == "Once"
    system = System(model="m", revision="r", prompt=Prompt(), decoding=Decoding())
    desk = Desk(
        label="x",
        route=Route(branches=(Branch(task="t", system=system),)),
        infer=None,
        models={"m": Served(revision="r", provider=provider)},
    )
    target = Speaking("x", desk, wall=lambda: 1.0)
    with pytest.raises(Refusal, match="chats only"):
        asyncio.run(target.send(completing(prompt="Once"), 5.0))


def test_no_more_answers_than_the_model_gives_at_a_time():
    """They could never be let in together."""
    said = [{"role": "user", "content": "hi"}]
    provider = ScriptedProvider(lambda _: "ho", concurrency=3)
    exchange, _ = speaking(provider, asked(messages=said, n=3))
    assert len(json.loads(asyncio.run(exchange.whole(99)))["choices"]) == 3
    with pytest.raises(Refusal, match="'m' gives at most 3 answers at a time") as caught:
        speaking(provider, asked(messages=said, n=4))
    assert caught.value.param == "n"


@pytest.mark.parametrize(("capped", "tokens"), [(2, 2), (9999, 256), (None, 256)])
def test_what_was_reserved_bounds_an_answer_without_a_limit(capped, tokens):
    """A longer one would cost more than was set aside."""
    provider = ScriptedProvider(lambda _: "one two three four")
    request = asked(messages=[{"role": "user", "content": "hi"}])
    request.capped = capped
    speaking(provider, request)
    assert provider.requests[0].decoding.max_tokens == tokens


@pytest.mark.parametrize("operation", ["embeddings", "responses"])
def test_a_model_of_this_process_answers_chats_only(operation):
    """Whoever asks for more is told."""
    with pytest.raises(Refusal, match="chats only"):
        speaking(ScriptedProvider(lambda _: "ho"), asked(operation))


@pytest.mark.parametrize("body", [b'{"model":"m","messages":[],"x":"\xff"}', b'{"model":"m"}'])
def test_what_cannot_be_read_in_full_is_refused(body):
    """Also what only the rendering reads."""
    request = asked()
    request.body = body
    with pytest.raises(Refusal):
        speaking(ScriptedProvider(lambda _: "ho"), request)
