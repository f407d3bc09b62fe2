"""The engine for many callers: the same answers as the static one, in any company."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.unit.edges import apart  # noqa: E402

from escalera.domain.contract import OutputContract  # noqa: E402
from escalera.domain.message import Decoding, Message, Reply, Request  # noqa: E402
from escalera.domain.project import BaseModel  # noqa: E402
from escalera.edges import schemas  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.model_loading import LOADING  # noqa: E402
from escalera.edges.providers import exactness, packed_linear  # noqa: E402
from escalera.edges.providers.continuous import Room  # noqa: E402
from escalera.edges.providers.continuous_engine import ContinuousEngine, Serving  # noqa: E402
from escalera.edges.providers.stretch import Stretch  # noqa: E402
from escalera.edges.providers.transformers_engine import Capacity, TransformersEngine  # noqa: E402
from escalera.errors import AdapterUnusable, Overloaded, RequestRejected  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_architecture, tiny_model  # noqa: E402

pytestmark = pytest.mark.local

CHOICE = OutputContract(schema='{"enum":["shipping","cost"]}', mode="constrained")
SMALL = Serving(room=Room(rows=4, tokens=2048, stretch=Stretch(least=16)))
Job = Callable[[ContinuousEngine], Awaitable[Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with five adapters."""
    root = tmp_path_factory.mktemp("tiny")
    model = tiny_model(root / "model")
    for number in range(5):
        tiny_adapter(root / f"a{number}", model, seed=number, rank=(4, 8)[number % 2])
    return root


def asked(number: int, **how: Any) -> Request:
    """One of many requests: other lengths, limits, adapters, temperatures and contracts."""
    decoding = {"max_tokens": 6 + number % 40, "temperature": (0.0, 0.8)[number % 2]}
    return Request(
        messages=(Message(role="user", content=f"Question {number}: " + "why " * (number % 30)),),
        decoding=Decoding(**{**decoding, "seed": number, **how}),
        adapter=None if number % 3 == 0 else f"a{number % 5}",
        output=CHOICE if number % 7 == 0 else None,
    )


def using(folder: Path, job: Job, serving: Serving = SMALL, tell: Any = None) -> Any:
    """Run a job with an engine and close it."""
    engine = ContinuousEngine(
        model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
        folder=folder / "model",
        adapters=lambda name: folder / name,
        clock=SystemClock(),
        serving=serving,
        tell=tell or pytest.fail,
    )

    async def run() -> Any:
        try:
            async with asyncio.timeout(60):
                return await job(engine)
        finally:
            await engine.close()

    return asyncio.run(run())


def static(folder: Path, requests: list[Request]) -> Any:
    """What the engine of static batches answers, one at a time."""

    async def run() -> Any:
        engine = TransformersEngine(
            model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
            folder=folder / "model",
            adapters=lambda name: folder / name,
            clock=SystemClock(),
            capacity=Capacity(unit=1),
        )
        try:
            return await engine.answer(requests)
        finally:
            await engine.close()

    return asyncio.run(run())


def untimed(replies: Any) -> list[Any]:
    """Replies without their clock readings."""
    return [replace(reply, seconds=0.0) for reply in replies]


async def streamed(engine: ContinuousEngine, request: Request) -> Reply:
    """The reply of a stream, whose pieces say the same."""
    return await ended(engine.stream(request))


async def ended(pieces: AsyncIterator[Any], *before: str) -> Reply:
    """The reply at the end of a stream, of which some pieces came before."""
    told: list[Any] = [*before, *[piece async for piece in pieces]]
    assert "".join(told[:-1]) == told[-1].text
    return told[-1]


def test_many_callers_get_what_each_gets_alone(folder: Path) -> None:
    """Forty callers for four places: whole answers and streams, with and without adapters.

    Greedy and drawn answers, schemas, usage and finish reasons are those of the static engine.
    """
    requests = [asked(number) for number in range(40)]

    async def job(engine: ContinuousEngine) -> Any:
        whole, streams = await asyncio.gather(
            engine.answer(requests), asyncio.gather(*(streamed(engine, one) for one in requests))
        )
        return untimed(whole), untimed(streams)

    whole, streams = using(folder, job)
    assert whole == streams == untimed(static(folder, requests))
    assert len({reply.text for reply in whole}) > 20
    assert all(schemas.invalid(CHOICE.schema, whole[n].text) is None for n in range(0, 40, 7))


@pytest.mark.parametrize("packed", [True, False])
def test_answers_are_the_same_on_a_device_whose_memory_is_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    """As a GPU's is: drawn answers and schemas, in packed rows with adapters and in batches.

    No operation mixes both memories. What a GPU's arithmetic does differently is not shown.
    """
    requests = [asked(number, max_tokens=9) for number in range(8)]
    if not packed:
        monkeypatch.setattr(exactness, "packed", lambda _: "told otherwise")
        requests = [replace(request, adapter=None) for request in requests]

    async def job(engine: ContinuousEngine) -> Any:
        return untimed(await engine.answer(requests))

    said: list[str] = []
    here = using(folder, job, tell=said.append)
    with apart.everywhere() as ran:
        there = using(folder, job, replace(SMALL, device=apart.NAME), tell=said.append)
    assert len(ran) > 1000
    assert there == here
    assert bool(said) is not packed


def test_an_answer_ends_before_a_stop_text(folder: Path) -> None:
    """Whole and streamed alike, at the first of them; what came after is not billed."""
    request = asked(9, max_tokens=120, temperature=0.0)
    request = replace(request, output=None)
    (whole,) = static(folder, [request])
    stops = (whole.text[40:43], whole.text[60:62])
    cut = whole.text[: min(whole.text.index(stop) for stop in stops)]
    stopped = replace(request, decoding=replace(request.decoding, stop=stops))

    async def job(engine: ContinuousEngine) -> Any:
        (found,) = await engine.answer([stopped])
        return [found, await streamed(engine, stopped), *await engine.answer([request])]

    found, stream, free = using(folder, job)
    assert found.text == stream.text == cut
    assert found.finish_reason == stream.finish_reason == "stop"
    assert found.usage == stream.usage
    assert len(cut) < found.usage.completion_tokens < whole.usage.completion_tokens
    assert free.text == whole.text


def test_biases_choose_among_tokens_of_this_model(folder: Path) -> None:
    """One that leaves no choice is followed; a token that the model does not have is refused."""
    held = Decoding(max_tokens=5, logit_bias=((70, 100.0),))
    request = replace(asked(3), output=None, decoding=held)
    other = replace(request, decoding=replace(held, logit_bias=((261, 1.0),)))
    said, refused = using(folder, lambda engine: engine.answer([request, other]))
    assert len(set(said.text)) == 1
    assert isinstance(refused, RequestRejected)
    assert "the model's last is 260" in str(refused)


def test_laid_out_weights_give_the_same_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that is large enough for it, with adapters and without."""
    monkeypatch.setattr(packed_linear, "_LEAST", 1)
    requests = [asked(number) for number in range(12)]

    async def job(engine: ContinuousEngine) -> Any:
        found = untimed(await engine.answer(requests))
        return found, type(engine._opened.model.network.lm_head)

    found, kind = using(folder, job)
    assert kind is packed_linear.PackedLinear
    assert found == untimed(static(folder, requests))


def test_nothing_asked_is_nothing_answered(folder: Path) -> None:
    """An answer of no tokens needs no place."""
    (reply,) = using(folder, lambda engine: engine.answer([asked(1, max_tokens=0)]))
    assert (reply.text, reply.usage.completion_tokens, reply.finish_reason) == ("", 0, "length")


def test_beyond_the_queue_callers_are_sent_away_with_a_time(folder: Path) -> None:
    """And those who were let in are answered; later there is room again."""
    serving = replace(SMALL, queue=3)

    async def job(engine: ContinuousEngine) -> Any:
        found = await engine.answer([asked(number) for number in range(12)])
        return found, await engine.answer([asked(number) for number in range(5)])

    found, later = using(folder, job, serving)
    assert [isinstance(one, Overloaded) for one in found] == [False] * 7 + [True] * 5
    assert 1 <= found[-1].retry_after <= 60
    assert "raise serving.queue" in str(found[-1])
    assert all(isinstance(one, Reply) for one in later)


def test_who_goes_away_leaves_the_batch(folder: Path) -> None:
    """Streams that are closed and answers that are cancelled free their places for others."""

    async def job(engine: ContinuousEngine) -> Any:
        long = asked(3, max_tokens=400, temperature=0.0)
        streams = [engine.stream(long) for _ in range(2)]
        for stream in streams:
            await anext(stream)
        waiting = [asyncio.create_task(engine.answer([long])) for _ in range(6)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        for stream in streams:
            await stream.aclose()
        await asyncio.wait(waiting)
        replies = await engine.answer([asked(number) for number in range(8)])
        return replies, engine._opened.turns, engine._present

    replies, turns, present = using(folder, job)
    assert untimed(replies) == untimed(static(folder, [asked(number) for number in range(8)]))
    assert turns._live == []
    assert present == 0


def test_a_request_that_never_fits_is_refused_at_once(folder: Path) -> None:
    """Longer than the context, or than the memory for keys and values; others are answered."""
    room = replace(SMALL, room=Room(rows=4, tokens=256))
    long = asked(1, max_tokens=300)
    found = using(folder, lambda engine: engine.answer([asked(2), long, asked(4)]), room)
    assert [isinstance(one, Reply) for one in found] == [True, False, True]
    assert isinstance(found[1], RequestRejected)
    assert "raise serving.cache_tokens" in str(found[1])
    (beyond,) = using(folder, lambda engine: engine.answer([asked(1, max_tokens=600)]))
    assert "context holds 512" in str(beyond)


def test_a_missing_adapter_refuses_its_requests_only(folder: Path) -> None:
    """The others of the batch are answered."""
    lost = replace(asked(1), adapter="lost")
    found = using(folder, lambda engine: engine.answer([lost, asked(3), lost, asked(4)]))
    assert [isinstance(reply, AdapterUnusable) for reply in found] == [True, False, True, False]


def test_an_adapter_that_comes_later_disturbs_nobody(folder: Path, tmp_path: Path) -> None:
    """Published while others stream, it answers, and their answers are what they would be."""
    long = asked(5, max_tokens=200, temperature=0.0)
    new = replace(asked(4), adapter="new")

    async def job(engine: ContinuousEngine) -> Any:
        pieces = engine.stream(long)
        first = await anext(pieces)  # the model is loaded, and the answer goes on
        with LOADING:
            tiny_adapter(folder / "new", folder / "model", seed=77)
        stream = asyncio.create_task(ended(pieces, first))
        (reply,) = await engine.answer([new])
        return untimed([await stream, reply])

    assert using(folder, job) == untimed(static(folder, [long, new]))


def test_a_failure_of_the_model_is_told_and_mended(folder: Path) -> None:
    """Whoever is in the batch is told; the next callers are answered as if nothing had been."""

    async def job(engine: ContinuousEngine) -> Any:
        await engine.answer([asked(1)])
        network = engine._opened.model.network

        def breaks(*_: Any) -> None:
            handle.remove()
            raise RuntimeError("out of memory")

        handle = network.register_forward_pre_hook(breaks)
        failed = await engine.answer([asked(3)])
        return failed, await engine.answer([asked(4)])

    (failed,), answered = using(folder, job)
    assert failed.retryable
    assert "out of memory" in str(failed)
    assert untimed(answered) == untimed(static(folder, [asked(4)]))


def test_half_precision_is_a_setting(folder: Path) -> None:
    """In bfloat16 the model and its adapters answer, and the same again in other company."""
    serving = replace(SMALL, dtype="bfloat16")
    requests = [asked(number, temperature=0.0, max_tokens=4) for number in (3, 4, 5, 8)]

    async def job(engine: ContinuousEngine) -> Any:
        together = await engine.answer(requests)
        dtype = engine._opened.model.network.dtype
        return dtype, untimed(together), untimed(await engine.answer(requests))

    dtype, together, again = using(folder, job, serving)
    assert dtype == torch.bfloat16
    assert together == again
    assert all(reply.usage.completion_tokens for reply in together)


def test_a_model_that_cannot_be_packed_answers_all_the_same(tmp_path: Path) -> None:
    """Through static batches; whoever runs it is told why."""
    tiny_model(tmp_path / "model")
    model = tiny_architecture("bloom", vocab_size=261, hidden_size=32, n_head=4, n_layer=2)
    model.save_pretrained(tmp_path / "model")
    told: list[str] = []
    request = replace(asked(6), adapter=None)

    async def job(engine: ContinuousEngine) -> Any:
        (whole,) = await engine.answer([request])
        return untimed([whole, await streamed(engine, request)])

    whole, stream = using(tmp_path, job, tell=told.append)
    assert whole == stream
    penalised = replace(request, decoding=Decoding(presence_penalty=1.0))
    (refused,) = using(tmp_path, lambda engine: engine.answer([penalised]), tell=len)
    assert isinstance(refused, RequestRejected)
    assert "presence_penalty is not offered for this model" in str(refused)
    assert len(told) == 1
    assert "'tiny' answers without continuous batching: " in told[0]


def test_the_threads_end_with_the_engine(folder: Path) -> None:
    """Nothing of a closed engine goes on."""
    using(folder, lambda engine: engine.answer([asked(1)]))
    for thread in threading.enumerate():
        if thread.name.startswith("escalera-tiny"):
            thread.join(10)
            assert not thread.is_alive()
