"""What the gateway answers with: the models of a project file, and the router of a route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from escalera.domain.system import Branch, Route
from escalera.edges.http.target import Limits
from escalera.engine.serve import Served
from escalera.settings import project_file
from escalera.wiring import Installation, models, upstreams

if TYPE_CHECKING:
    from escalera.core.routing.router import Choice, Router


def served(
    made: Installation, routes: Sequence[Route], before: Mapping[str, Served] | None = None
) -> dict[str, Served]:
    """The base models that can be asked by name: local ones, and those whose key is set.

    Of *before*, local models with the same weights are kept as they are: loading them takes time
    and memory. Raises `ProjectError` when the key of a model that one of *routes* answers with is
    not set, or a system of theirs is none that its engine can answer for.
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
        same = kept is not None and table.local and kept.revision == base.revision
        process = made.running.get(name)
        found[name] = Served(
            revision=base.revision,
            provider=kept.provider if kept is not None and same else made.provider(name),
            upstream=asked.get(name),
            called=table.model or name,
            price=base.price,
            local=table.local,
            tuned_price=base.tuned_price,
            secret=process.key if process else project_file.secret(table.api_key_env or "") or "",
        )
    return found


def infer(made: Installation, route: Route) -> Callable[[str], Choice] | None:
    """The router of *route* as a function, or None where the caller declares the type."""
    found = router(made, route)
    return None if found is None else found.choose


def router(made: Installation, route: Route) -> Router | None:
    """The router of *route*, or None where the caller declares the type."""
    if route.router is None:
        return None
    from escalera.engine import making

    return making.load_router(made.artifacts(), route.router)


# Below: private.


def _branches(route: Route) -> tuple[Branch, ...]:
    return (*route.branches, *route.unsure)
