"""Judge scores for all items, human labels for a few: a mean the judge's bias cannot move.

PPI++ (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453, eq. 3): with judge f, labels y and a
weight lambda, mean(y) over labels + lambda (mean(f) over all items - mean(f) over labels). Labels
alone make it right whatever the judge does; lambda decides what the judge is worth. The tuned
lambda* = cov(y, f) / ((1 + n/N) var f) of their section 6, written for all items instead of the
unlabelled, is the slope of y on f: the two-phase regression estimator (Cochran 1977, chapter 12).

Labels must be drawn at random, or with known probabilities p_i, never chosen by how the answers
look. The latter weigh 1/p_i (active inference: Zrnic and Candes 2024, arXiv 2403.03208), here as a
ratio of weighted sums (Hajek 1971), which does not pay for the random number of labels. Of labels
with unequal weights few make most of the variance, so that it is estimated on fewer degrees of
freedom than there are labels: those of `_Data.freedom`.

Four cases:

jackknife        every cluster is left out once and lambda found anew, labelled and unlabelled
                 clusters being two strata (Rao and Sitter 1995); t on labelled clusters - 1 where
                 weights are equal. This pays for having estimated lambda, so no cross-fitting is
                 needed.
adjusted         labels or residuals nearly all tie (`Estimate.fragile`), or weights are unequal:
                 two labels that contradict the judge, one each way, are added to the error (Bonett
                 and Price 2012), for such may well be among those not drawn.
post-stratified  judge and labels are 0 or 1: then the estimator is the share of right answers per
                 judge value, weighted by how often the judge says so. Half a label is added to each
                 of the four cells (Jeffreys), which holds coverage where a cell is nearly empty.
labels           all items are labelled, or the judge never varies: the interval of the labels.

In the first case t allows for the skewness that the judge leaves in graded labels, as far as it
is beyond what noise shows (`skewness.beyond_noise`); under the earlier rules it did not. Wins and
losses alone have their doubt in the labels that are added: simulated, the allowance made them wider
by up to a fifth and no more honest (dev/LOG.md, 2026-11-22).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from escalera.core.stats import clustering, distributions, paired, skewness
from escalera.core.stats import mean as means
from escalera.core.stats.clustering import Clusters, Estimate, Interval, ScoreRule, Values

Labels: TypeAlias = Sequence[float | None]
Floats: TypeAlias = NDArray[np.float64]

_CELL = 0.5
_TINY = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A mean of human labels, sharpened by a judge.

    `judge_mean`: what the judge alone would say of all items. `weight`: lambda, 0 when the judge is
    of no use. `effective_labels`: how many labels without a judge would be as precise, by the
    estimated variances. `labels` of `items` have a label.
    """

    interval: Interval
    judge_mean: float
    weight: float
    effective_labels: float
    labels: int
    items: int


def mean(
    judge: Values,
    human: Labels,
    clusters: Clusters = None,
    *,
    probabilities: Values | None = None,
    alpha: float = 0.05,
    rule: ScoreRule = "skewness allowed",
) -> Corrected:
    """Return the mean human score in [0, 1] over all items.

    `judge` has a score in [0, 1] for every item; `human` has one too, or None without a label;
    `probabilities`, if labels were not drawn uniformly, the known chance in (0, 1] that each item
    had of being labelled. ValueError for no label, scores outside [0, 1] or lengths that differ.
    """
    data = replace(_data(judge, human, clusters, probabilities), rule=rule)
    means.require_unit_range(data.f)
    means.require_unit_range(data.y)
    if data.binary:
        return _corrected(data, alpha, _post_stratified)
    return _corrected(data, alpha, _jackknife)


def difference(
    judge: Values,
    human: Labels,
    clusters: Clusters = None,
    *,
    probabilities: Values | None = None,
    alpha: float = 0.05,
    rule: ScoreRule = "skewness allowed",
) -> Corrected:
    """Return the mean human difference candidate - baseline in [-1, 1] over all items.

    As `mean`, on paired differences: `judge` holds d_i by the judge for every item and `human`
    d_i by people, or None. ValueError for no label, differences outside [-1, 1] or lengths that
    differ.
    """
    data = replace(_data(judge, human, clusters, probabilities), lowest=-1.0, rule=rule)
    for values in (data.f, data.y):
        means.require_unit_range(0.5 * (values + 1.0))
    return _corrected(data, alpha, _jackknife)


# Private: the data.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    """Judge f of all items; label y, judge and weight w of labelled ones; clusters as numbers.

    `lowest` is the least value of the scale, `rule` how scores are read.
    """

    f: Floats
    cluster: NDArray[np.int_]
    labelled: NDArray[np.int_]
    y: Floats
    w: Floats
    lowest: float = 0.0
    rule: ScoreRule = "skewness allowed"

    @property
    def f_labelled(self) -> Floats:
        return self.f[self.labelled]

    @property
    def cluster_labelled(self) -> NDArray[np.int_]:
        return self.cluster[self.labelled]

    @property
    def labelled_clusters(self) -> int:
        return len(np.unique(self.cluster_labelled))

    @property
    def binary(self) -> bool:
        return means.is_binary(self.f) and means.is_binary(self.y)

    @property
    def all_or_nothing(self) -> bool:
        """Whether judge and people know wins, ties and losses alone."""
        return means.is_binary(np.abs(self.f)) and means.is_binary(np.abs(self.y))

    @property
    def kish(self) -> float:
        """How many times unequal weights multiply the variance (Kish 1965), 1 when equal."""
        return max(1.0, len(self.w) * float((self.w**2).sum()) / float(self.w.sum()) ** 2)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the labelled part: labelled clusters - 1 where weights are equal.

        Its variance is estimated by sum w^2 e^2. With normal residuals e of equal variance s^2 that
        sum has mean s^2 sum w^2 and variance 2 s^4 sum w^4; the chi-square with both moments has
        2 mean^2 / variance = (sum w^2)^2 / sum w^4 degrees of freedom (Satterthwaite 1946), less
        one for the centre. The weight of a cluster is the root mean square of those of its labels.
        At least 1, as of two clusters.
        """
        labels = np.bincount(self.cluster_labelled)
        sums = np.bincount(self.cluster_labelled, weights=self.w**2)
        squares = sums[labels > 0] / labels[labels > 0]
        moments = float(squares.sum()) ** 2 / float((squares**2).sum())
        return max(1.0, min(moments, float(len(squares))) - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Estimate, its weight lambda, and the squared error of its labelled and unlabelled part."""

    value: float
    weight: float
    labelled: float
    unlabelled: float


def _data(judge: Values, human: Labels, clusters: Clusters, probabilities: Values | None) -> _Data:
    f = np.asarray(judge, dtype=np.float64)
    labelled = np.array([i for i, y in enumerate(human) if y is not None], dtype=np.int_)
    y = np.array([y for y in human if y is not None], dtype=np.float64)
    _require_lengths(len(f), human, clusters, probabilities)
    if not len(labelled):
        raise ValueError("no item has a human label: label a random sample, 30 or more")
    if not bool(np.isfinite(f).all() and np.isfinite(y).all()):
        raise ValueError("a score is not finite: leave unscored items out, and report them")
    w = np.ones(len(labelled))
    if probabilities is not None:
        p = np.asarray(probabilities, dtype=np.float64)[labelled]
        if not bool(((p > 0.0) & (p <= 1.0)).all()):
            raise ValueError(
                f"a labelled item has probability {float(p.min())!r}: every item needs a known "
                "chance in (0, 1] of being labelled"
            )
        w = float(p.min()) / p
    cluster = np.arange(len(f))
    if clusters is not None:
        index: dict[Hashable, int] = {}
        cluster = np.array([index.setdefault(c, len(index)) for c in clusters], dtype=np.int_)
    return _Data(f=f, cluster=cluster, labelled=labelled, y=y, w=w)


def _require_lengths(
    n: int, human: Labels, clusters: Clusters, probabilities: Values | None
) -> None:
    columns = {"labels": human, "clusters": clusters, "probabilities": probabilities}
    for what, column in columns.items():
        if column is not None and len(column) != n:
            raise ValueError(
                f"{len(column)} {what} for {n} judge scores: pass one per item, None for a label "
                "that is missing"
            )


# Private: the four cases.


def _corrected(
    data: _Data, alpha: float, correct: Callable[[_Data, _Fit, float], Interval]
) -> Corrected:
    clustering.require_alpha(alpha)
    fit, plain = _fit(data), _fit(data, tuned=False)
    uniform = data.kish == 1.0
    if data.labelled_clusters == 1 and len(data.f) > 1:
        ends = (data.lowest, 1.0)
        interval = _interval(data, fit.value, ends, alpha, "one-cluster")
    elif uniform and (len(data.y) == len(data.f) or float(np.ptp(data.f)) == 0.0):
        interval = _labels_only(data, alpha)
    else:
        interval = correct(data, fit, alpha)
    error, without = fit.labelled + fit.unlabelled, plain.labelled
    return Corrected(
        interval=interval,
        judge_mean=math.fsum(data.f.tolist()) / len(data.f),
        weight=fit.weight,
        effective_labels=len(data.y) * (without / error if error > 0.0 else 1.0),
        labels=len(data.y),
        items=len(data.f),
    )


def _jackknife(data: _Data, fit: _Fit, alpha: float) -> Interval:
    columns = (data.y, data.y - fit.weight * data.f_labelled)
    labels, left = (clustering.robust_mean(c, data.cluster_labelled) for c in columns)
    variance, method, skews = fit.labelled + fit.unlabelled, "jackknife-t", _skews(data, fit, left)
    if labels.fragile or left.fragile or data.kish > 1.0:
        variance += 2.0 / (data.labelled_clusters / data.kish + 2.0) ** 2
        method, skews = "jackknife-t-adjusted", ()
    below, above = skewness.ends(_critical(data, alpha), skews, data.labelled_clusters)
    error = math.sqrt(variance)
    ends = fit.value - above * error, fit.value + below * error
    return _interval(data, fit.value, ends, alpha, method)


def _post_stratified(data: _Data, fit: _Fit, alpha: float) -> Interval:
    """Shares of right answers where the judge says 1 and 0, with half a label in every cell.

    Variance sum_k W_k^2 p_k (1 - p_k) / m_k + (p_1 - p_0)^2 Var(W): m_k labels of stratum k after
    dividing by the design effects of weights and clusters, plus the half labels.
    """
    says = clustering.robust_mean(data.f, data.cluster)
    effect = data.kish * _cluster_effect(data, fit)
    shares, variances = [], []
    for value in (0.0, 1.0):
        inside = data.f_labelled == value
        total = float(data.w[inside].sum())
        right = float((data.w * data.y)[inside].sum())
        size = int(inside.sum()) / effect
        p = ((right / total if total > 0.0 else 0.0) * size + _CELL) / (size + 2.0 * _CELL)
        shares.append(p)
        variances.append(p * (1.0 - p) / (size + 2.0 * _CELL))
    centre = (1.0 - says.value) * shares[0] + says.value * shares[1]
    variance = (1.0 - says.value) ** 2 * variances[0] + says.value**2 * variances[1]
    variance += (shares[1] - shares[0]) ** 2 * says.standard_error**2
    half = _critical(data, alpha) * math.sqrt(variance)
    return _interval(data, fit.value, (centre - half, centre + half), alpha, "post-stratified")


def _labels_only(data: _Data, alpha: float) -> Interval:
    if data.lowest == 0.0:
        return means.interval(data.y, data.cluster_labelled, alpha=alpha, rule=data.rule)
    gains, losses = np.maximum(data.y, 0.0), np.maximum(-data.y, 0.0)
    # Under the earlier rules labels were all read by the first of them.
    rule: ScoreRule = data.rule if data.rule == "skewness allowed" else "held effect"
    return paired.interval(gains, losses, data.cluster_labelled, alpha=alpha, rule=rule)


def _interval(
    data: _Data, value: float, ends: tuple[float, float], alpha: float, method: str
) -> Interval:
    value = min(1.0, max(data.lowest, value))
    lower, upper = min(max(data.lowest, ends[0]), value), max(min(1.0, ends[1]), value)
    return Interval(estimate=value, lower=lower, upper=upper, alpha=alpha, method=method)


def _critical(data: _Data, alpha: float) -> float:
    return distributions.student_t_isf(0.5 * alpha, data.freedom)


def _skews(data: _Data, fit: _Fit, left: Estimate) -> tuple[float, ...]:
    """What skewness to allow for in a labelled cluster, of what the judge has *left* of labels.

    The unlabelled part adds to the error and, being a mean of many, hardly to its third moment.
    """
    if data.all_or_nothing:
        return ()
    found = means.score_skews(left, data.rule)
    share = fit.labelled / max(fit.labelled + fit.unlabelled, _TINY)
    return tuple(skew * share**1.5 for skew in found)


def _cluster_effect(data: _Data, fit: _Fit) -> float:
    """How many times clustering multiplies the error of the labelled part, at least 1."""
    alone = _fit(replace(data, cluster=np.arange(len(data.f)))).labelled
    return max(1.0, fit.labelled / alone) if alone > 0.0 else 1.0


# Private: estimate and jackknife from sums over clusters.


def _fit(data: _Data, *, tuned: bool = True) -> _Fit:
    """Return the estimate and its jackknife over labelled and unlabelled clusters."""
    f, y, w = data.f_labelled, data.y, data.w
    v = w * w
    columns = [w, w * f, w * y, v, v * f, v * y, v * f * f, v * f * y]
    count = int(data.cluster.max()) + 1
    sums = np.array(
        [
            np.bincount(data.cluster, minlength=count),
            np.bincount(data.cluster, weights=data.f, minlength=count),
            *(np.bincount(data.cluster_labelled, weights=c, minlength=count) for c in columns),
        ]
    )
    totals = np.array([math.fsum(row) for row in sums.tolist()])
    value, weight = _estimates(totals[:, None], tuned=tuned)
    with_labels = np.bincount(data.cluster_labelled, minlength=count) > 0
    errors = [0.0, 0.0]
    for place, stratum in enumerate((with_labels, ~with_labels)):
        size = int(stratum.sum())
        if size > 1:
            left, _ = _estimates(totals[:, None] - sums[:, stratum], tuned=tuned)
            spread = math.fsum(((left - left.mean()) ** 2).tolist())
            errors[place] = (size - 1) / size * spread
    return _Fit(
        value=float(value[0]), weight=float(weight[0]), labelled=errors[0], unlabelled=errors[1]
    )


def _estimates(sums: Floats, *, tuned: bool) -> tuple[Floats, Floats]:
    """The estimator for columns of sums; lambda is 0 where the labelled judge does not vary."""
    n, total, w, wf, wy, v, vf, vy, vff, vfy = sums
    f, y = wf / w, wy / w
    spread = vff - 2.0 * f * vf + f * f * v
    common = vfy - f * vy - y * vf + f * y * v
    usable = spread > 1e-9 * np.maximum(v, 1e-300)
    weight = np.where(usable, common / np.where(usable, spread, 1.0), 0.0)
    weight = weight if tuned else np.zeros_like(weight)
    return y + weight * (total / n - f), weight
