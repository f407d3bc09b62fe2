"""Sixteen adapters in one batch beside one, and none: the engine in this process.

    python -m bench.engine.adapters MODEL ADAPTERS --requests 32 --tokens 32 --rounds 3

Every request is a call of its own, as the gateway makes them; all are there at once. The kinds take
turns. It prints one line of JSON: tokens per second and per processor second, by kind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.engine.clients import questions

from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.domain.project import BaseModel
from escalera.edges.clock import SystemClock
from escalera.edges.providers.continuous_engine import ContinuousEngine, Serving

KINDS = ("none", "one", "sixteen")


def asked(kind: str, adapters: Sequence[str], many: int, tokens: int) -> list[Request]:
    """Requests for the base model, for one adapter, or for all of them in turn."""
    wanted: Mapping[str, Sequence[str | None]] = {
        "none": (None,),
        "one": adapters[:1],
        "sixteen": adapters,
    }
    names = wanted[kind]
    return [
        Request(
            messages=(Message(role="user", content=question),),
            decoding=Decoding(max_tokens=tokens),
            adapter=names[place % len(names)],
        )
        for place, question in enumerate(questions(0, many))
    ]


async def rate(engine: ContinuousEngine, requests: Sequence[Request]) -> dict[str, float]:
    """Tokens per second, and per second of processor time, when all are asked at once."""
    began, used = time.perf_counter(), time.process_time()
    found = await asyncio.gather(*(engine.answer([one]) for one in requests))
    seconds, spent = time.perf_counter() - began, time.process_time() - used
    replies = [one for (one,) in found]
    tokens = sum(one.usage.completion_tokens for one in replies if isinstance(one, Reply))
    failures = [str(one) for one in replies if not isinstance(one, Reply)]
    if failures:
        raise RuntimeError(failures[0])
    return {"tokens_per_second": tokens / seconds, "tokens_per_cpu_second": tokens / spent}


async def measured(given: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Every kind in every round, after one that does not count: adapters are loaded in it."""
    names = sorted(path.name for path in given.adapters.iterdir())
    engine = ContinuousEngine(
        model=BaseModel(name="base", revision="r", trainable=True, price=None),
        folder=given.model,
        adapters=lambda name: given.adapters / name,
        clock=SystemClock(),
        serving=Serving(threads=given.threads),
        tell=lambda words: print(words, file=sys.stderr),
    )
    figures: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for place in range(given.rounds + 1):
        for kind in KINDS:
            found = await rate(engine, asked(kind, names, given.requests, given.tokens))
            if place:
                figures[kind].append(found)
    await engine.close()
    return figures


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Many adapters in one batch.")
    parser.add_argument("model", type=Path)
    parser.add_argument("adapters", type=Path)
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    print(json.dumps(asyncio.run(measured(parser.parse_args()))))


if __name__ == "__main__":
    main()
