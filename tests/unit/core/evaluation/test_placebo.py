"""Copies of one system through three ways of choosing: what is claimed where nothing is better."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from statistics import NormalDist

import numpy as np
import pytest

from escalera.core.evaluation import placebo
from escalera.core.evaluation.placebo import Answers, Rules, Settings
from escalera.core.stats import draws, paired, spending

RULES = Rules(race_calls=60, alpha=0.05, looks=(0.25, 0.5, 0.75, 1.0))
CASES = {
    "right or wrong": {},
    "graded": {"graded": True},
    "clusters of one to five": {"most": 5},
    "three answers each": {"repeats": 3},
    "three answers in clusters": {"repeats": 3, "most": 4},
}


def answers(items, *, seed=0, most=1, repeats=1, graded=False):
    """Scores of about 0.6; clusters of one to *most* items in turn, alike inside."""
    generator = np.random.default_rng(seed)
    clusters, number = [], 0
    while len(clusters) < items:
        clusters += [f"c{number}"] * (1 + number % most)
        number += 1
    ease = generator.beta(1.5, 1.0, number)
    scores = []
    for label in clusters[:items]:
        chance = ease[int(label[1:])]
        shown = (
            np.round(np.clip(generator.normal(chance, 0.2, repeats), 0, 1), 3)
            if graded
            else generator.random(repeats) < chance
        )
        scores.append(tuple(float(score) for score in shown))
    return Answers(scores=tuple(scores), clusters=tuple(clusters[:items]))


def of(scores):
    """One answer per item, each item its own cluster."""
    return Answers(
        scores=tuple((score,) for score in scores),
        clusters=tuple(str(n) for n in range(len(scores))),
    )


# The slow and obvious reference: plain lists, one copy and one item at a time.


def reference(search, confirm, settings, rules):
    """Per way the list of (winner, incumbent, better, truth), one entry per repetition."""
    varied = any(len(set(scores)) > 1 for scores in search.scores + confirm.scores)
    found = [], [], []
    for repetition in range(settings.repetitions):

        def numbers(what, *shape, repetition=repetition):
            return draws.uniform(shape, "placebo", what, settings.seed, repetition).tolist()

        copies, items = settings.candidates + 1, len(search.scores)
        order, said = numbers("items", copies, items), numbers("answers", copies, items)
        means = []
        for copy in range(copies):
            batch = sorted(range(items), key=lambda item: order[copy][item])[: settings.minibatch]
            shown = [
                search.scores[item][int(said[copy][item] * len(search.scores[item]))]
                for item in batch
            ]
            means.append(mean(shown))
        truth = mean([mean(scores) for scores in search.scores])
        found[0].append((max(means[1:]), means[0], max(means[1:]) > means[0], truth))
        rows = [copied(search, row, varied) for row in numbers("common", copies, items)]
        means = [mean(row) for row in rows]
        found[1].append((max(means[1:]), means[0], max(means[1:]) > means[0], truth))
        winner = 1 + raced(rows[1:], rules.race_calls)
        old, new = (
            numbers(f"fresh answers of {copy}", len(confirm.scores)) for copy in (0, winner)
        )
        found[2].append(confirmed(confirm, old, new, varied, rules))
    return found


def mean(values):
    return round(math.fsum(values) / len(values), 12)


def copied(answers, numbers, varied):
    if varied:
        return [
            scores[int(number * len(scores))]
            for scores, number in zip(answers.scores, numbers, strict=True)
        ]
    members = {}
    for item, label in enumerate(answers.clusters):
        members.setdefault(label, []).append(item)
    shown = [0.0] * len(answers.scores)
    for number, slot in zip(numbers, members.values(), strict=False):
        drawn = int(number * len(answers.scores))
        donor = members[answers.clusters[drawn]]
        for place, item in enumerate(slot):
            source = donor[(donor.index(drawn) + place) % len(donor)]
            shown[item] = answers.scores[source][0]
    return shown


def raced(rows, calls):
    running, seen, rounds = list(range(len(rows))), 0, math.ceil(math.log2(len(rows)))
    for _ in range(rounds):
        new = calls * len(rows) // (len(running) * rounds)
        seen = min(len(rows[0]), seen + new)
        ranked = sorted(running, key=lambda copy: (-mean(rows[copy][:seen]), copy))
        running = sorted(ranked[: (len(running) + 1) // 2])
    return running[0]


def confirmed(answers, old, new, varied, rules):
    incumbent, winner = copied(answers, old, varied), copied(answers, new, varied)
    if varied:
        for item, scores in enumerate(answers.scores):
            first = int(old[item] * len(scores))
            others = [*scores[first + 1 :], *scores[:first]] or scores
            winner[item] = others[int(new[item] * len(others))]
    limits = spending.boundaries(rules.looks, alpha=0.9 * rules.alpha, spending=rules.spending)
    for time, limit in zip(rules.looks, limits, strict=True):
        seen = math.ceil(time * len(answers.scores))
        z = paired.z_statistic(winner[:seen], incumbent[:seen], answers.clusters[:seen])
        if abs(z) >= limit:
            break
    truth = [mean(scores) for scores in answers.scores]
    truth = truth[:seen] if varied else truth
    return mean(winner[:seen]), mean(incumbent[:seen]), z >= limit, mean(truth)


@pytest.mark.parametrize(
    ("case", "rules"),
    [*((case, RULES) for case in CASES), ("graded", replace(RULES, spending="pocock", alpha=0.3))],
)
def test_it_agrees_with_the_plain_reference(case, rules):
    """All figures of all three ways, for every kind of scores, and another way to spend alpha."""
    search, confirm = answers(46, **CASES[case]), answers(60, seed=1, **CASES[case])
    settings = Settings(candidates=5, minibatch=12, repetitions=40, seed=3)
    found = placebo.run(search, confirm, settings, rules)
    assert found.copying == ("sampled" if "three" in case else "resampled")
    ways = (found.best_of_minibatches, found.best_of_common, found.confirmed)
    for claims, rows in zip(ways, reference(search, confirm, settings, rules), strict=True):
        gains = [winner - incumbent for winner, incumbent, _, _ in rows]
        assert claims.gain == pytest.approx(mean(gains), abs=1e-9)
        assert [claims.lower, claims.upper] == pytest.approx(np.quantile(gains, [0.05, 0.95]))
        assert claims.better == sum(better for _, _, better, _ in rows) / len(rows)
        excess = mean([winner - truth for winner, _, _, truth in rows])
        assert claims.excess == pytest.approx(excess, abs=1e-9)


def expected_maximum(count):
    """Of so many standard normals: the integral of 1 - F^K - (1 - F)^K over the positive side."""
    grid = np.linspace(0.0, 8.0, 4001)
    shares = np.array([NormalDist().cdf(x) for x in grid])
    heights = 1.0 - shares**count - (1.0 - shares) ** count
    return float((heights[1:] + heights[:-1]).sum() / 2 * (grid[1] - grid[0]))


def test_the_expected_maximum_is_that_of_the_tables():
    """Harter (1961), expected values of normal order statistics."""
    assert expected_maximum(2) == pytest.approx(0.56419, abs=1e-5)
    assert expected_maximum(10) == pytest.approx(1.53875, abs=1e-5)
    assert expected_maximum(16) == pytest.approx(1.76599, abs=1e-5)


@pytest.mark.parametrize("candidates", [2, 16])
def test_the_fake_gain_is_that_of_order_statistics(candidates):
    """E max of K normals times the standard error of a minibatch drawn without replacement."""
    generator = np.random.default_rng(5)
    search = of(np.round(generator.random(200), 6).tolist())
    settings = Settings(candidates=candidates, repetitions=1000)
    found = placebo.run(search, search, settings, RULES)
    deviation = np.std([scores[0] for scores in search.scores], ddof=1)
    error = deviation * math.sqrt((1 - 35 / 200) / 35)
    assert found.best_of_minibatches.gain == pytest.approx(
        expected_maximum(candidates) * error, abs=4 * 1.2 * error / math.sqrt(1000)
    )
    assert found.best_of_minibatches.excess == pytest.approx(
        expected_maximum(candidates) * error, abs=4 * 0.8 * error / math.sqrt(1000)
    )
    # The copies on all common items, drawn with replacement, have no correction for that.
    common = deviation / math.sqrt(200)
    assert found.best_of_common.gain == pytest.approx(
        expected_maximum(candidates) * common, abs=4 * 1.2 * common / math.sqrt(1000)
    )
    # One of K + 1 equal copies is the best; the others are the candidates.
    share = candidates / (candidates + 1)
    limit = 4 * math.sqrt(share * (1 - share) / 1000)
    assert found.best_of_minibatches.better == pytest.approx(share, abs=limit)


@pytest.mark.parametrize("case", CASES)
def test_confirmation_is_not_fooled(case):
    """False claims stay within alpha (half of it is the nominal rate), and the score is right."""
    search, confirm = answers(80, **CASES[case]), answers(160, seed=2, **CASES[case])
    settings = Settings(repetitions=1500, seed=1)
    found = placebo.run(search, confirm, settings, RULES)
    assert found.best_of_minibatches.better > 0.8
    assert found.best_of_minibatches.gain > 0.05
    assert found.confirmed.better <= 0.025 + 4 * math.sqrt(0.025 * 0.975 / 1500)
    spread = (found.confirmed.upper - found.confirmed.lower) / 3.29
    assert abs(found.confirmed.gain) <= 4 * spread / math.sqrt(1500)
    assert abs(found.confirmed.excess) <= 4 * spread / math.sqrt(1500)


def test_the_seed_alone_decides():
    """Equal seeds give equal results; another seed other ones."""
    search, confirm = answers(60), answers(80, seed=1)
    first = placebo.run(search, confirm, Settings(repetitions=30), RULES)
    assert placebo.run(search, confirm, Settings(repetitions=30), RULES) == first
    other = placebo.run(search, confirm, Settings(repetitions=30, seed=1), RULES)
    assert asdict(other.best_of_minibatches) != asdict(first.best_of_minibatches)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_every_item_is_as_likely_at_every_place(most):
    """Over all draws of a leader each place shows each item once: no bias, whatever the sizes."""
    pool = placebo._Pool(
        replace(
            answers(23, most=most),
            scores=tuple((n / 100,) for n in range(23)),
        ),
        "resampled",
    )
    leaders = np.repeat((np.arange(23)[:, None] + 0.5) / 23, 23, axis=1)
    shown = pool._resampled(leaders)
    assert (np.sort(shown, axis=0) == np.arange(23)[:, None] / 100).all()


def test_two_copies_show_different_answers_to_an_item():
    """Each recorded answer is as likely; an item with one answer shows it twice."""
    search = Answers(scores=((0.1, 0.2, 0.3), (0.4,), (0.5, 0.6)), clusters=("a", "b", "c"))
    pool = placebo._Pool(search, "sampled")
    pairs = [pool.pair(draws.uniform((2, 3), "pairs", n)) for n in range(600)]
    for first, second in pairs:
        assert first[0] != second[0]
        assert first[1] == second[1] == 0.4
        assert {first[2], second[2]} == {0.5, 0.6}
    for row in (0, 1):
        shares = [np.mean([pair[row][0] == score for pair in pairs]) for score in (0.1, 0.2, 0.3)]
        assert shares == pytest.approx([1 / 3] * 3, abs=4 * math.sqrt(2 / 9 / 600))


def test_equal_scores_fool_nobody():
    """Where a system is always right, there is no luck to report."""
    always = of([1.0] * 40)
    found = placebo.run(always, always, Settings(repetitions=20), RULES)
    for way in (found.best_of_minibatches, found.best_of_common, found.confirmed):
        assert asdict(way) == dict.fromkeys(asdict(way), 0.0)


def test_answers_that_repeat_themselves_are_no_samples():
    """At temperature 0 several answers per item are one answer."""
    alike = replace(answers(40), scores=tuple(s * 3 for s in answers(40).scores))
    found = placebo.run(alike, alike, Settings(repetitions=5), RULES)
    assert (found.copying, found.repeats) == ("resampled", 3)


def test_a_minibatch_is_at_most_half_of_the_items():
    """And the result says what was used."""
    search = answers(40)
    assert placebo.run(search, search, Settings(repetitions=2), RULES).minibatch == 20
    small = placebo.run(search, search, Settings(repetitions=2, minibatch=7), RULES)
    assert (small.minibatch, small.search_items, small.confirm_items) == (7, 40, 40)


def test_what_makes_no_placebo_is_refused():
    """One copy, nothing to draw from, no repetition, or a split without items."""
    for bad in ({"candidates": 1}, {"minibatch": 0}, {"repetitions": 0}):
        with pytest.raises(ValueError, match="at least two candidates, one item and one"):
            Settings(**bad)
    with pytest.raises(ValueError, match="1 search and 40 confirm items"):
        placebo.run(of([1.0]), answers(40), Settings(), RULES)
