"""Two systems on common items: difference, exact test of discordant pairs, churn.

The order is (candidate, baseline): positive differences speak for the candidate. The cases mirror
those of `mean`, and `interval` and `z_statistic` invert each other:

binary   both score 0 or 1 everywhere: Tango's (1998) score form; losses alone beside a fall as null
         are counts of one kind, and shown no more than mid-p shows them (`proportion`), gains alone
         beside a rise likewise. When clustered, the wider of two:
         what the items say by themselves with the normal, and what the clusters say, counts
         divided by the design effect with t(G-1). Something is shown only if both show it, so the
         error is at most that of either (an intersection-union test, Berger 1982), and an effect
         that happens to be estimated below 1 makes nothing more certain. With few clusters it is
         raised to 1 first. Unlike mean -+ t * SE this does not claim
         equivalence from a few items without a single disagreement.
graded   anything between: cluster-robust mean of differences on t(G-1) (Miller 2024).
bound    graded, but nearly all clusters tie: Tango's form on the summed gains and losses, a bound
         because E d^2 <= E |d| for differences in [-1, 1]; clusters count as one item each.

t is used with what `skewness` allows for. The earlier rules had neither that nor mid-p.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from escalera.arrays import np
from escalera.core.stats import clustering, distributions, mean, proportion, skewness
from escalera.core.stats.clustering import Clusters, Estimate, Interval, ScoreRule, Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BISECTIONS = 60
_FEWEST, _DIFFERING = 5, 10
"""An effect below 1 is not used with fewer clusters than the first: their sums are alike by chance
too often. Nor, under "wider of two", where fewer than the second, and fewer than half of the
clusters, have a discordant pair: the effect is then near 1 however alike items are, which skewness
shows better."""
_NOTHING = 1e-15
"""A variance of items that is none but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Discordant pairs and the exact test that gains and losses are equally likely."""

    gains: int
    losses: int
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """Answers that turned from right to wrong and back, as shares of all items."""

    right_to_wrong: Interval
    wrong_to_right: Interval


def difference(candidate: Values, baseline: Values, clusters: Clusters = None) -> Estimate:
    """Return mean and cluster-robust error of d_i = candidate_i - baseline_i, both in [0, 1].

    Pairing removes the variance the systems share through the difficulty of items, about a third
    in public leaderboards (Miller 2024). ValueError for unequal lengths or scores outside [0, 1].
    For a verdict use `interval` or `z_statistic`.
    """
    return clustering.robust_mean(_differences(candidate, baseline), clusters)


def interval(
    candidate: Values,
    baseline: Values,
    clusters: Clusters = None,
    *,
    alpha: float = 0.05,
    rule: ScoreRule = "skewness allowed",
) -> Interval:
    """Return a confidence interval of the mean difference inside [-1, 1].

    [-1, 1] itself with a single cluster. For a group-sequential look pass
    ``alpha=reading.nominal_alpha``: the result is then a repeated confidence interval.
    """
    clustering.require_alpha(alpha)
    found = difference(candidate, baseline, clusters)
    if found.clusters == 1 and found.n > 1:
        ends, method = (-1.0, 1.0), "one-cluster"
    elif mean.is_binary(candidate) and mean.is_binary(baseline):
        forms = _forms(found, _differences(candidate, baseline), clusters, rule)
        ends = _widest(forms, _critical(alpha))
        method = "tango" if found.clusters == found.n else _METHODS[rule]
    elif found.fragile:
        form = _Form(pairs=_graded_pairs(found, _differences(candidate, baseline)), rule=rule)
        ends, method = _widest((form,), _critical(alpha)), "variance-bound"
    else:
        ends, method = mean.t_interval(found, alpha=alpha, rule=rule), "cluster-t"
    lower, upper = max(-1.0, ends[0]), min(1.0, ends[1])
    return Interval(estimate=found.value, lower=lower, upper=upper, alpha=alpha, method=method)


def z_statistic(
    candidate: Values,
    baseline: Values,
    clusters: Clusters = None,
    *,
    null: float = 0.0,
    rule: ScoreRule = "skewness allowed",
) -> float:
    """Return the normal deviate of "the mean difference equals null", -1 < null < 1.

    Pass ``null=-margin`` to ask for non-inferiority. Agrees with `interval`; t statistics are
    mapped by tail probability, and of two deviates it is the one nearer to 0. For unclustered
    binary pairs and null 0 it is McNemar's (gains - losses)/sqrt(gains + losses). One cluster
    gives 0.
    """
    if not -1.0 < null < 1.0:
        raise ValueError(
            f"null {null!r} must lie strictly between -1 and 1, the range of differences of "
            "scores: pass 0 for superiority or minus the margin for non-inferiority"
        )
    found = difference(candidate, baseline, clusters)
    if found.clusters == 1 and found.n > 1:
        return 0.0
    if mean.is_binary(candidate) and mean.is_binary(baseline):
        forms = _forms(found, _differences(candidate, baseline), clusters, rule)
        return min((form.z(null) for form in forms), key=abs)
    if found.fragile:
        pairs = _graded_pairs(found, _differences(candidate, baseline))
        return _Form(pairs=pairs, rule=rule).z(null)
    t = (found.value - null) / found.standard_error
    t = skewness.allow(t, mean.graded_skews(found, rule), found.clusters)
    return distributions.z_from_t(t, found.degrees_of_freedom)


def mcnemar(candidate: Values, baseline: Values, *, mid_p: bool = False) -> McNemar:
    """Return the exact two-sided test of unclustered binary pairs.

    Given gains + losses = m, gains are binomial(m, 1/2) when the systems are equal (McNemar 1947).
    The mid-p variant counts half the observed outcome: less conservative, hardly ever above the
    nominal level (Fagerland, Lydersen and Laake 2013). p = 1 without discordant pairs. ValueError
    for graded scores.
    """
    if not (mean.is_binary(candidate) and mean.is_binary(baseline)):
        raise ValueError(
            "scores between 0 and 1 have no right and wrong: use paired.interval, or threshold "
            "the scores before they are compared"
        )
    differences = _differences(candidate, baseline)
    gains, losses = int((differences > 0).sum()), int((differences < 0).sum())
    pairs = gains + losses
    tail = distributions.binomial_cdf(min(gains, losses), pairs, 0.5)
    p_value = 2.0 * tail
    if mid_p:
        p_value -= distributions.binomial_pmf(min(gains, losses), pairs, 0.5)
        p_value = 1.0 if gains == losses else p_value
    return McNemar(gains=gains, losses=losses, p_value=min(1.0, p_value))


def churn(
    candidate: Values, baseline: Values, clusters: Clusters = None, *, alpha: float = 0.05
) -> Churn:
    """Return how often right answers of the baseline turn wrong in the candidate, and back.

    Two systems with equal means may disagree on many items; users feel the right-to-wrong share
    (Yan et al. 2021, "Positive-congruent training", negative flips). Shares of all items, each
    with Wilson's interval, by effective sample size when clustered. ValueError for graded scores.
    """
    if not (mean.is_binary(candidate) and mean.is_binary(baseline)):
        raise ValueError(
            "scores between 0 and 1 have no right and wrong: threshold them to 0 and 1 before "
            "asking for churn"
        )
    differences = _differences(candidate, baseline)
    lost = (differences < 0).astype(np.float64)
    won = (differences > 0).astype(np.float64)
    return Churn(
        right_to_wrong=mean.interval(lost, clusters, alpha=alpha),
        wrong_to_right=mean.interval(won, clusters, alpha=alpha),
    )


# Private: Tango's score form for gains and losses among n pairs.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Counts of pairs, fractional when divided by a design effect or summed from graded scores."""

    gains: float
    losses: float
    n: float


def _tango_z(pairs: _Pairs, null: float) -> float:
    """Return Tango's (1998) z: the variance of the difference is the null's.

    q is the share of losses that maximises the likelihood under "share of gains = q + null", the
    root of 2n q^2 + (-gains - losses + (2n - gains + losses) null) q - losses null (1 - null).
    """
    if null < 0:
        return -_tango_z(_Pairs(gains=pairs.losses, losses=pairs.gains, n=pairs.n), -null)
    discordant, balance = pairs.gains + pairs.losses, pairs.gains - pairs.losses
    linear = (2.0 * pairs.n - balance) * null - discordant
    constant = pairs.losses * null * (1.0 - null)
    root = math.sqrt(linear * linear + 8.0 * pairs.n * constant)
    q = (root - linear) / (4.0 * pairs.n) if linear <= 0 else 2.0 * constant / (linear + root)
    variance = pairs.n * (2.0 * q + null * (1.0 - null))
    excess = balance - pairs.n * null
    return excess / math.sqrt(variance) if variance > 0 else 0.0


def _one_kind_z(pairs: _Pairs, null: float) -> float:
    """Tango's z; for losses alone and a fall as null, the one nearer to 0 of it and mid-p's.

    Under the null with no gains at all, losses are binomial. Without it losses alone among 150
    pairs are said to be more than a margin of 0.05, which they are, in 4.1 % instead of 2.2 %.
    """
    z = _tango_z(pairs, null)
    if not 0.0 < abs(null) < 1.0:
        return z
    sign = math.copysign(1.0, null)
    count, others = (pairs.gains, pairs.losses) if null > 0.0 else (pairs.losses, pairs.gains)
    if others != 0.0:
        return z
    exact = sign * proportion.mid_p_z(min(count, pairs.n), pairs.n, bar=abs(null))
    return min(z, exact, key=abs) if z * exact > 0.0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """Counts to read by Tango's form, and how to read them.

    `freedom`: of what they were divided by, infinite where by nothing. `skews`: of the `steps`
    clusters.
    """

    pairs: _Pairs
    rule: ScoreRule
    freedom: float = math.inf
    skews: tuple[float, ...] = ()
    steps: int = 1

    def z(self, null: float) -> float:
        """The normal deviate of "the mean difference is the null"."""
        t = self._raw(null)
        t = skewness.allow(t, self.skews, self.steps)
        return distributions.z_from_t(t, self.freedom)

    def interval(self, critical: float) -> tuple[float, float]:
        """All nulls with |z| <= critical: z falls in the null, so each end is bisected."""
        t = distributions.t_from_z(critical, self.freedom)
        below, above = skewness.ends(t, self.skews, self.steps)
        return self._end(above, -1.0), self._end(below, 1.0)

    def _raw(self, null: float) -> float:
        whole = self.rule == "skewness allowed" and math.isinf(self.freedom)
        return _one_kind_z(self.pairs, null) if whole else _tango_z(self.pairs, null)

    def _end(self, critical: float, outside: float) -> float:
        inside = (self.pairs.gains - self.pairs.losses) / self.pairs.n
        for _ in range(_BISECTIONS):
            middle = 0.5 * (inside + outside)
            if abs(self._raw(middle)) > critical:
                outside = middle
            else:
                inside = middle
        return outside


_METHODS: dict[ScoreRule, str] = {
    "held effect": "tango-design-effect",
    "wider of two": "tango-wider-of-two",
    "skewness allowed": "tango-wider-of-two",
}


def _forms(
    found: Estimate, differences: NDArray[np.float64], clusters: Clusters, rule: ScoreRule
) -> tuple[_Form, ...]:
    """The forms that must agree: one, or that of the items and that of the clusters."""
    gains, losses = float((differences > 0).sum()), float((differences < 0).sum())
    alone = _Form(pairs=_Pairs(gains=gains, losses=losses, n=float(found.n)), rule=rule)
    variance = (gains + losses) / found.n - found.value**2
    if clusters is None or found.clusters == found.n:
        return (alone,)
    if variance <= _NOTHING:
        effect = clustering.design_effect(found, variance)
        return (replace(alone, pairs=_divided(alone.pairs, effect)),)
    discordant = {clusters[place] for place in np.flatnonzero(differences).tolist()}
    held = rule == "held effect" or _few(found, discordant, rule)
    effect = clustering.design_effect(found, variance, least=1.0 if held else _NOTHING)
    clustered = replace(
        alone,
        pairs=_divided(alone.pairs, effect),
        freedom=float(found.degrees_of_freedom),
        skews=mean.score_skews(found, rule),
        steps=found.clusters,
    )
    return (clustered,) if rule == "held effect" else (alone, clustered)


def _few(found: Estimate, discordant: set[Hashable], rule: ScoreRule) -> bool:
    """Whether clusters, or those with discordant pairs, are too few to show how alike items are."""
    differing = len(discordant) >= min(_DIFFERING, found.clusters / 2)
    return found.clusters < _FEWEST or not (differing or rule == "skewness allowed")


def _divided(pairs: _Pairs, effect: float) -> _Pairs:
    return _Pairs(gains=pairs.gains / effect, losses=pairs.losses / effect, n=pairs.n / effect)


def _widest(forms: tuple[_Form, ...], critical: float) -> tuple[float, float]:
    """From the lowest to the highest end: all hold the estimate."""
    ends = [form.interval(critical) for form in forms]
    return min(lower for lower, _ in ends), max(upper for _, upper in ends)


def _graded_pairs(found: Estimate, differences: NDArray[np.float64]) -> _Pairs:
    scale = found.clusters / found.n
    gains = math.fsum(x for x in differences.tolist() if x > 0)
    losses = -math.fsum(x for x in differences.tolist() if x < 0)
    return _Pairs(gains=gains * scale, losses=losses * scale, n=float(found.clusters))


def _critical(alpha: float) -> float:
    return -distributions.normal_quantile(0.5 * alpha)


def _differences(candidate: Values, baseline: Values) -> NDArray[np.float64]:
    mean.require_unit_range(candidate)
    mean.require_unit_range(baseline)
    first = np.asarray(candidate, dtype=np.float64)
    second = np.asarray(baseline, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(
            f"{first.size} candidate scores and {second.size} baseline scores are no pairs: pass "
            "the scores of the common items, in the same order"
        )
    return first - second
