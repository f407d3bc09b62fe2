"""The suite of `escalera.testing.provider_suite` on the models in this process."""

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from escalera.domain.contract import OutputContract
from escalera.domain.message import Message, Request
from escalera.domain.project import BaseModel
from escalera.edges import schemas
from escalera.edges.clock import SystemClock
from escalera.edges.providers.continuous_engine import ContinuousEngine, Serving
from escalera.edges.providers.transformers_engine import TransformersEngine
from escalera.ports import Provider
from escalera.testing import provider_suite
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local

BAD = Request(messages=(Message(role="user", content="x" * 2000),))
CHECKS = [
    provider_suite.says_how_it_is_fed,
    provider_suite.answers_in_order,
    provider_suite.answers_nothing_to_nothing,
    provider_suite.keeps_to_max_tokens,
    provider_suite.refuses_one_and_answers_the_rest,
    provider_suite.streams_what_it_answers,
    provider_suite.refuses_a_stream,
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model."""
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def static(model: Path) -> Provider:
    """The engine of static batches."""
    return TransformersEngine(
        model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
        folder=model,
        adapters=lambda name: model / name,
        clock=SystemClock(),
    )


def continuous(model: Path) -> Provider:
    """The engine whose rows join and leave."""
    return ContinuousEngine(
        model=BaseModel(name="tiny", revision="r1", trainable=True, price=None),
        folder=model,
        adapters=lambda name: model / name,
        clock=SystemClock(),
        serving=Serving(),
        tell=pytest.fail,
    )


@pytest.mark.parametrize("make", [static, continuous])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_local_engine(check, make: Callable[[Path], Provider], model: Path) -> None:
    """A model in this process keeps every promise of the port."""

    async def run() -> None:
        engine = make(model)
        try:
            needs_bad = "bad" in inspect.signature(check).parameters
            await check(engine, **({"bad": BAD} if needs_bad else {}))
        finally:
            await engine.close()

    asyncio.run(run())


SCHEMA = """{"type":"object","properties":{"theme":{"enum":["app","cost"]},"note":{"type":"string"}
    },
    "required":["theme"],"additionalProperties":false}"""


@pytest.mark.parametrize("make", [static, continuous])
def test_a_local_engine_keeps_to_a_schema(make: Callable[[Path], Provider], model: Path) -> None:
    """A random model says valid JSON, whole and in pieces."""

    async def run() -> None:
        engine = make(model)
        output = OutputContract(schema=SCHEMA, mode="constrained")
        try:
            await provider_suite.keeps_to_a_schema(engine, output=output, invalid=schemas.invalid)
        finally:
            await engine.close()

    asyncio.run(run())
