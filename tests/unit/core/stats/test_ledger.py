"""The ledger never grants more than the total, replays, and recycles as the fallback procedure."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.stats import ledger
from escalera.core.stats.ledger import Asked, Policy

POLICIES = st.builds(
    Policy,
    alpha=st.floats(0.001, 0.3),
    sharing=st.sampled_from(["equal", "geometric"]),
    planned=st.integers(1, 8),
    ratio=st.floats(0.05, 0.95),
    recycle=st.booleans(),
)


def test_equal_shares_end_after_the_planned_questions() -> None:
    """Three planned questions get a third each; a fourth gets nothing."""
    policy = Policy(alpha=0.06, planned=3)
    asked: list[Asked] = []
    for k in range(3):
        found = ledger.read(policy, asked)
        assert found.granted == pytest.approx(0.02)
        asked.append(Asked(question=f"rung {k}", alpha=found.granted, rejected=k == 1))
    found = ledger.read(policy, asked)
    assert (found.granted, found.questions) == (0.0, 3)
    assert (found.at_risk, found.left) == pytest.approx((0.06, 0.0))


def test_geometric_shares_never_end() -> None:
    """With ratio 1/2 the grants are 1/2, 1/4, 1/8 ... of alpha, and their sum stays below it."""
    policy = Policy(alpha=0.08, sharing="geometric", ratio=0.5)
    asked: list[Asked] = []
    for k in range(40):
        found = ledger.read(policy, asked)
        assert found.granted == pytest.approx(0.04 * 0.5**k, rel=1e-3)
        asked.append(Asked(question=str(k), alpha=found.granted))
    assert ledger.read(policy, asked).at_risk <= 0.08


def test_recycling_is_the_fallback_procedure() -> None:
    """Wiens (2003): a rejected question's alpha goes to the next; after a failure it is lost."""
    policy = Policy(alpha=0.05, planned=4, recycle=True)
    share = 0.0125
    asked = (
        Asked(question="a", alpha=share, rejected=True),
        Asked(question="b", alpha=2 * share, rejected=True),
        Asked(question="c", alpha=3 * share, rejected=False),
    )
    grants = [ledger.read(policy, asked[:k]).granted for k in range(4)]
    assert grants == pytest.approx([share, 2 * share, 3 * share, share])
    found = ledger.read(policy, (*asked, Asked(question="d", alpha=share, rejected=True)))
    assert (found.granted, found.at_risk) == pytest.approx((share, 3 * share))


def test_what_was_not_asked_for_is_forfeited() -> None:
    """A question asked below its grant leaves the next grant as it was."""
    policy = Policy(alpha=0.05, planned=2)
    assert ledger.read(policy, [Asked(question="a", alpha=0.01)]).granted == pytest.approx(0.025)


@given(policy=POLICIES, verdicts=st.lists(st.booleans(), max_size=15), share=st.floats(0.1, 1.0))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_never_more_than_the_total_and_every_prefix_replays(
    policy: Policy, verdicts: list[bool], share: float
) -> None:
    """Whatever the verdicts, the false nulls' worst case included: true nulls share alpha."""
    asked: list[Asked] = []
    for k, rejected in enumerate(verdicts):
        found = ledger.read(policy, asked)
        assert found.at_risk + found.granted <= policy.alpha * (1 + 1e-9)
        if found.granted < 1e-12:
            return
        asked.append(Asked(question=str(k), alpha=found.granted * share, rejected=rejected))
        assert ledger.read(policy, asked[:k]) == found
    # Only unrejected questions can still be false promises to pay for.
    kept = math.fsum(a.alpha for a in asked if not a.rejected)
    assert kept <= policy.alpha * (1 + 1e-9)


@pytest.mark.parametrize("recycle", [False, True])
def test_family_wise_error_under_dependence(recycle: bool) -> None:  # noqa: FBT001
    """Six questions, every other null true, p-values all driven by one normal: a false rejection in
    at most 5 % (seeded, 6,000 projects; limit three standard errors above).
    """
    rng = np.random.default_rng(41)
    runs, wrong = 6000, 0
    policy = Policy(alpha=0.05, planned=6, recycle=recycle)
    for common in rng.random(runs).tolist():
        asked: list[Asked] = []
        for k in range(6):
            null = k % 2 == 1
            p = (common + k / 6) % 1.0 if null else 0.0
            alpha = ledger.read(policy, asked).granted
            asked.append(Asked(question=str(k), alpha=alpha, rejected=p <= alpha))
            if null and p <= alpha:
                wrong += 1
                break
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert wrong / runs <= limit
    # Disjoint events reach the union bound: with recycling the whole alpha is used.
    assert wrong / runs > (0.04 if recycle else 0.018)


def test_a_journal_of_another_policy_is_refused() -> None:
    """An alpha above its grant, or none at all, names the question and the grant."""
    policy = Policy(alpha=0.05, planned=2)
    with pytest.raises(ValueError, match=r"'x' at position 0 .* its grant was 0\.025"):
        ledger.read(policy, [Asked(question="x", alpha=0.03)])
    with pytest.raises(ValueError, match=r"asked at alpha 0\.0"):
        ledger.read(policy, [Asked(question="x", alpha=0.0)])


def test_bad_policies_are_refused() -> None:
    """Each rule names its value."""
    with pytest.raises(ValueError, match=r"alpha 1\.0"):
        Policy(alpha=1.0)
    with pytest.raises(ValueError, match="'greedy'"):
        Policy(sharing="greedy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="planned 0"):
        Policy(planned=0)
    with pytest.raises(ValueError, match=r"ratio 1\.0"):
        Policy(ratio=1.0)
