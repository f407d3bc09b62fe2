"""Trials on live traffic: a false word hardly ever comes, however often it is looked at."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from escalera.core.serving import trials
from escalera.core.serving.trials import Terms
from escalera.domain.trial import Paired, Taken

pytestmark = pytest.mark.slow

ALPHA, RUNS, PAIRS, LOOK = 0.1, 300, 400, 10


def upper_bound(errors):
    """Clopper and Pearson's upper 99 % bound of a rate: that it is below alpha is shown."""
    return float(scipy.stats.beta.ppf(0.99, errors + 1, RUNS - errors))


def drawn(chance, *, fall=0.0, ratio=1.0, slower=1.0, refusing=0.02):
    """A pair of answers at the edge: what the candidate may be, and no better than that.

    Money and seconds are lognormal with deviation 0.7, of one request for both but for a factor.
    """
    hard = chance.normal(0, 0.7)
    live_seconds, seconds = np.exp(hard / 2 + chance.normal(0, 0.5, 2))
    money = np.exp(hard + chance.normal(0, 0.4, 2)) * 100
    score = chance.random() < 0.8
    return Paired(
        trial="t",
        kind="shadow",
        request="r",
        live=Taken(
            failed=float(chance.random() < 0.02),
            refused=float(chance.random() < 0.02),
            seconds=live_seconds,
            micro_dollars=money[0],
        ),
        candidate=Taken(
            failed=float(chance.random() < 0.02),
            refused=float(chance.random() < refusing),
            seconds=seconds * slower,
            micro_dollars=money[1] * ratio,
        ),
        live_score=float(score),
        candidate_score=float(chance.random() < 0.8 - fall),
    )


def words(terms, **edge):
    """The word of every run, looked at after each ten pairs."""
    found = []
    for seed in range(RUNS):
        chance = np.random.default_rng(seed)
        state = trials.init(terms)
        for _ in range(PAIRS // LOOK):
            state = trials.update(state, [drawn(chance, **edge) for _ in range(LOOK)])
        found.append(trials.read(state))
    return found


def test_what_is_at_its_limits_is_hardly_ever_rejected():
    """Everything at exactly what is allowed: a false veto at any look, over all guards."""
    terms = Terms(basis="scores", margin=0.05, alpha=ALPHA, dearer=0.1, slower=0.5, refusals=0.05)
    found = words(terms, fall=0.05, ratio=1.1, slower=1.5, refusing=0.07)
    assert upper_bound(sum(verdict.word != "open" for verdict in found)) <= ALPHA


def test_what_falls_by_the_margin_gets_hardly_ever_a_word():
    """A candidate at the edge of the margin, all else well kept: neither word is right."""
    terms = Terms(basis="scores", margin=0.15, alpha=ALPHA, planned=200)
    found = words(terms, fall=0.15, ratio=0.5, slower=0.5, refusing=0.0)
    assert upper_bound(sum(verdict.word != "open" for verdict in found)) <= ALPHA


def test_what_is_much_better_is_found():
    """Or the test would be worth nothing: as good, half as dear, twice as quick."""
    terms = Terms(basis="scores", margin=0.15, alpha=ALPHA, planned=300)
    found = words(terms, fall=-0.15, ratio=0.5, slower=0.5, refusing=0.0)
    assert sum(verdict.word == "fit" for verdict in found) / RUNS > 0.8
    assert not any(verdict.word == "broken" for verdict in found)
