"""The bench of data need measures, forecasts and tells, on curves whose form is known."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

import itertools

from bench.data_need import __main__ as command
from bench.data_need import curves, fitting, judging, learners, sets
from bench.data_need.curves import Curve

from escalera.core.finetuning import posterior, shapes, trainings
from escalera.core.finetuning.curve_prior import CurvePrior

FULL = 640


def known(task: sets.Task, resample: int, *, data: Path, cache: Path) -> Curve:
    """A power law for each data set, with luck of items and of trainings."""
    if not data.is_dir():
        raise FileNotFoundError(f"no data in {data.name!r}")
    rng = np.random.default_rng([resample, len(task.name)])
    slope = 0.4 + 0.05 * (len(task.data) % 4)
    plan = [(n, c) for c in range(3) for n in (10, 20, 40, 80, 160) if n < 160 or c == 0]
    plan += [(320, 0), (FULL, 0)]
    hard = rng.random(300)
    right = [hard > 0.05 + 0.6 * (n / 10) ** -slope + 0.1 * rng.normal() / n**0.5 for n, _ in plan]
    return Curve(
        task=task.name,
        resample=resample,
        full=FULL,
        sizes=np.array([n for n, _ in plan]),
        chains=np.array([c for _, c in plan]),
        same=np.array(right, dtype=float)[:, :150],
        fresh=np.array(right, dtype=float)[:, 150:],
    )


def test_power_law_by_least_squares() -> None:
    """An exact one is continued exactly, a falling one is not, and 1 is never passed."""
    sizes = np.array([10.0, 20.0, 40.0, 80.0])
    assert judging.power_law(sizes, 0.9 - 0.8 * sizes**-0.5, 320.0) == pytest.approx(
        0.9 - 0.8 * 320.0**-0.5, abs=2e-3
    )
    assert judging.power_law(sizes, np.array([0.6, 0.5, 0.4, 0.3]), 320.0) == pytest.approx(0.45)
    assert judging.power_law(sizes, np.array([0.2, 0.5, 0.8, 0.99]), 1e9) <= 1.0


def test_a_forecast_sees_a_quarter_of_one_half_of_the_items() -> None:
    """And nothing else."""
    curve = known(sets.JUDGED[0], 0, data=Path(), cache=Path())
    some = judging.seen(curve)
    assert max(t.examples for t in some) == FULL // 4
    assert {t.items for t in some} == {150}
    assert len(some) == 13


def test_subsets_are_nested_within_the_quarter() -> None:
    """Each chain's smaller subsets are inside its larger; half and all follow."""
    found = list(curves._subsets(list(range(FULL)), random.Random(1)))
    for chain in range(curves.CHAINS):
        of = [set(some) for _, c, some in found[:-2] if c == chain]
        for small, large in itertools.pairwise(of):
            assert small < large
        assert all(some <= set(range(FULL // 4)) for some in of)
    assert [len(some) for _, _, some in found[-2:]] == [FULL // 2, FULL]


@pytest.mark.parametrize("learn", [learners.logistic, learners.ridge, learners.bayes])
def test_learners_of_labels_learn(learn) -> None:
    """Two words decide; the answers are right."""
    rows = [
        {"text": f"{word} {n}", "label": word} for word in ("alpha", "omega") for n in range(20)
    ]
    assert learn(rows[::2], rows[1::2], 0) == [1.0] * 20


def test_the_tagger_finds_spans() -> None:
    """A name after 'play' is a slot; the same seed gives the same scores."""
    rows = []
    for n in range(60):
        name = f"song{n}"
        text = f"please play {name} now"
        rows.append({"text": text, "spans": [{"slot": "song", "start": 12, "end": 12 + len(name)}]})
    scores = learners.tagger(rows[:40], rows[40:], 3)
    assert scores == [1.0] * 20
    assert learners.tagger(rows[:5], rows[40:], 3) == learners.tagger(rows[:5], rows[40:], 3)


def test_fitting_finds_the_prior_that_was() -> None:
    """Of noise: curves without any make the fitted one smaller than where the search starts."""
    task = sets.JUDGED[0]
    cases = [c for r in range(3) for c in fitting.cases(known(task, r, data=Path(), cache=Path()))]
    fitted = fitting.fitted(cases, evaluations=60)
    start = fitting.prior_of(fitting.START)
    assert start == CurvePrior(exponent=pytest.approx((0.6, 0.7)), scale=pytest.approx((0.2, 2.0)),
        floor=pytest.approx((1.0, 2.0)), wander=pytest.approx((0.06, 0.7)),
        noise=pytest.approx((0.03, 0.7)))  # fmt: skip
    logs = [posterior.combined_log_prior(p, shapes.grid(1.0)).ravel() for p in (start, fitted)]
    scores = [np.mean([fitting._score(case, of) for case in cases]) for of in logs]
    assert scores[1] >= scores[0]


def test_the_density_that_is_fitted_is_that_of_the_forecast() -> None:
    """Mean and spread of the components in `fitting` are those of `futures`."""
    curve = known(sets.JUDGED[0], 1, data=Path(), cache=Path())
    outcome = judging.ours(curve, CurvePrior())[0]
    found = posterior.fit(trainings.points(judging.seen(curve)), CurvePrior())
    height = found.shapes.relative_error(np.array([float(FULL)]))[:, 0]
    assert outcome.forecast == pytest.approx(
        1.0 - float(found.weight @ (found.level * height)), abs=0.02
    )


def test_the_page_tells_targets_tasks_and_baselines(tmp_path, monkeypatch, capsys) -> None:
    """From curves to tables; without data it says so."""
    monkeypatch.setattr(curves, "curve", known)
    monkeypatch.setattr(fitting, "fitted", lambda some: CurvePrior())
    page = tmp_path / "page.md"
    names = ["snips_intent", "mtod_intent", "clinc_oos", "hint3_intent"]
    arguments = ["--resamples", "2", "--fitted-on", "1", "--output", str(page), "--tasks", *names]
    assert command.main(["--data", str(tmp_path), *arguments]) in (0, 1)
    text = page.read_text(encoding="utf-8")
    assert text.strip() == capsys.readouterr().out.strip()
    for said in (*names, "## Targets", *judging.BASELINES, "in 80 % interval", "eight named first"):
        assert said in text
    assert command.main(["--data", str(tmp_path / "none"), *arguments]) == 2
