"""Faults are planted as they are named, runs follow from their seeds, and the page counts."""

from __future__ import annotations

from collections import Counter

import pytest
from bench.diagnosis import plans, runs, tables
from bench.diagnosis.tables import Judged

from escalera.core.finetuning.finding import CAUSES
from escalera.core.prompts.overlap import Twins


@pytest.mark.parametrize("cause", CAUSES)
def test_a_simulation_follows_from_its_seed(cause):
    """And another seed draws another one."""
    assert plans.simulation(cause, 1) == plans.simulation(cause, 1)
    assert plans.simulation(cause, 1) != plans.simulation(cause, 2)


def test_rates_are_far_from_sound_ones():
    """Fifteen times too high at least, a thirtieth at most."""
    for seed in range(20):
        high = plans.simulation("rate too high", seed)
        low = plans.simulation("rate too low", seed)
        for one, limit in ((high, 0.045), (low, 8e-3 / 30)):
            own = 10 if one.trainable.method == "full" else 1
            assert (one.levers.learning_rate * own - limit) * (1 if one is high else -1) >= -1e-12


def test_bad_examples_are_those_that_were_changed():
    """Noise has a right answer of another example, garbage has none."""
    sound = {i.id: i.target for s in range(9) for i in plans.simulation("healthy", s).train}
    for seed in range(5):
        noisy = plans.simulation("label noise", seed)
        targets = {item.target for item in noisy.train}
        assert len(noisy.bad) >= 0.15 * len(noisy.train)
        assert all(i.target in targets for i in noisy.train if i.id in noisy.bad)
        spiky = plans.simulation("spikes", seed)
        assert 2 <= len(spiky.bad) <= 5
        assert not {i.target for i in spiky.train if i.id in spiky.bad} & set(sound.values())


def test_copies_and_leaks_are_found_by_what_the_product_looks_with():
    """In whatever dress they were put."""
    for seed in range(5):
        twice = plans.simulation("duplicates", seed)
        twins = Twins(twice.train)
        alike = [twins.alike(item.query) for item in twice.train]
        assert sum(len(found) > 1 for found in alike) > 0.25 * len(alike)
        leaked = plans.simulation("leakage", seed)
        taught = Twins(leaked.train)
        tested = [item for item in leaked.examples if item.split in ("search", "confirm")]
        assert sum(bool(taught.alike(item.query)) for item in tested) >= 3


def test_one_class_is_nearly_everything_where_classes_are_out_of_balance():
    """Four fifths at least."""
    for seed in range(5):
        made = plans.simulation("class imbalance", seed)
        (_, most), *_ = Counter(plans._theme(item) for item in made.train).most_common(1)
        assert most >= 0.79 * len(made.train)


def test_every_cause_is_planted_about_equally_often():
    """In turn, with a seed for each."""
    jobs = runs.jobs(5000, 200)
    counted = Counter(cause for cause, _ in jobs)
    assert set(counted) == set(CAUSES)
    assert max(counted.values()) - min(counted.values()) <= 1
    assert len({seed for _, seed in jobs}) == 200


def judged(planted, found, listed=0):
    """A run that was looked at."""
    return Judged(planted=planted, found=(found,), words="so", seed=1, among=4, listed=listed)


def test_the_page_counts_what_was_taken_for_what():
    """A target that is missed is told, and so is every run that went wrong."""
    right = [judged("spikes", "spikes", 4)] * 9
    text, met = tables.page([*right, judged("healthy", "overfit")], "how")
    assert met
    assert "9 of 10 (90.0%) | yes" in text
    assert "36 of 36 (100.0%) | yes" in text
    assert "| 1 | healthy | so | overfit |" in text
    worse, met = tables.page([*right, *[judged("spikes", "healthy")] * 2], "how")
    assert not met
    assert "9 of 11 (81.8%) | no" in worse
    assert "36 of 44 (81.8%) | no" in worse
