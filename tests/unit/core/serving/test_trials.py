"""What pairs say of a candidate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from escalera.core.serving import trials
from escalera.core.serving.trials import Terms
from escalera.domain.trial import Paired, PairJudged, Taken


def taken(failed=0.0, refused=0.0, seconds=1.0, money=100.0):
    return Taken(failed=failed, refused=refused, seconds=seconds, micro_dollars=money)


def pair(n=0, *, live=None, candidate=None, agreement=None, scores=(None, None), kind="shadow"):
    return Paired(
        trial="t",
        kind=kind,
        request=f"r{n}",
        live=live or taken(),
        candidate=candidate or taken(money=50.0, seconds=0.8),
        agreement=agreement,
        live_score=scores[0],
        candidate_score=scores[1],
    )


def states(verdict):
    return {guard.name: guard.state for guard in verdict.guards}


def replayed(pairs, **terms):
    return trials.replay(Terms(**terms), "t", pairs)


def test_a_candidate_that_keeps_everything_is_fit():
    """As good, cheaper, quicker, never refusing: after some pairs there is no doubt."""
    found = replayed([pair(n, scores=(1.0, 1.0)) for n in range(600)], basis="scores")
    assert found.word == "fit"
    assert set(states(found).values()) == {"kept"}
    assert 100 <= found.pairs < 600  # where the word was reached
    assert found.micro_dollars == 50.0 * found.pairs


@pytest.mark.parametrize(
    ("candidate", "guard"),
    [
        (taken(money=130.0), "cost"),
        (taken(seconds=1.8), "latency"),
        (taken(refused=1.0), "refusals"),
        (Taken(failed=1.0, refused=0.0, seconds=None, micro_dollars=None), "failures"),
    ],
)
def test_each_guard_breaks_by_itself(candidate, guard):
    """One thing too much, and the candidate must not take over, however good its answers."""
    found = replayed(
        [pair(n, candidate=candidate, scores=(0.0, 1.0)) for n in range(300)], basis="scores"
    )
    assert (found.word, found.broken) == ("broken", (guard,))


def test_a_fall_by_more_than_the_margin_is_shown():
    """Whatever it saves."""
    found = replayed([pair(n, scores=(1.0, float(n % 2))) for n in range(300)], basis="scores")
    assert (found.word, found.broken) == ("broken", ("quality",))


def test_agreement_alone_may_prove_and_never_disproves():
    """Equal answers score alike; what differs may be better or worse."""
    assert replayed([pair(n, agreement=1.0) for n in range(600)]).word == "fit"
    found = replayed([pair(n, agreement=0.0) for n in range(600)])
    assert (found.word, states(found)["quality"]) == ("open", "open")


def test_without_a_basis_nobody_is_fit():
    """Cheap and quick is not good."""
    found = replayed([pair(n) for n in range(600)], basis="none")
    assert (found.word, states(found)["quality"]) == ("open", "not watched")


def test_what_is_not_watched_breaks_nothing():
    """None leaves it out, and unknown prices say nothing of cost."""
    dear = taken(money=900.0)
    found = replayed([pair(n, candidate=dear, agreement=1.0) for n in range(600)], dearer=None)
    assert (found.word, states(found)["cost"]) == ("fit", "not watched")
    unknown = Taken(failed=0.0, refused=0.0, seconds=1.0, micro_dollars=None)
    found = replayed([pair(n, candidate=unknown, agreement=1.0) for n in range(600)])
    assert (found.word, states(found)["cost"]) == ("open", "open")


def test_judged_scores_come_later_and_count_once():
    """Pairs wait for their judges; what no judge can grade is counted, and is no difference."""
    events = [pair(n) for n in range(4)]
    events += [
        PairJudged(trial="t", request="r0", judge="j", live_score=0.5, candidate_score=1.0),
        PairJudged(trial="t", request="r1", judge="j", live_score=0.5, candidate_score=0.5),
        PairJudged(
            trial="t", request="r2", judge="j", live_score=None, candidate_score=1.0, reason="?"
        ),
        PairJudged(trial="other", request="r3", judge="j", live_score=1.0, candidate_score=0.0),
    ]
    found = replayed(events, basis="scores")
    assert (found.pairs, found.scored, found.unscored) == (4, 2, 1)
    quality = next(guard for guard in found.guards if guard.name == "quality")
    assert quality.interval.estimate == pytest.approx(0.25)


def test_a_word_that_was_reached_stays():
    """Later pairs do not take it back: that is what lets anybody act on it at once."""
    good = [pair(n, agreement=1.0) for n in range(600)]
    bad = [pair(n, candidate=taken(failed=1.0), agreement=0.0) for n in range(600)]
    state = trials.update(trials.init(Terms()), good)
    assert state.word == "fit"
    assert trials.update(state, bad) is state


def test_blocks_and_single_pairs_say_the_same():
    """What is replayed from the journal is what was said when it came."""
    chance = np.random.default_rng(0)
    pairs = [
        pair(
            n,
            agreement=float(chance.random() < 0.9),
            candidate=taken(money=float(int(chance.exponential(90)))),
        )
        for n in range(120)
    ]
    block = trials.read(trials.update(trials.init(Terms()), pairs))
    assert block == replayed(pairs)


def test_latency_is_compared_as_a_ratio():
    """By hand: half as slow again is allowed, so a ratio of 3 is log 2 beyond it."""
    pairs = [pair(n, live=taken(seconds=2.0), candidate=taken(seconds=6.0)) for n in range(120)]
    found = replayed(pairs, slower=0.5, failures=None, refusals=None, basis="none")
    latency = next(guard for guard in found.guards if guard.name == "latency")
    assert latency.interval.estimate == pytest.approx(math.log(2))
