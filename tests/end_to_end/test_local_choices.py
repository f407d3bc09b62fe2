"""Several answers and log probabilities of a model in this process, asked by OpenAI's client."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from escalera.apps.gateway.app import application  # noqa: E402
from escalera.domain.message import Message  # noqa: E402
from escalera.domain.project import BaseModel  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.providers.chat_text import asked as tokens_of  # noqa: E402
from escalera.edges.providers.continuous import Room  # noqa: E402
from escalera.edges.providers.continuous_engine import ContinuousEngine, Serving  # noqa: E402
from escalera.engine.serve import Desk, Served  # noqa: E402
from escalera.testing.loopback import serving  # noqa: E402
from escalera.testing.tiny import tiny_bytes, tiny_model  # noqa: E402

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(120)]

TEXT = "Is it far from here to the sea, and is it near?"
ASKED: Any = {"model": "tiny", "max_tokens": 40, "temperature": 1.0, "seed": 5}
CHAT: Any = {**ASKED, "messages": [{"role": "user", "content": TEXT}]}
TOLD: Any = {"logprobs": True, "top_logprobs": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def engine_of(folder: Path, how: Serving) -> ContinuousEngine:
    """The engine that answers."""
    return ContinuousEngine(
        model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
        folder=folder,
        adapters=lambda name: folder / name,
        clock=SystemClock(),
        serving=how,
        tell=pytest.fail,
    )


def desk_of(engine: ContinuousEngine) -> Desk:
    """It answers as `tiny`."""
    served = {"tiny": Served(revision="r1", provider=engine)}
    return Desk(label="support", route=None, models=served, infer=None)


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[openai.OpenAI]:
    """The official client before a gateway over the model, which answers eight at a time."""
    engine = engine_of(folder, Serving(room=Room(rows=8)))
    with (
        serving(application(desk_of(engine), api_key=None, now=lambda: 1_000.0)) as url,
        openai.OpenAI(base_url=url + "/v1", api_key="-", max_retries=0) as made,
    ):
        yield made
    asyncio.run(engine.close())


def likely(folder: Path, prompt: tuple[int, ...], said: bytes) -> list[float]:
    """How likely Transformers finds the bytes of an answer, each of which is a token."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    known = {byte: number for number, byte in tiny_bytes().items()}
    numbers = [known[byte] for byte in said]
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *numbers]])).logits[0]
    found = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
    return found.gather(1, torch.tensor(numbers)[:, None])[:, 0].tolist()


def bytes_of(content: Any) -> bytes:
    """What tokens write."""
    return b"".join(bytes(token.bytes or ()) for token in content)


def joined(chunks: Any) -> dict[int, dict[str, Any]]:
    """Text, tokens and reason of each choice of a stream."""
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            one = found.setdefault(choice.index, {"text": "", "tokens": [], "ended": []})
            one["text"] += choice.delta.content or ""
            one["tokens"] += choice.logprobs.content if choice.logprobs else []
            one["ended"] += [choice.finish_reason] if choice.finish_reason else []
    return found


def assert_alike(found: Any, wanted: Any) -> None:
    """The same tokens in the same order, as likely but for what other company in a batch rounds."""
    assert [token.bytes for token in found] == [token.bytes for token in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
        assert [top.logprob for top in one.top_logprobs] == pytest.approx(
            [top.logprob for top in other.top_logprobs], abs=1e-4
        )


def test_three_answers_with_their_likelihoods(client: openai.OpenAI, folder: Path) -> None:
    """The first is the one that is given alone; all are as likely as Transformers finds them."""
    found = client.chat.completions.create(**CHAT, **TOLD, n=3)
    alone = client.chat.completions.create(**CHAT)
    assert [choice.index for choice in found.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in found.choices}) == 3
    assert found.choices[0].message.content == alone.choices[0].message.content
    assert alone.choices[0].logprobs is None
    message = Message(role="user", content=TEXT)
    (prompt,) = tokens_of("tiny", folder, [[message]])
    counted = 0
    for choice in found.choices:
        assert choice.logprobs is not None
        content = choice.logprobs.content
        assert content is not None
        counted += len(content) + (choice.finish_reason == "stop")
        said = bytes_of(content)
        assert said.decode("utf-8", "replace") == choice.message.content
        told = [token.logprob for token in content if token.bytes is not None]
        if len(told) == len(content):  # a mark of a turn was not drawn
            assert told == pytest.approx(likely(folder, prompt, said), abs=1e-4)
        for token in content:
            assert len(token.top_logprobs) == 5
            assert sum(math.exp(one.logprob) for one in token.top_logprobs) <= 1 + 1e-5
    assert found.usage is not None
    assert found.usage.prompt_tokens == len(prompt)
    assert found.usage.completion_tokens == counted


def test_three_streams_say_the_same(client: openai.OpenAI) -> None:
    """Each with its number and its end; the usage comes once, for all."""
    whole = client.chat.completions.create(**CHAT, **TOLD, n=3)
    options: Any = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(**CHAT, **TOLD, n=3, stream=True, stream_options=options)
    )
    found = joined(chunks)
    for choice in whole.choices:
        assert choice.logprobs is not None
        one = found[choice.index]
        assert one["text"] == choice.message.content
        assert_alike(one["tokens"], choice.logprobs.content)
        assert one["ended"] == [choice.finish_reason]
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]
    assert len([chunk for chunk in chunks if chunk.choices]) > 30


def test_completions_with_their_likelihoods(client: openai.OpenAI, folder: Path) -> None:
    """Of a text as it is, whole and as a stream, in the lists that this operation has."""
    asked: Any = {**ASKED, "prompt": TEXT, "logprobs": 3, "n": 2}
    found = client.completions.create(**asked)
    assert found.object == "text_completion"
    assert found.usage is not None
    assert found.usage.prompt_tokens == len(TEXT)
    streams: dict[int, dict[str, Any]] = {}
    for chunk in client.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            one = streams.setdefault(choice.index, {"text": "", "tokens": [], "offsets": []})
            one["text"] += choice.text
            if choice.logprobs is not None:
                one["tokens"] += choice.logprobs.tokens or []
                one["offsets"] += choice.logprobs.text_offset or []
    for choice in found.choices:
        told = choice.logprobs
        assert told is not None
        assert told.tokens
        assert told.token_logprobs
        assert told.top_logprobs
        assert told.text_offset
        assert streams[choice.index] == {
            "text": choice.text,
            "tokens": told.tokens,
            "offsets": told.text_offset,
        }
        assert told.text_offset[0] == len(TEXT)
        assert told.text_offset == sorted(told.text_offset)
        for token, logprob, top in zip(
            told.tokens, told.token_logprobs, told.top_logprobs, strict=True
        ):
            assert top[token] == logprob
            assert 3 <= len(top) <= 4
    greedy = client.completions.create(
        **{**ASKED, "temperature": 0}, prompt=["Once"], logprobs=1, n=1
    )
    (choice,) = greedy.choices
    assert choice.logprobs is not None
    assert choice.logprobs.token_logprobs
    tokenizer = AutoTokenizer.from_pretrained(folder)
    first = tuple(tokenizer("Once")["input_ids"])
    said = b"".join(
        bytes([int(token[-2:], 16)]) if token.startswith("bytes:") else token.encode()
        for token in choice.logprobs.tokens or []
    )
    assert choice.logprobs.token_logprobs == pytest.approx(likely(folder, first, said), abs=1e-4)


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_stop_text_cuts_off_is_not_told(client: openai.OpenAI, *, stream: bool) -> None:
    """Every choice ends before it, and its tokens with it."""
    free = client.chat.completions.create(**CHAT, n=3)
    texts = [choice.message.content or "" for choice in free.choices]
    stops = [text[len(text) // 2 :][:2] for text in texts]
    asked = {**CHAT, **TOLD, "n": 3, "stop": stops}
    if stream:
        found = joined(client.chat.completions.create(**asked, stream=True))
        ended = [(one["text"], one["tokens"], one["ended"]) for _, one in sorted(found.items())]
    else:
        choices = client.chat.completions.create(**asked).choices
        ended = [(c.message.content, c.logprobs.content, [c.finish_reason]) for c in choices]
    assert len(ended) == 3
    for (said, tokens, reason), before in zip(ended, free.choices, strict=True):
        assert reason == ["stop"]
        assert not any(stop in said for stop in stops)
        assert (before.message.content or "").startswith(said)
        assert bytes_of(tokens).decode("utf-8", "replace") == said


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for what is to come by itself."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  it happens in the gateway's thread
            await asyncio.sleep(0.001)


def test_where_not_all_answers_are_let_in_none_is(folder: Path) -> None:
    """The caller is told when to come again, and nothing goes on for nobody."""
    engine = engine_of(folder, Serving(queue=0, room=Room(rows=4)))
    long: Any = {**CHAT, "max_tokens": 300, "temperature": 0}

    async def story(url: str) -> Any:
        async with openai.AsyncOpenAI(base_url=url, api_key="-", max_retries=0) as caller:
            first = await caller.chat.completions.create(**long, n=2, stream=True)
            pieces = aiter(first)
            await anext(pieces)
            with pytest.raises(openai.RateLimitError) as caught:
                await caller.chat.completions.create(**{**long, "n": 3})
            await _until(lambda: engine._present == 2)
            await anext(pieces)
            await first.close()
            await _until(lambda: engine._present == 0)
            after = await caller.chat.completions.create(**{**CHAT, "n": 4})
            return caught.value, after

    with serving(application(desk_of(engine), api_key=None, now=lambda: 1_000.0)) as url:
        refused, after = asyncio.run(story(url + "/v1"))
    asyncio.run(engine.close())
    assert int(refused.response.headers["retry-after"]) >= 1
    assert len(after.choices) == 4


@pytest.mark.parametrize(
    ("how", "param"),
    [
        ({"n": 9}, "n"),
        ({"n": 17}, "n"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    client: openai.OpenAI, how: dict[str, Any], param: str
) -> None:
    """Of eight places nine cannot be had; tools are not offered."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**CHAT, **how)
    assert caught.value.param == param
