"""Trials of a configuration: what was switched answers, and candidates are tried beside it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from escalera.apps.gateway.asking import Asking, Patience
from escalera.apps.gateway.board import Line, Plan, Tier
from escalera.apps.gateway.canaries import Canary
from escalera.apps.gateway.metrics import Metrics
from escalera.apps.gateway.mirroring import Means, Shadow, ShadowTerms
from escalera.apps.gateway.trial_book import TrialBook
from escalera.core.serving.breaker import Breaker, BreakerPolicy
from escalera.core.serving.trials import State, Terms
from escalera.domain.trial import Switched, TrialBasis
from escalera.errors import ProjectError
from escalera.settings.gateway_table import GatewayTable
from escalera.settings.trial_table import ShadowTable, Trial

PER_DOLLAR = 1_000_000
PATIENCE = 10.0
"""Seconds that mirrors have to end when a configuration does."""
Record = Callable[[Switched], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What trials are made with: the book, and the audit log.

    `switched` says which name answers for which, as the last promotion or rollback left it. A
    candidate that answers already is not tried: it would be compared with itself.
    """

    book: TrialBook
    metrics: Metrics
    switched: Mapping[str, str]
    audit: Record
    alpha: float
    file: str
    wall: Callable[[], float]
    redact: Callable[[str], str]
    running: list[Shadow | Canary] = field(default_factory=list)

    async def close(self) -> None:
        """End the trials: what waits is dropped, what is on its way is waited for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(trial.close() for trial in self.running))
        await asyncio.to_thread(self.book.close)

    def apply(self, plans: Mapping[str, Plan], table: GatewayTable) -> dict[str, Plan]:
        """*plans* with what was switched, and with their trials. Raises `ProjectError`."""
        found = dict(plans)
        for name, to in self.switched.items():
            if name in plans and to in plans:
                found[name] = replace(plans[to], name=name)
        for name, shadow in table.shadows.items():
            if self.switched.get(shadow.of) == shadow.to:
                continue
            made = self._shadow(name, shadow, plans[shadow.to])
            self.running.append(made)
            found[shadow.of] = replace(found[shadow.of], trial=made)
        for name, canary in table.canaries.items():
            if self.switched.get(canary.of) == canary.to:
                continue
            state = self.book.begin(name, terms(canary, self.alpha))
            live = found[canary.of]
            tiers = _before(plans[canary.to].tiers, live.tiers)
            candidate = replace(plans[canary.to], name=canary.of, tiers=tiers, hedges=None)
            trial = Canary(
                name,
                _dearest(candidate, live),
                canary.share,
                self._means(),
                state=state,
                rolled_back=partial(self._roll_back, name, canary.of),
            )
            self.running.append(trial)
            found[canary.of] = replace(live, trial=trial)
        return found

    # Private

    def _shadow(self, name: str, table: ShadowTable, to: Plan) -> Shadow:
        if table.money is not None and to.price is None:
            raise ProjectError(
                file=self.file,
                key=f"gateway.shadows.{name}.money",
                problem=f"bounds what {table.to!r} may cost, whose price is unknown",
                remedy="Give its model a `price`, or leave `money` out",
            )
        state = self.book.begin(name, terms(table, self.alpha))
        policy = BreakerPolicy()
        lines = tuple(
            Line(target=line.target, breaker=Breaker(policy)) for line in to.tiers[0].lines
        )
        alone = replace(to, tiers=(replace(to.tiers[0], lines=lines),), hedges=None, trial=None)
        return Shadow(
            ShadowTerms(
                name=name,
                plan=alone,
                share=table.share,
                queue=table.queue,
                at_once=table.at_once,
                money=None if table.money is None else round(table.money * PER_DOLLAR),
                pairs=table.pairs,
                redact=self.redact,
            ),
            self._means(),
            asking=Asking(
                clock=time.monotonic, draw=random.random, patience=Patience(attempts=1, retries=0)
            ),
            state=state,
        )

    def _means(self) -> Means:
        return Means(
            book=self.book, metrics=self.metrics, draw=random.random, seconds=time.monotonic
        )

    def _roll_back(self, trial: str, name: str, state: State) -> None:
        event = Switched(
            name=name, to="", trial=trial, word=state.word, reason=None, at=self.wall()
        )
        asyncio.get_running_loop().run_in_executor(None, self._rolled_back, event)

    def _rolled_back(self, event: Switched) -> None:
        if self.book.switch(event):
            self.audit(event)


def terms(table: Trial, alpha: float) -> Terms:
    """What a candidate is held to, as its table says."""
    basis: TrialBasis = table.quality if isinstance(table, ShadowTable) else "none"
    return Terms(
        basis=basis,
        margin=table.margin if isinstance(table, ShadowTable) else 0.05,
        dearer=_watched(table.dearer),
        slower=_watched(table.slower),
        refusals=_watched(table.refusals),
        failures=_watched(table.failures),
        alpha=alpha,
        planned=table.planned,
    )


# Below: private.


def _watched(limit: float) -> float | None:
    return None if limit < 0 else limit


def _before(candidate: tuple[Tier, ...], live: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The *candidate*'s tiers, then the *live* ones, of which the first knows a mistake as one."""
    tried = [_deciding(tier, decides=False) for tier in candidate]
    return (*tried, _deciding(live[0], decides=True), *live[1:])


def _deciding(tier: Tier, *, decides: bool) -> Tier:
    """The same lines, with the same health and speed."""
    return replace(tier, lines=tuple(replace(line, decides=decides) for line in tier.lines))


def _dearest(candidate: Plan, live: Plan) -> Plan:
    """*candidate* with what covers the other one too, which answers where it cannot."""
    price = candidate.price
    if price is not None and live.price is not None:
        price = replace(
            price,
            prompt=max(price.prompt, live.price.prompt),
            completion=max(price.completion, live.price.completion),
        )
    return replace(
        candidate,
        price=None if live.price is None else price,
        prompt_bytes=max(candidate.prompt_bytes, live.prompt_bytes),
        calls=max(candidate.calls, live.calls),
    )
