"""Looks at skewed scores: many runs at once are those of the library, and faults are seen."""

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

from bench.decisions import few_clusters, skewed
from bench.decisions.skewed import Case

from escalera.core.stats import mean, paired

RULES = {"both": "wider of two", "skew": "skewness allowed"}


def case(question, kind, *, clusters=12, size=4, loss=0.3, gain=0.0):
    """A case with alike items."""
    of = {"clusters": clusters, "size": size, "alike": 0.3 if size > 1 else 0.0}
    return Case(question=question, kind=kind, loss=loss, gain=gain, **of)


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("kind", ["right/wrong", "grades", "small losses"])
@pytest.mark.parametrize(("clusters", "size"), [(12, 4), (30, 1), (3, 4)])
def test_looks_are_those_of_the_library(kind, clusters, size, rule) -> None:
    """Items in an order that does not know clusters: z of the mean and of pairs at every look."""
    asked = case("margin", kind, clusters=clusters, size=size, gain=0.1)
    bar = case("bar", kind, clusters=clusters, size=size)
    rng = np.random.default_rng(clusters)
    items = clusters * size
    for gain in (0.0, 0.1):
        values = skewed.drawn(case("bar", kind, clusters=clusters, size=size, gain=gain), 8, rng)
        place = np.array([rng.permutation(items) for _ in range(8)])
        counts = np.array([2, items // 4, items // 2, items])
        at = few_clusters.prefixes(values, place, counts)
        whole = few_clusters.whole(values, place, counts)
        flat, labels = values.reshape(8, -1), np.repeat(np.arange(clusters), size)
        many, alone = (
            np.where(whole, *(skewed.deviates(of, at, rule, whole=it) for it in (True, False)))
            for of in (asked, bar)
        )
        for row, look in np.ndindex(many.shape):
            seen = place[row] < counts[look]
            up, down = np.maximum(flat[row, seen], 0.0), np.maximum(-flat[row, seen], 0.0)
            one = paired.z_statistic(up, down, labels[seen], null=asked.truth, rule=RULES[rule])
            assert many[row, look] == pytest.approx(one, abs=1e-6), (row, look)
            if gain == 0.0:
                one = mean.z_statistic(
                    1.0 - down, labels[seen], bar=1.0 + bar.truth, rule=RULES[rule]
                )
                assert alone[row, look] == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize("question", ["bar", "margin"])
def test_t_without_skewness_is_seen_to_err(question) -> None:
    """Small losses in half of 150 items: the earlier rule passes them far too often."""
    asked = case(question, "small losses", clusters=150, size=1, loss=0.5)
    rows = skewed.run(asked, runs=2_000, rng=np.random.default_rng(1))
    worst = {rule: max(r.up / r.runs for r in rows if r.rule == rule) for rule in skewed.RULES}
    assert worst["both"] > 0.06
    assert worst["skew"] < 0.035
    assert all(max(r.up, r.down) <= r.either <= r.up + r.down for r in rows)


def test_the_table_names_every_kind_of_question() -> None:
    """One line per question, kind, items, looks and rule."""
    rows = [
        row
        for asked in skewed.cases()
        if asked.alike == 0.0
        for row in skewed.run(asked, runs=10, rng=np.random.default_rng(2))
    ]
    assert skewed.summary(rows).count("\n") == 2 * 3 * 6 * 2 * 2 + 1
