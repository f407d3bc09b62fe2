"""Looks at few clusters: many runs at once are those of the library, and faults are seen."""

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

from bench.decisions import deviate, few_clusters
from bench.decisions.few_clusters import Case

from escalera.core.stats import paired

RULES = {"t": "held effect", "both": "wider of two", "skew": "skewness allowed"}


@pytest.mark.parametrize("clusters", [2, 5, 12])
@pytest.mark.parametrize("rule", list(RULES))
def test_looks_at_parts_of_clusters_are_those_of_the_library(clusters, rule) -> None:
    """Items in an order that does not know clusters: z at every look, at the truth and at 0."""
    case = Case(loss=0.2, gain=0.1, clusters=clusters, size=4, alike=0.3)
    rng = np.random.default_rng(clusters)
    values = few_clusters.drawn(case, 12, rng)
    place = np.array([rng.permutation(values[0].size) for _ in range(12)])
    counts = np.array([2, clusters, 2 * clusters, 4 * clusters])
    at = few_clusters.prefixes(values, place, counts)
    flat, labels = values.reshape(12, -1), np.repeat(np.arange(clusters), 4)
    for null in (0.0, -0.1):
        many = deviate.binary(at, null, rule=rule)
        for row, look in np.ndindex(many.shape):
            seen = place[row] < counts[look]
            gained, lost = (flat[row, seen] > 0) * 1.0, (flat[row, seen] < 0) * 1.0
            one = paired.z_statistic(gained, lost, labels[seen], null=null, rule=RULES[rule])
            assert many[row, look] == pytest.approx(one, abs=1e-6)


def test_a_rule_that_ignores_small_numbers_of_clusters_is_seen_to_err() -> None:
    """The normal everywhere says "better" or "worse" far too often of five alike clusters."""
    case = Case(loss=0.25, gain=0.25, clusters=5, size=10, alike=0.5)
    rows = few_clusters.run(
        case, runs=2_000, rules=["normal", "both"], rng=np.random.default_rng(1)
    )
    worst = {
        rule: max(row.either / row.runs for row in rows if row.rule == rule)
        for rule in ("normal", "both")
    }
    assert worst["normal"] > 0.06
    assert worst["both"] < 0.05
    assert len(rows) == 2 * len(few_clusters.PLANS) * len(few_clusters.SPENDINGS)


def test_a_fall_of_the_margin_is_counted_on_its_side() -> None:
    """Up is "smaller than the margin"; "equivalent" is up and below the other margin, too."""
    case = Case(loss=0.2, gain=0.1, clusters=50, size=3, alike=0.0)
    rows = few_clusters.run(case, runs=1_000, rules=["both"], rng=np.random.default_rng(2))
    for row in rows:
        assert row.case.question == "losses and gains"
        assert row.equivalent <= row.up
        assert max(row.up, row.down) <= row.either <= row.up + row.down
        assert 0 < row.up / row.runs < 0.045
    assert "losses and gains" in few_clusters.summary(rows)
    assert few_clusters.details(rows).count("\n") == len(rows) + 1
