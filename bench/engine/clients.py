"""Clients before an endpoint, as a process: each asks the next question when it has its answer.

    python -m bench.engine.clients URL --model base --clients 32 --requests 64 --tokens 32

The work is fixed, not the time, so that slow and fast systems do the same: the questions are the
example's, in an order that the seed gives. It prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from escalera.edges.http.target import Limits, Target
from escalera.edges.http.upstream import HTTPUpstream
from escalera.errors import UpstreamFault

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support" / "data"
PATIENCE = 900.0


@dataclass(kw_only=True)
class Tally:
    """What came back; times in seconds."""

    tokens: int = 0
    failures: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """Counts, rates and times."""
        ranked = sorted(self.times)
        return {
            "requests": len(self.times),
            "failures": len(self.failures),
            "failure": self.failures[0] if self.failures else "",
            "tokens": self.tokens,
            "seconds": self.seconds,
            "requests_per_second": len(self.times) / self.seconds,
            "tokens_per_second": self.tokens / self.seconds,
            "p50": ranked[len(ranked) // 2] if ranked else 0.0,
            "p99": ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))] if ranked else 0.0,
        }


def questions(seed: int, many: int) -> list[str]:
    """Messages of the example, in an order that *seed* gives; from the first again after all."""
    found = [
        json.loads(line)["input"]
        for file in sorted(EXAMPLE.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    random.Random(seed).shuffle(found)
    return [found[place % len(found)] for place in range(many)]


def body(model: str, question: str, tokens: int) -> bytes:
    """A greedy chat completion of so many tokens."""
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": tokens,
        "temperature": 0.0,
    }
    return json.dumps(asked).encode()


async def load(url: str, asked: list[bytes], *, clients: int) -> Tally:
    """Every client takes the next question, until all were asked."""
    limits = Limits(first_byte=PATIENCE, idle=PATIENCE, total=PATIENCE)
    target = Target(urlsplit(url), fields={"Content-Type": "application/json"})
    upstream = HTTPUpstream(target, provider="bench", limits=limits)
    waiting, tally = iter(asked), Tally()

    async def client() -> None:
        for one in waiting:
            began = time.perf_counter()
            try:
                response = await upstream.send("/chat/completions", one)
                said = await response.whole(10_000_000)
            except UpstreamFault as error:
                tally.failures.append(str(error))
                continue
            response.close()
            if response.status != 200:
                tally.failures.append(said.decode("utf-8", "replace")[:300])
                continue
            tally.times.append(time.perf_counter() - began)
            tally.tokens += json.loads(said)["usage"]["completion_tokens"]

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    tally.seconds = time.perf_counter() - began
    await upstream.close()
    return tally


def main() -> None:
    """Ask, and print what came back."""
    parser = argparse.ArgumentParser(description="Clients before an endpoint.")
    parser.add_argument("url", help="the base URL, up to /v1")
    parser.add_argument("--model", required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    asked = [
        body(given.model, question, given.tokens)
        for question in questions(given.seed, given.requests)
    ]
    print(json.dumps(asyncio.run(load(given.url, asked, clients=given.clients)).told()))


if __name__ == "__main__":
    main()
