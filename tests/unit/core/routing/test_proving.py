"""Routes by difficulty: what their signal reads, and what they are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from escalera.core.routing import proving
from escalera.core.routing.proving import Answered, Claim, Pair
from escalera.core.routing.sense import Sensed
from escalera.core.stats import clustering

EASY, HARD = "what is {n} plus one", "prove theorem {n} of the third kind"


def pairs(count, *, seed=0, weak=(0.95, 0.2), prices=(1.0, 10.0), answers=False, blind=False):
    """Items that are easy or hard to see; the strong system is right on 0.95 of either.

    `weak` is how often the weak one is right on easy and hard ones; where `blind`, the message does
    not tell which it is. With `answers`, the weak answer tells.
    """
    chance = np.random.default_rng(seed)
    found = []
    for n in range(count):
        hard = chance.random() < 0.4
        text = (HARD if hard and not blind else EASY).format(n=n)
        said = "perhaps some number or other" if hard else f"it is {n + 1}"
        found.append(
            Pair(
                item=f"i{n}",
                cluster=f"i{n}",
                text=text,
                weak=float(chance.random() < weak[hard]),
                strong=float(chance.random() < 0.95),
                weak_expense=prices[0],
                strong_expense=prices[1],
                answer=Answered(text=said, finish="stop") if answers else None,
            )
        )
    return found


def proved(made, *, asking="before", margin=0.05):
    learned, calibrating, testing = made[:300], made[300:600], made[600:]
    judge = proving.learn(learned)
    found = proving.calibrate(judge, calibrating, most_lost=0.08)
    claim = Claim(
        threshold=found.threshold,
        asking=asking,
        single=proving.best(calibrating),
        margin=margin,
    )
    return proving.prove(judge, testing, claim, alpha=0.05)


def test_a_route_that_sees_what_is_hard_is_a_gain():
    """Cheaper than the strong system alone at no loss, and better than chance."""
    found = proved(pairs(1500))
    assert (found.single, found.worth) == ("strong", "gain")
    assert found.gain.lower > -0.05
    assert found.saved.estimate == pytest.approx((1 - found.blind.strong) * 9, abs=1e-9)


def test_a_route_that_sees_nothing_is_none():
    """Over 30 samples in which the message does not tell: hardly a gain is claimed."""
    words = [
        proved(pairs(900, seed=seed, blind=True, weak=(0.9, 0.9), prices=(9.0, 10.0))).worth
        for seed in range(30)
    ]
    assert words.count("gain") <= 2


def test_where_the_weak_system_is_the_better_one_it_is_the_measure():
    """A route must not be praised for beating the worse of two."""
    made = pairs(1500, weak=(0.99, 0.97))
    assert proving.best(made) == "weak"
    assert proved(made).worth != "gain"


def test_a_cascade_pays_for_both_answers():
    """By hand: 1 for every item, and 10 where it goes on; chance buys less for it."""
    made = pairs(1500, answers=True, blind=True)
    found = proved(made, asking="after", margin=0.1)
    assert found.worth == "gain"
    paid = 1 + found.blind.strong * 10
    assert found.saved.estimate == pytest.approx(10 - paid)


def test_what_is_rarely_very_dear_is_no_sure_saving():
    """A weak system whose few long answers cost a lot: what is saved may be less than t says.

    Where a sample happens to miss them, t is too sure that there is a saving.
    """
    made = [
        replace(pair, strong_expense=10.0, weak_expense=1.0 if n % 50 else 200.0)
        for n, pair in enumerate(pairs(900))
    ]
    learned, fresh = proving.learn(made[:600]), made[600:]
    claim = Claim(threshold=0.0, asking="before", single="strong", margin=0.05)
    saved = proving.prove(learned, fresh, claim, alpha=0.05).saved
    differences = [pair.strong_expense - pair.weak_expense for pair in fresh]
    lower, upper = clustering.t_interval(clustering.robust_mean(differences), alpha=0.05)
    assert saved.estimate == pytest.approx(np.mean(differences))
    assert saved.upper == pytest.approx(upper)
    assert saved.lower < lower - 0.3 * (upper - lower) / 2


def test_cut_blocked_and_invalid_answers_are_never_enough():
    """Whatever the message says of itself."""
    made = pairs(300, answers=True)
    judge = proving.learn(made)
    text = EASY.format(n=1)
    good = Answered(text="it is 2", finish="stop")
    assert proving.signal(judge, text, good) > 0.5
    for bad in (
        Answered(text="it is 2", finish="length"),
        Answered(text="it is 2", finish="filtered"),
        Answered(text="it is 2", finish="stop", valid=False),
    ):
        assert proving.signal(judge, text, bad) == 0.0
    assert 0 < proving.signal(judge, text, None) < 1


def test_neither_message_nor_answer_can_hide_the_other():
    """Both reach what is read, however long they are, and in any script."""
    told = proving.said("ß" * 5000, Answered(text="ü" * 5000, finish="stop", valid=True))
    assert len(told.encode()) < 2000
    assert told.count("ß") == told.count("ü") == 450
    assert told.startswith("endedstop long1 isvalid")


def test_prices_are_compared_in_money_only_where_all_are_known():
    """One unknown price, and time is what is paid."""
    assert proving.expense(1.0, 2.0) == "micro-dollars"
    assert proving.expense(1.0, None) == "seconds"


def test_embeddings_tell_what_messages_do_not():
    """Messages alike in their words: the route is a gain only by what they mean."""
    made = pairs(1500, blind=True)
    right = {pair.told: pair.weak >= pair.strong for pair in made}
    chance = np.random.default_rng(3)
    vectors = {
        told: np.array([float(one), 1.0 - one], np.float32)
        + chance.normal(size=2).astype(np.float32) * 0.2
        for told, one in right.items()
    }
    del vectors[made[0].told], vectors[made[700].told]
    sensed = Sensed(model="e5", revision="r5", vectors=vectors)
    found = proving.weigh(made[:300], sensed, alpha=0.05)
    assert found.items == 299
    sensed = Sensed(model="e5", revision="r5", vectors=vectors, share=found.share)
    judge = proving.learn(made[:300], sensed)
    bound = proving.calibrate(judge, made[300:600], most_lost=0.05, sensed=sensed)
    claim = Claim(threshold=bound.threshold, asking="before", single="strong", margin=0.05)
    proof = proving.prove(judge, made[600:], claim, alpha=0.05, sensed=sensed)
    assert proof.worth == "gain"
    assert proving.signal(judge, made[700].text, None, None) == 0.0
