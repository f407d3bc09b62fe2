"""What the gateway answers with: the models of a project file, and the router of a route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from escalera import wiring
from escalera.domain.identity import digest_of
from escalera.domain.quality import QualityRoute
from escalera.domain.system import Branch, Route
from escalera.edges.clock import SystemClock
from escalera.edges.http.target import Limits
from escalera.engine.serve import Served
from escalera.ports import Provider
from escalera.settings import project_file
from escalera.settings.serving_table import ServingTable
from escalera.wiring import Installation, models, upstreams

if TYPE_CHECKING:
    from escalera.core.routing.quality import Judge
    from escalera.core.routing.router import Router
    from escalera.edges.providers.stretch import Stretch

_LEAST_CPU, _LEAST_GPU = 128, 2048
"""Tokens of prompts that a step runs in any case: fewer take hardly less time."""
_PAUSE = 0.05
"""Seconds for which prompts may hold up everybody's next token: hardly seen in a stream."""


def served(
    made: Installation,
    routes: Sequence[Route],
    before: Mapping[str, Served] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Served]:
    """The base models that can be asked by name: local ones, and those whose key is set.

    Of *before*, local models with the same weights and settings are kept as they are: loading them
    takes time and memory. *tell* is told what is to be known of a model. Raises `ProjectError` when
    the key of a model that one of *routes* answers with is not set, or a system of theirs is none
    that its engine can answer for.
    """
    if any(table.engine == "vllm" for table in made.tables.models.values()):
        from escalera.wiring import vllm

        vllm.check(made, routes)
    needed = {one.system.model for route in routes for one in _branches(route)}
    usable = {
        name: table
        for name, table in made.tables.models.items()
        if name in needed or table.api_key_env is None or project_file.secret(table.api_key_env)
    }
    given = made.tables.gateway.timeouts
    limits = Limits(
        connect=given.connect, first_byte=given.first_byte, idle=given.idle, total=given.total
    )
    asked = upstreams.of(made.file, usable, lambda _: limits, running=made.running)
    found = {}
    for name, table in usable.items():
        base = models.base_model(made.file, name, table)
        kept = None if before is None else before.get(name)
        made_of = digest_of([table.threads, msgspec.to_builtins(table.serving)])
        same = (
            kept is not None
            and table.local
            and (kept.revision, kept.made_of) == (base.revision, made_of)
        )
        process = made.running.get(name)
        found[name] = Served(
            revision=base.revision,
            provider=kept.provider if kept is not None and same else _provider(made, name, tell),
            made_of=made_of,
            upstream=asked.get(name),
            called=table.model or name,
            price=base.price,
            local=table.local,
            tuned_price=base.tuned_price,
            secret=process.key if process else project_file.secret(table.api_key_env or "") or "",
        )
    return found


def router(made: Installation, route: Route) -> Router | None:
    """The router of *route*, or None where the caller declares the type."""
    if route.router is None:
        return None
    from escalera.engine import making

    return making.load_router(made.artifacts(), route.router)


def judge(made: Installation, route: QualityRoute) -> Judge:
    """What a quality route chooses by. Raises `EvidenceMissing` where it is not stored."""
    from escalera.engine import proving  # making routes takes two dozen modules; few gateways do

    return proving.load(made.artifacts(), route)


# Below: private.


def _provider(made: Installation, name: str, tell: Callable[[str], None]) -> Provider:
    """Who answers for a model: one of this process is asked by many callers at once."""
    from escalera.engine.contracts import Repairing

    table = made.tables.models[name]
    if not table.local:
        folder_of, times = made.artifacts().path, made.tables.gateway.timeouts
        asked_at = models.remote(made.file, name, table, folder_of, served=times)
        return Repairing(asked_at, wiring.invalid)
    if not table.in_process:
        return made.provider(name)
    models.require_local(f"the local model {name!r}")
    from escalera.edges.providers.continuous import Room
    from escalera.edges.providers.continuous_engine import ContinuousEngine, Serving

    found = table.serving or ServingTable()
    folder = models.folder(made.file, table)
    asked = ContinuousEngine(
        model=models.base_model(made.file, name, table),
        folder=folder,
        adapters=made.artifacts().path,
        clock=SystemClock(),
        serving=Serving(
            threads=1 if models.is_tiny(folder) else table.threads or models.cores(),
            queue=found.queue,
            room=Room(rows=found.rows, tokens=found.cache_tokens, stretch=_stretch(found)),
            adapter_bytes=found.adapter_megabytes * 1_000_000,
            max_context=found.context,
            device=found.device,
            dtype=found.numbers,
        ),
        tell=tell,
    )
    return Repairing(asked, wiring.invalid)


def _stretch(table: ServingTable) -> Stretch:
    """How much of prompts a step runs: what is given, or what the machine does in a short time."""
    from escalera.edges.providers.stretch import Stretch

    if table.prompt_tokens is not None:
        return Stretch(least=table.prompt_tokens)
    return Stretch(least=_LEAST_CPU if table.device == "cpu" else _LEAST_GPU, pause=_PAUSE)


def _branches(route: Route) -> tuple[Branch, ...]:
    return (*route.branches, *route.unsure)
