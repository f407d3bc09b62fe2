"""The fault matrix: what becomes of every upstream fault behind a gateway.

    python -m bench.gateway.faults --litellm PATH/bin/litellm --into build/bench/gateway

Upstream A fails as it is told, upstream B is well; the gateway asks A and falls back to B. Every
fault is met by OpenAI's own client and by a reader of bytes, in chats, responses and embeddings,
whole and streamed, with one worker and with two. What is found is kept in `--into`; later runs add
to it, and the table is written from all of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.gateway import callers, fault_table
from bench.gateway.oracle import Outcome, verdict, worst
from bench.gateway.processes import MockUpstream
from bench.gateway.systems import ALL, Escalera, LiteLLM, Place, System, litellm_version

from escalera.testing.upstream import FAULTS

PAUSE = 0.03
"""Seconds before each look: a breaker that opened for a hundredth of a second is closed again."""
SLACK = 2.0
"""Seconds beyond the gateway's own limit for a request, after which a caller calls it a hang."""


def main() -> None:
    """Go through the matrix, and write the table of everything that was found."""
    given = arguments()
    for name, workers in itertools.product(given.systems, given.workers):
        if name == "litellm" and given.litellm is None:
            print("litellm is left out: name its program with --litellm", file=sys.stderr)
            continue
        found = matrix(name, workers, given)
        file = given.into / f"faults-{name}-{workers}.json"
        file.write_text(json.dumps(found, indent=1))
    if given.output is not None:
        fault_table.write(given.into, given.output)
    fault_table.show(given.into)
    sys.exit(1 if fault_table.violations(given.into, "escalera") else 0)


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description="The fault matrix of gateways.")
    parser.add_argument("--into", type=Path, default=Path("build/bench/gateway"))
    parser.add_argument("--output", type=Path, help="the table, as Markdown")
    parser.add_argument("--litellm", type=Path, help="the program of LiteLLM's proxy")
    parser.add_argument("--systems", nargs="+", default=["escalera", "litellm"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--faults", nargs="+", default=[*FAULTS], choices=[*FAULTS])
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    return given


def matrix(name: str, workers: int, given: argparse.Namespace) -> dict[str, Any]:
    """Every cell for one gateway with so many workers."""
    tokens = ("--tokens", str(callers.TOKENS))
    with MockUpstream("A", *tokens) as a, MockUpstream("B", *tokens) as b:
        place = Place(folder=given.into / f"{name}-{workers}", workers=workers)
        with gateway(name, place, (a.url, b.url), given) as served:
            wrong = [one for one in healthy(served) if one]
            if wrong:
                raise RuntimeError(f"{name} does not answer while nothing is wrong: {wrong}")
            cells = [
                cell(a, b, fault, question)
                for fault in given.faults
                for question in questions(served, fault)
            ]
    version = litellm_version(given.litellm) if name == "litellm" else ""
    return {"system": name, "version": version, "workers": workers, "cells": cells}


def gateway(
    name: str, place: Place, upstreams: tuple[str, str], given: argparse.Namespace
) -> System:
    """The gateway of that name, still to be started."""
    if name == "litellm":
        return LiteLLM(place, *upstreams, program=given.litellm)
    return Escalera(place, *upstreams)


def questions(served: System, fault: str) -> Iterator[callers.Question]:
    """The cells of a fault: embeddings are never streamed, and only chats end with [DONE]."""
    for operation, form in itertools.product(callers.PATHS, ("whole", "stream")):
        streamed = form == "stream"
        if form not in FAULTS[fault].forms or (streamed and operation == "embeddings"):
            continue
        if operation == "responses" and fault in {"no-done", "unfinished-done", "only-done"}:
            continue
        yield callers.Question(
            operation=operation, form=form, url=served.url, model=served.model, patience=ALL + SLACK
        )


def healthy(served: System) -> Iterator[str]:
    """What is wrong while no upstream fails."""
    for question in questions(served, "status-500"):
        for look in (callers.official, callers.raw):
            seen = look(question)
            if seen.seen not in {"A", "B"}:
                yield f"{question.operation}, {question.form}: {seen}"


def cell(a: MockUpstream, b: MockUpstream, fault: str, asked: callers.Question) -> dict[str, Any]:
    """One fault in one kind of answer, looked at by both callers."""
    looks: dict[str, Outcome] = {}
    for who, look in (("official", callers.official), ("raw", callers.raw)):
        a.tell(fault=fault, forget=True)
        b.tell(forget=True)
        time.sleep(PAUSE)
        found = look(asked)
        met = a.counts().get(f"fault:{fault}", 0) > 0
        if asked.operation == "embeddings" and found.seen == "B" and not _asked(b):
            found = replace(found, seen="A")  # both give the same vectors
        looks[who] = replace(found, met=met)
    return {
        "fault": fault,
        "operation": asked.operation,
        "form": asked.form,
        "verdict": worst([verdict(fault, asked.form, found) for found in looks.values()]),
        **{who: asdict(found) for who, found in looks.items()},
    }


def _asked(upstream: MockUpstream) -> bool:
    return any(upstream.counts().get(place, 0) for place in callers.PATHS)


if __name__ == "__main__":
    main()
