"""Servers that stand in for vLLM, kept as vLLM is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from escalera.edges.vllm import kept
from escalera.edges.vllm.command import Options
from escalera.edges.vllm.kept import KeptServer

PROGRAM = (sys.executable, "-m", "escalera.testing.upstream.lookalike", "serve")
KEY = "key-that-no-log-may-show"


def options(*arguments: str, **more: object) -> Options:
    """Options that run the stand-in; it is quick, so the limits are short."""
    given = Options(program=PROGRAM, arguments=arguments, start_seconds=20, stop_seconds=5)
    return replace(given, **more)


@contextmanager
def kept_server(
    folder: Path,
    *arguments: str,
    tell: Callable[[str], None] = lambda _: None,
    order: dict[str, object] | None = None,
    **more: object,
) -> Iterator[tuple[KeptServer, int]]:
    """A server that was not started yet, and its port; *order* changes what the keeper is told."""
    port = kept.free_port(0)
    told = kept.ordered(
        options(*arguments, **more),
        model=folder,
        name="base",
        port=port,
        key=KEY,
        log=folder / "log" / "base.log",
    )
    server = KeptServer(msgspec.structs.replace(told, **(order or {})), name="base", tell=tell)
    try:
        yield server, port
    finally:
        server.stop()
