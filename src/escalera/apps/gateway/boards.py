"""From a desk and the `[gateway]` table to a board: every name with who is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from escalera.apps.gateway.board import Board, Line, Plan, Tier
from escalera.apps.gateway.targets import Passing, Speaking, Target
from escalera.core.serving.breaker import Breaker, BreakerPolicy
from escalera.core.serving.hedging import HedgeBudget, HedgePolicy
from escalera.engine.serve import Desk
from escalera.errors import ProjectError
from escalera.settings import gateway_table
from escalera.settings.gateway_table import GatewayTable, RouteTable


def build(
    desk: Desk, table: GatewayTable, *, wall: Callable[[], float], file: str, version: int = 0
) -> Board:
    """The board of a desk. Raises `ProjectError` for a name in *table* that nobody answers to."""
    names = desk.names()
    for key, problem, remedy in gateway_table.problems(table, frozenset(names)):
        raise ProjectError(file=file, key=key, problem=problem, remedy=remedy)
    policy = _policy(table)
    lines = {
        name: Line(target=_target(name, desk, table, wall), breaker=Breaker(policy))
        for name in names
    }
    plans = {
        name: Plan(name=name, tiers=_tiers(lines, [name], table.fallbacks.get(name, ())))
        for name in names
    }
    plans.update((name, _route(name, route, lines)) for name, route in table.routes.items())
    return Board(plans=plans, default=table.default or desk.label, version=version)


# Below: private.


def _target(name: str, desk: Desk, table: GatewayTable, wall: Callable[[], float]) -> Target:
    served = desk.models().get(name)
    if served is None or served.upstream is None:
        return Speaking(name, desk, wall=wall)
    return Passing(
        name,
        served.upstream,
        model=served.called,
        price=served.price,
        usage=table.stream_usage,
    )


def _tiers(lines: dict[str, Line], first: Iterable[str], then: Iterable[str]) -> tuple[Tier, ...]:
    tiers = [Tier(lines=tuple(lines[name] for name in first))]
    tiers += [Tier(lines=(lines[name],)) for name in then]
    return tuple(tiers)


def _route(name: str, route: RouteTable, lines: dict[str, Line]) -> Plan:
    first, *others = _tiers(lines, route.models, route.fallbacks)
    hedge = route.hedge
    return Plan(
        name=name,
        tiers=(Tier(lines=first.lines, weights=tuple(route.weights)), *others),
        hedge_after=None if hedge is None else hedge.after,
        hedges=None
        if hedge is None
        else HedgeBudget(HedgePolicy(after=hedge.after, most=hedge.most)),
    )


def _policy(table: GatewayTable) -> BreakerPolicy:
    given = table.breaker
    return BreakerPolicy(
        streak=given.streak,
        least=given.least,
        share=given.share,
        window=given.window,
        hold=given.hold,
        longest=given.longest,
    )
