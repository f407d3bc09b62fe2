"""The engine: units, refusals, prices, streams, replicas."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.contract import OutputContract  # noqa: E402
from escalera.domain.message import Decoding, Message, Reply, Request, Usage  # noqa: E402
from escalera.domain.project import BaseModel, ModelPrice  # noqa: E402
from escalera.edges import schemas  # noqa: E402
from escalera.edges.clock import SystemClock  # noqa: E402
from escalera.edges.providers.transformers_engine import Capacity, TransformersEngine  # noqa: E402
from escalera.errors import AdapterUnusable, RequestRejected  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = pytest.mark.local

PRICE = ModelPrice(prompt=100_000, completion=400_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with an adapter."""
    root = tmp_path_factory.mktemp("tiny")
    tiny_adapter(root / "a", tiny_model(root / "model"))
    return root


def asked(number: int, **how: Any) -> Request:
    """One of many requests of different lengths with a common beginning."""
    return Request(
        messages=(
            Message(role="system", content="You are a shop."),
            Message(role="user", content=f"Question {number}: " + "why " * (number % 5)),
        ),
        decoding=Decoding(max_tokens=6 + number % 4, **how),
        adapter="a" if number % 3 == 0 else None,
    )


def using(
    folder: Path,
    job: Callable[[TransformersEngine], Awaitable[Any]],
    capacity: Capacity | None = None,
    price: ModelPrice | None = None,
) -> Any:
    """Run a job with an engine and close it."""
    engine = TransformersEngine(
        model=BaseModel(name="tiny", revision="r1", trainable=True, price=price),
        folder=folder / "model",
        adapters=lambda name: folder / name,
        clock=SystemClock(),
        capacity=capacity,
    )

    async def run() -> Any:
        try:
            return await job(engine)
        finally:
            await engine.close()

    return asyncio.run(run())


def untimed(replies: list[Reply]) -> list[Reply]:
    """Replies without their clock readings."""
    return [replace(reply, seconds=0.0) for reply in replies]


def test_company_changes_nothing(folder: Path) -> None:
    """Mixed lengths, limits and adapters in one unit answer as each request does alone."""
    requests = [asked(number) for number in range(12)]

    async def job(engine: TransformersEngine) -> Any:
        together = await engine.answer(requests)
        alone = [(await engine.answer([request]))[0] for request in requests]
        return untimed(together), untimed(alone)

    together, alone = using(folder, job)
    assert together == alone
    assert len({reply.text for reply in together}) > 6


def test_the_same_unit_gives_the_same_bytes(folder: Path) -> None:
    """Two engines, two orders of units, more requests than a unit, two replicas: one result."""
    requests = [asked(number, temperature=0.8, seed=number) for number in range(16)]
    small = Capacity(unit=4)
    first = using(folder, lambda engine: engine.answer(requests), small)

    async def job(engine: TransformersEngine) -> Any:
        units = await asyncio.gather(engine.answer(requests), engine.answer(requests))
        return [list(unit) for unit in units]

    for replies in using(folder, job, Capacity(unit=4, replicas=2)):
        assert untimed(replies) == untimed(first)


def test_tokens_are_counted_and_priced(folder: Path) -> None:
    """Usage counts real tokens, not padding; the price is rounded to micro-dollars."""
    request = asked(1)
    plain, priced = (
        using(folder, lambda engine: engine.answer([request, asked(4)]), price=price)[0]
        for price in (None, PRICE)
    )
    marks = 2 * 2 + 1
    expected = sum(len(message.content) for message in request.messages) + marks
    assert plain.usage == Usage(prompt_tokens=expected, completion_tokens=7)
    assert plain.finish_reason == "length"
    assert plain.micro_dollars is None
    assert priced.micro_dollars == round((expected * 100_000 + 7 * 400_000) / 1e6)
    assert plain.revision == "r1"


def test_a_prompt_that_does_not_fit_is_refused_alone(folder: Path) -> None:
    """The refusal gives the tokens, the context and the remedy; the others are answered."""
    long = Request(messages=(Message(role="user", content="x" * 600),))
    first, refused, last = using(folder, lambda engine: engine.answer([asked(1), long, asked(2)]))
    assert isinstance(first, Reply)
    assert isinstance(last, Reply)
    assert isinstance(refused, RequestRejected)
    assert "603 prompt tokens" in str(refused)
    assert "context holds 512" in str(refused)
    assert "lower max_tokens" in str(refused)


def test_a_missing_adapter_refuses_its_requests_only(folder: Path) -> None:
    """The others of the unit are answered."""
    lost = replace(asked(1), adapter="lost")
    found = using(folder, lambda engine: engine.answer([lost, asked(3), lost, asked(4)]))
    assert [isinstance(reply, AdapterUnusable) for reply in found] == [True, False, True, False]


def test_streams_and_units_take_turns(folder: Path) -> None:
    """Two streams with different adapters and a unit at the same time: nothing is mixed up."""
    requests = [replace(asked(number), decoding=Decoding(max_tokens=20)) for number in (1, 3)]

    async def told(engine: TransformersEngine, request: Request) -> Reply:
        pieces = [piece async for piece in engine.stream(request)]
        assert "".join(pieces[:-1]) == pieces[-1].text
        return pieces[-1]

    async def job(engine: TransformersEngine) -> Any:
        alone = await engine.answer(requests)
        first, second, unit = await asyncio.gather(
            *(told(engine, request) for request in requests), engine.answer(requests)
        )
        return untimed(alone), untimed([first, second]), untimed(unit)

    alone, streams, unit = using(folder, job)
    assert alone == streams == unit


def test_a_stream_may_be_left(folder: Path) -> None:
    """A caller that goes away blocks nobody."""

    async def job(engine: TransformersEngine) -> Any:
        stream = engine.stream(asked(1))
        await anext(stream)
        await stream.aclose()
        return await engine.answer([asked(2)])

    assert isinstance(using(folder, job)[0], Reply)


CONTRACTS = (
    None,
    OutputContract(schema='{"enum":["shipping","cost"]}', mode="constrained"),
    OutputContract(
        schema='{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}',
        mode="constrained",
    ),
    OutputContract(schema="{}", mode="prompt"),
)


def held(number: int, **how: Any) -> Request:
    """One of many requests, each with another contract, or none."""
    bare = asked(number, **how)
    decoding = replace(bare.decoding, max_tokens=24)
    return replace(bare, output=CONTRACTS[number % 4], decoding=decoding)


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_different_schemas_are_kept_in_one_batch(folder: Path, temperature: float) -> None:
    """Each answer is what it is alone, again and again, and valid where it is held to a schema."""
    requests = [held(number, temperature=temperature) for number in range(16)]
    together = using(folder, lambda engine: engine.answer(requests), Capacity(unit=16))
    again = using(folder, lambda engine: engine.answer(requests), Capacity(unit=16))
    assert [reply.text for reply in together] == [reply.text for reply in again]
    alone = using(folder, lambda engine: engine.answer(requests), Capacity(unit=1))
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    for request, reply in zip(requests, together, strict=True):
        if request.output is not None and request.output.mode == "constrained":
            assert schemas.invalid(request.output.schema, reply.text) is None


def test_an_answer_that_was_brought_to_its_end_says_length(folder: Path) -> None:
    """It is valid, and it is not all that the model wanted to say."""
    output = OutputContract(schema='{"type":"string"}', mode="constrained")
    request = replace(asked(1), output=output, decoding=Decoding(max_tokens=5))
    (reply,) = using(folder, lambda engine: engine.answer([request]))
    assert reply.finish_reason == "length"
    assert schemas.invalid(output.schema, reply.text) is None
    assert reply.usage.completion_tokens <= 5


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (OutputContract(schema='{"uniqueItems":true}', mode="constrained"), "uniqueItems"),
        (OutputContract(schema="{}", mode="json_schema"), "no output mode 'json_schema'"),
    ],
)
def test_a_contract_that_cannot_be_kept_is_refused(
    folder: Path, output: OutputContract, said: str
) -> None:
    """The request is, and its neighbours are answered."""
    request = replace(asked(1), output=output)
    refused, answered = using(folder, lambda engine: engine.answer([request, asked(2)]))
    assert isinstance(refused, RequestRejected)
    assert said in str(refused)
    assert isinstance(answered, Reply)
