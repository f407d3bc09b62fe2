"""Kappa and alpha against statsmodels, published figures and slow definitions."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from escalera.core.stats import agreement, mean

# Verdicts of gpt-3.5-turbo (rows) against the majority of three people (columns: a, b, tie) on the
# 974 readable pairs of the PandaLM test set (Wang et al. 2024, Apache-2.0), as counts.
PANDALM_JUDGE = [[332, 86, 42], [71, 360, 45], [13, 20, 5]]

# The three people's votes on its 999 pairs, as counts of triples (same source and licence).
PANDALM_VOTES = {
    "aaa": 368, "aab": 10, "aat": 10, "aba": 12, "abb": 11, "ata": 11, "att": 5,
    "baa": 11, "bab": 18, "bba": 7, "bbb": 426, "bbt": 2, "btb": 4, "btt": 7,
    "tbb": 4, "tbt": 4, "tta": 2, "ttb": 2, "ttt": 85,
}  # fmt: skip

# Krippendorff (2011), section C: four observers, twelve units, missing values.
X = None
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]


def unfold(table: list[list[int]]) -> tuple[list[int], list[int]]:
    """Ratings of two raters with the given counts."""
    pairs = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [i for i, _ in pairs], [j for _, j in pairs]


def test_kappa_of_a_textbook_table() -> None:
    """20, 5, 10, 15: observed 0.7, chance 0.5, kappa 0.4."""
    found = agreement.cohen_kappa(*unfold([[20, 5], [10, 15]]))
    assert found.estimate == pytest.approx(0.4)
    assert found.method == "jackknife-t"


def test_kappa_of_a_real_judge() -> None:
    """gpt-3.5-turbo against people on PandaLM: kappa and its error as in statsmodels."""
    found = agreement.cohen_kappa(*unfold(PANDALM_JUDGE))
    expected = cohens_kappa(np.array(PANDALM_JUDGE))
    assert found.estimate == pytest.approx(expected.kappa, rel=1e-12)
    half = 1.962 * expected.std_kappa
    assert found.lower == pytest.approx(expected.kappa - half, abs=2e-3)
    assert found.upper == pytest.approx(expected.kappa + half, abs=2e-3)


@given(
    table=st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3),
    weights=st.sampled_from(["nominal", "linear", "quadratic"]),
)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_kappa_matches_statsmodels(table: list[list[int]], weights: str) -> None:
    """Plain and weighted kappa of any table equal statsmodels'; raters may be exchanged."""
    array = np.array(table)
    assume(np.count_nonzero(array.sum(axis=0) + array.sum(axis=1)) > 1)
    first, second = unfold(table)
    found = agreement.cohen_kappa(first, second, categories=(0, 1, 2), weights=weights)
    name = {"nominal": None, "linear": "linear", "quadratic": "quadratic"}[weights]
    expected = cohens_kappa(array, wt=name, return_results=False)
    assert found.estimate == pytest.approx(expected, abs=1e-12)
    assert -1.0 <= found.lower <= found.estimate <= found.upper <= 1.0
    mirrored = agreement.cohen_kappa(second, first, categories=(2, 1, 0), weights=weights)
    assert (mirrored.lower, mirrored.upper) == pytest.approx((found.lower, found.upper))


def test_perfect_agreement_is_not_certainty() -> None:
    """Thirty agreements leave Wilson's share of disagreement, over the chance of it, open."""
    ratings = ["good", "bad"] * 15
    found = agreement.cohen_kappa(ratings, ratings)
    z2 = 1.959964**2
    assert (found.estimate, found.upper, found.method) == (1.0, 1.0, "variance-bound")
    assert found.lower == pytest.approx(1 - z2 / (30 + z2) / 0.5, abs=1e-6)
    same = agreement.krippendorff_alpha([[r, r] for r in ratings])
    assert same.upper == 1.0
    assert 0.7 < same.lower < 0.8


def test_a_handful_of_disagreements_is_no_standard_error() -> None:
    """Two disagreements among forty: the interval is Wilson's of their share over the chance."""
    first, second = unfold([[19, 1], [1, 19]])
    found = agreement.cohen_kappa(first, second)
    share = mean.interval([1.0] * 2 + [0.0] * 38)
    assert found.method == "variance-bound"
    ends = (1 - share.upper / 0.5, 1 - share.lower / 0.5)
    assert (found.lower, found.upper) == pytest.approx(ends)


def test_clusters_widen() -> None:
    """Eight copies of each unit add nothing when they are known to be copies."""
    first, second = unfold([[6, 6], [5, 7]])
    plain = agreement.cohen_kappa(first, second)
    copied = agreement.cohen_kappa(first * 8, second * 8, [i % 24 for i in range(192)])
    naive = agreement.cohen_kappa(first * 8, second * 8)
    assert (copied.lower, copied.upper) == pytest.approx((plain.lower, plain.upper))
    assert naive.upper - naive.lower < 0.5 * (copied.upper - copied.lower)
    alone = agreement.cohen_kappa(first, second, ["x"] * 24)
    assert (alone.lower, alone.upper, alone.method) == (-1.0, 1.0, "one-cluster")


@pytest.mark.parametrize(
    ("metric", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_golden_krippendorff(metric: str, published: float) -> None:
    """The example of Krippendorff (2011): 0.743, 0.815, 0.849."""
    units = list(zip(*OBSERVERS, strict=True))
    found = agreement.krippendorff_alpha(units, metric=metric)
    assert round(found.estimate, 3) == published
    assert found.lower < found.estimate < found.upper < 1.0


def test_alpha_of_real_votes() -> None:
    """Three people on 999 PandaLM pairs: alpha as computed once with krippendorff 0.9.0, tight."""
    votes = [tuple(key) for key, n in PANDALM_VOTES.items() for _ in range(n)]
    assert len(votes) == 999
    found = agreement.krippendorff_alpha(votes)
    assert found.estimate == pytest.approx(0.8642206851960816, rel=1e-12)
    assert 0.82 < found.lower < 0.85 < 0.87 < found.upper < 0.90


def slow_alpha(units: list[tuple[float | None, ...]], metric: str) -> float:
    """The definition: coincidences of ordered pairs of values, distances by the metric."""
    coincidences: dict[tuple[float, float], float] = {}
    for unit in units:
        given_values = [v for v in unit if v is not None]
        for a, b in itertools.permutations(given_values, 2):
            share = 1 / (len(given_values) - 1)
            coincidences[a, b] = coincidences.get((a, b), 0.0) + share
    totals: dict[float, float] = {}
    for (a, _), share in coincidences.items():
        totals[a] = totals.get(a, 0.0) + share

    def distance(a: float, b: float) -> float:
        if metric == "nominal":
            return float(a != b)
        if metric == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = sum(n for v, n in totals.items() if low <= v <= high)
        return 0.0 if a == b else (between - (totals[a] + totals[b]) / 2) ** 2

    n = sum(totals.values())
    observed = sum(share * distance(a, b) for (a, b), share in coincidences.items()) / n
    chance = sum(
        totals[a] * (totals[b] - (a == b)) * distance(a, b) for a in totals for b in totals
    )
    return 1 - observed / (chance / (n * (n - 1)))


@given(
    units=st.lists(
        st.tuples(*[st.sampled_from([None, 1.0, 2.0, 4.0])] * 3), min_size=2, max_size=12
    ),
    metric=st.sampled_from(["nominal", "ordinal", "interval"]),
)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_alpha_matches_the_definition(units: list[tuple[float | None, ...]], metric: str) -> None:
    """Missing values, ties and singletons included; the raters' order does not matter."""
    pairable = [u for u in units if sum(v is not None for v in u) > 1]
    assume(len({v for u in pairable for v in u if v is not None}) > 1)
    found = agreement.krippendorff_alpha(units, metric=metric)
    assert found.estimate == pytest.approx(slow_alpha(units, metric), abs=1e-10)
    assert found.lower <= found.estimate <= found.upper
    turned = agreement.krippendorff_alpha([u[::-1] for u in units], metric=metric)
    assert turned.estimate == pytest.approx(found.estimate)


def test_kappa_interval_covers() -> None:
    """True kappa 0.6, 60 units, skewed categories: covered in at least 92 % (seeded, 300 runs;
    nominal 95 %, simulated standard error 1.3 points).
    """
    rng = np.random.default_rng(81)
    covered = 0
    for _ in range(300):
        first = rng.random(60) < 0.7
        second = np.where(rng.random(60) < 0.6, first, rng.random(60) < 0.7)
        found = agreement.cohen_kappa(first.tolist(), second.tolist())
        covered += found.lower <= 0.6 <= found.upper
    assert covered >= 276


def test_undefined_agreement_is_refused() -> None:
    """One category only, no units twice rated, bad shapes, unknown ratings and metrics."""
    with pytest.raises(ValueError, match="'good' to every unit"):
        agreement.cohen_kappa(["good"] * 3, ["good"] * 3)
    with pytest.raises(ValueError, match="1 and 2 ratings"):
        agreement.cohen_kappa([1], [1, 2])
    with pytest.raises(ValueError, match="'quadratic' weights need an order"):
        agreement.cohen_kappa([1, 2], [1, 2], weights="quadratic")
    with pytest.raises(ValueError, match="rating 3 is none"):
        agreement.cohen_kappa([1, 3], [1, 2], categories=(1, 2))
    with pytest.raises(ValueError, match="1 cluster labels for 2 units"):
        agreement.cohen_kappa([1, 2], [1, 2], ["x"])
    with pytest.raises(ValueError, match="all ratings are equal"):
        agreement.krippendorff_alpha([[1, 1], [1, None]])
    with pytest.raises(ValueError, match="no unit has two ratings"):
        agreement.krippendorff_alpha([[1, None], [None, 2]])
    with pytest.raises(ValueError, match="rows differ in length"):
        agreement.krippendorff_alpha([[1, 1], [1]])
    with pytest.raises(ValueError, match="'a' is no finite number"):
        agreement.krippendorff_alpha([["a", "b"]], metric="interval")
    with pytest.raises(ValueError, match="'ratio' is unknown"):
        agreement.krippendorff_alpha([[1, 2]], metric="ratio")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 cluster labels for 2 units"):
        agreement.krippendorff_alpha([[1, 2], [1, 1]], ["x"])
