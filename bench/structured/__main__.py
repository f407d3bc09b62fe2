"""Free, repaired and constrained answers side by side, on three public sets.

    python -m bench.structured.engines --data ../shared/data --into build/bench/structured
    python -m bench.structured.tuned --data ../shared/data --into build/bench/structured/model
    python -m bench.structured --data ../shared/data --from build/bench/structured \
        --date 2026-01-31 --output bench/results/structured.md

Answers come from Escalera's own engine, under the same prompt in every way. Times are of the
processor (one thread), so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.structured import sets, tables
from bench.structured.tuned import BASE, messages

from escalera.core.evaluation import scorers
from escalera.domain.contract import OutputContract
from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.domain.project import BaseModel
from escalera.edges import schemas
from escalera.edges.providers.transformers_engine import Capacity, TransformersEngine
from escalera.engine.contracts import Repairing
from escalera.ports import Provider

MAX_TOKENS = 128
UNIT = 16
WAYS: dict[str, Callable[[str], OutputContract | None]] = {
    "free": lambda _: None,
    "repairs": lambda schema: OutputContract(schema=schema, mode="prompt", repairs=2),
    "constrained": lambda schema: OutputContract(schema=schema, mode="constrained"),
}


@dataclass(frozen=True)
class Answer:
    """One answer with what it is worth."""

    valid: bool
    score: float
    fields: float
    free: float | None
    seconds: float
    prompt_tokens: int
    tokens: int
    repairs: int
    cut: bool


class ProcessorClock:
    """Seconds of the processor of the calling thread: those of the engine's one worker."""

    def seconds(self) -> float:
        """The reading."""
        return time.thread_time()

    async def sleep(self, seconds: float) -> None:
        """Nothing waits here."""


def main() -> None:
    """Read the command line, ask, write the table."""
    parser = argparse.ArgumentParser(description="What it costs to hold answers to a schema.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--items", type=int, default=150)
    arguments = parser.parse_args()
    models = {"pretrained": BASE, "finetuned": arguments.folder / "model"}
    found: dict[tuple[str, str, str], list[Answer]] = {}
    for model, folder in models.items():
        for part in sets.load(arguments.data, ask=arguments.items):
            for way, contract in WAYS.items():
                found[model, part.name, way] = asked(folder, part.test, contract)
                print(model, part.name, way, tables.valid(found[model, part.name, way]), flush=True)
    engines = json.loads((arguments.folder / "engines.json").read_text())
    arguments.output.write_text(tables.page(found, engines, date=arguments.date))


def asked(
    folder: Path, items: Sequence[sets.Item], contract: Callable[[str], OutputContract | None]
) -> list[Answer]:
    """The answers of a model to *items*, in units as the engine decodes them."""

    async def answers() -> list[Any]:
        engine: Provider = TransformersEngine(
            model=BaseModel(name="m", revision="r", trainable=True, price=None),
            folder=folder,
            adapters=lambda name: folder / name,
            clock=ProcessorClock(),
            capacity=Capacity(threads=1, replicas=1, unit=UNIT),
        )
        provider = Repairing(engine, schemas.invalid)
        try:
            await provider.answer([_request(items[0], contract)])  # loads the model
            replies: list[Any] = []
            for start in range(0, len(items), UNIT):
                unit = [_request(item, contract) for item in items[start : start + UNIT]]
                replies += [(reply, len(unit)) for reply in await provider.answer(unit)]
            return replies
        finally:
            await provider.close()

    replies = asyncio.run(answers())
    return [_answer(item, *reply) for item, reply in zip(items, replies, strict=True)]


def _request(item: sets.Item, contract: Callable[[str], OutputContract | None]) -> Request:
    return Request(
        messages=tuple(Message(**turn) for turn in messages(item)),
        decoding=Decoding(max_tokens=MAX_TOKENS),
        output=contract(item.schema),
    )


def _answer(item: sets.Item, reply: Reply, together: int) -> Answer:
    target = json.loads(item.target)
    try:
        said = json.loads(reply.text)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    right = {name: scorers.json_fields(_field(said, name), _field(target, name)) for name in target}
    free = [right[name].value for name in target if name in item.free]
    score = scorers.json_fields(reply.text, item.target).value
    return Answer(
        valid=schemas.invalid(item.schema, reply.text) is None,
        score=score or 0.0,
        fields=_mean([found.value for found in right.values()], 1.0),
        free=_mean(free, 0.0) if free else None,
        seconds=reply.seconds / together,
        prompt_tokens=reply.usage.prompt_tokens,
        tokens=reply.usage.completion_tokens,
        repairs=reply.repairs,
        cut=reply.finish_reason == "length",
    )


def _field(value: dict[str, Any], name: str) -> str:
    """One field as an object of its own; without it an empty one."""
    return json.dumps({name: value[name]} if name in value else {})


def _mean(values: Sequence[float | None], nothing: float) -> float:
    return sum(value or 0.0 for value in values) / len(values) if values else nothing


if __name__ == "__main__":
    main()
