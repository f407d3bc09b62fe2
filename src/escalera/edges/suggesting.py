"""Suggestions for a sweep by Optuna: the tree-structured Parzen estimator.

Bergstra et al. 2011 (NeurIPS 24) and Watanabe 2023 (arXiv 2304.11127). Nothing is kept between
suggestions: the trials are told anew each time, so that the same history leads to the same values.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from escalera.domain.sweep import LeverRange, LeverTrial, LeverValue, Sweep

AGAIN = 16
"""Seeds that are tried for levers that no trial had."""
_APART = 1_000_003
AT_RANDOM = 8
"""Trials that are drawn at random before their scores are looked at."""


class Parzen:
    """The port `Suggester`. No combination comes twice while there is another one.

    Levers that a method does not read are at the first that they may be, and make no other one.
    """

    def suggest(
        self, sweep: Sweep, tried: Sequence[LeverTrial], *, pauses: int
    ) -> tuple[LeverValue, ...]:
        """Values for the next trial, in the order of the levers."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        spread = {lever.name: _distribution(lever) for lever in sweep.levers}
        before = {sweep.distinct(one.values) for one in tried}
        for again in range(AGAIN):
            found = _asked(sweep, spread, tried, pauses, again)
            if found not in before:
                return found
        if sweep.combinations is not None:
            every = map(
                sweep.distinct, itertools.product(*(lever.choices for lever in sweep.levers))
            )
            return next((one for one in every if one not in before), found)
        return found


# Below: private.


def _asked(
    sweep: Sweep,
    spread: Mapping[str, Any],
    tried: Sequence[LeverTrial],
    pauses: int,
    again: int,
) -> tuple[LeverValue, ...]:
    seed = sweep.seed * 10_007 + len(tried) + again * _APART
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=AT_RANDOM)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for one in tried:
        params = dict(zip(spread, one.values, strict=True))
        if all(_holds(spread[name], value) for name, value in params.items()):
            study.add_trial(_told(one, params, spread, pauses))
    asked = study.ask(spread)
    return sweep.distinct([asked.params[lever.name] for lever in sweep.levers])


def _distribution(lever: LeverRange) -> Any:
    if lever.choices:
        return optuna.distributions.CategoricalDistribution(lever.choices)
    return optuna.distributions.FloatDistribution(
        lever.lowest, lever.highest, log=lever.logarithmic
    )


def _holds(distribution: Any, value: LeverValue) -> bool:
    """The project's own levers may lie outside of the ranges."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return value in distribution.choices
    return bool(distribution.low <= value <= distribution.high)


def _told(
    one: LeverTrial, params: Mapping[str, LeverValue], spread: Mapping[str, Any], pauses: int
) -> Any:
    state = optuna.trial.TrialState.PRUNED
    if one.diverged and not one.scores:
        state = optuna.trial.TrialState.FAIL
    elif len(one.scores) == pauses:
        state = optuna.trial.TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=state,
        value=one.scores[-1] if len(one.scores) == pauses else None,
        params=dict(params),
        distributions=dict(spread),
        intermediate_values=dict(enumerate(one.scores)),
    )
