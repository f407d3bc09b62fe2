"""From a desk and the `[gateway]` table to a board: every name with who is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from escalera.apps.gateway.board import Board, Line, Plan, Tier
from escalera.apps.gateway.counter import Counter
from escalera.apps.gateway.escalating import Escalating, Proven
from escalera.apps.gateway.targets import Passing, Speaking, Target
from escalera.core.serving import weight
from escalera.core.serving.breaker import Breaker, BreakerPolicy
from escalera.core.serving.hedging import HedgeBudget, HedgePolicy
from escalera.domain.project import ModelPrice
from escalera.domain.system import System
from escalera.engine.serve import Desk
from escalera.errors import ProjectError
from escalera.settings import gateway_table
from escalera.settings.gateway_table import GatewayTable, HedgeTable, RouteTable


def build(
    desk: Desk, table: GatewayTable, *, wall: Callable[[], float], file: str, version: int = 0
) -> Board:
    """The board of a desk. Raises `ProjectError` for a name in *table* that nobody answers to."""
    names = desk.names()
    proven = desk.proven if isinstance(desk, Counter) else {}
    for key, problem, remedy in gateway_table.problems(table, frozenset(names)):
        raise ProjectError(file=file, key=key, problem=problem, remedy=remedy)
    policy = policy_of(table)
    lines = {
        name: Line(target=_target(name, desk, table, wall), breaker=Breaker(policy))
        for name in names
    }
    plans = {
        name: _plan(desk, name, _tiers(lines, [name], table.fallbacks.get(name, ())))
        for name in names
    }
    for name, route in table.routes.items():
        if route.decision is None:
            plans[name] = _route(desk, name, route, lines)
        else:
            others = _tiers(lines, (), route.fallbacks)[1:]
            plans.update(_proven(desk, proven[name], others, policy, wall=wall))
    if isinstance(desk, Counter) and desk.trials is not None:
        plans = desk.trials.apply(plans, table)
    return Board(plans=plans, default=table.default or desk.label, version=version)


def policy_of(table: GatewayTable) -> BreakerPolicy:
    """When a line is left alone, as *table* says."""
    given = table.breaker
    return BreakerPolicy(
        streak=given.streak,
        least=given.least,
        share=given.share,
        window=given.window,
        hold=given.hold,
        longest=given.longest,
    )


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


def _proven(
    desk: Desk,
    proven: Proven,
    others: tuple[Tier, ...],
    policy: BreakerPolicy,
    *,
    wall: Callable[[], float],
) -> Iterator[tuple[str, Plan]]:
    """The plans of a quality route: under its name, and under that of each task."""
    cheap = Breaker(policy)
    for name in proven.names():
        line = Line(target=Escalating(name, proven, wall=wall, weak=cheap), breaker=Breaker(policy))
        weak, strong = proven.weak.measured(name), proven.strong.measured(name)
        tiers = (Tier(lines=(line,)), *others)
        plan = _plan(desk, name, tiers, besides=(*weak, *strong))
        calls = plan.calls
        if proven.tested.route.asking == "after":
            calls = weight.calls(weak) + weight.calls(strong)
        yield name, replace(plan, calls=calls)


def _tiers(lines: dict[str, Line], first: Iterable[str], then: Iterable[str]) -> tuple[Tier, ...]:
    tiers = [Tier(lines=tuple(lines[name] for name in first))]
    tiers += [Tier(lines=(lines[name],)) for name in then]
    return tuple(tiers)


def _plan(
    desk: Desk,
    name: str,
    tiers: tuple[Tier, ...],
    hedge: HedgeTable | None = None,
    *,
    besides: Sequence[System] = (),
) -> Plan:
    asked = [line.target.name for tier in tiers for line in tier.lines]
    systems = [*besides, *(system for one in asked for system in desk.measured(one))]
    models = desk.models()
    prices = [models[system.model].price_of(system) for system in systems]
    prices += [models[one].price for one in asked if one in models]
    budget = None
    if hedge is not None:
        budget = HedgeBudget(HedgePolicy(after=hedge.after, most=hedge.most))
    return Plan(
        name=name,
        tiers=tiers,
        hedges=budget,
        price=_highest(prices),
        prompt_bytes=max((weight.prompt_bytes(system) for system in systems), default=0),
        calls=weight.calls(systems),
    )


def _route(desk: Desk, name: str, route: RouteTable, lines: dict[str, Line]) -> Plan:
    first, *others = _tiers(lines, route.models, route.fallbacks)
    first = Tier(lines=first.lines, weights=tuple(route.weights))
    return _plan(desk, name, (first, *others), route.hedge)


def _highest(prices: Sequence[ModelPrice | None]) -> ModelPrice | None:
    """What is above all of *prices*; None where one is unknown."""
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return None
    return ModelPrice(
        prompt=max(price.prompt for price in known),
        completion=max(price.completion for price in known),
    )
