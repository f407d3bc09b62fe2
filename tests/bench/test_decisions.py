"""The replay of decisions runs on tiny synthetic boards and says what the library says."""

from pathlib import Path

import numpy as np
import pytest

pyarrow = pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

import pyarrow.parquet as parquet  # noqa: E402
from bench.decisions import (  # noqa: E402
    __main__ as command,
)
from bench.decisions import (  # noqa: E402
    agreement,
    best_of_k,
    coverage,
    data,
    deviate,
    nulls,
    pairs,
    rules,
    tables,
    targets,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small boards: graded, right/wrong with many systems, right/wrong with two."""
    rng = np.random.default_rng(0)
    for name, systems, items in (
        ("AlpacaEval 2", 11, 60),
        ("MMLU-Pro", 10, 80),
        ("GSM8K", 2, 50),
    ):
        rates = np.linspace(0.2, 0.8, systems)
        chance = 0.5 * rates[:, None] + 0.5 * rng.random(items)
        draws = rng.random(chance.shape)
        scores = 0.5 * (chance + draws) if name == "AlpacaEval 2" else draws < chance
        place = tmp_path / data.FOLDERS[name]
        place.mkdir()
        rows = [(s, i) for s in range(systems) for i in range(items)]
        parquet.write_table(
            pyarrow.table(
                {
                    "system": [f"s{s:02}" for s, _ in rows],
                    "item": [f"x-{i}" for _, i in rows],
                    "group": [f"g{i % 3}" for _, i in rows],
                    "score": [float(scores[s, i]) for s, i in rows],
                }
            ),
            place / "scores.parquet",
        )
    return tmp_path


@pytest.fixture
def boards(folder: Path) -> list[data.Board]:
    return data.load(folder)


def test_the_whole_replay_writes_its_tables(folder: Path, tmp_path: Path) -> None:
    """Every part runs, targets have rows, and runs are compared with the library on the way."""
    output = tmp_path / "decisions.md"
    sizes = ["--nulls", "4", "--corrected", "2", "--orders", "1", "--races", "2", "--runs", "2"]
    sizes += ["--draws", "2"]
    code = command.main(["--data", str(folder), "--output", str(output), *sizes])
    text = output.read_text(encoding="utf-8")
    assert code == 0
    assert "## Targets" in text
    for part in ("Ever a false", "Pairs of systems", "The best of K", "Coverage", "A judge and"):
        assert part in text
    assert str(folder) not in text


def test_without_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the name of the folder."""
    assert command.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_boards_keep_common_items_and_blocks(boards: list[data.Board]) -> None:
    """Items in the order of their numbers, clusters only where numbers keep the source's order."""
    graded, numbered, _ = boards
    assert (graded.items, numbered.items) == (60, 80)
    assert not graded.binary
    assert numbered.binary
    assert graded.clusters is None
    assert numbered.clusters is not None
    assert max(np.bincount(numbered.clusters)) == 8


@pytest.mark.parametrize("scenario", list(nulls.SCENARIOS))
def test_many_runs_at_once_are_the_library(boards: list[data.Board], scenario: str) -> None:
    """Verdict and stop of every rule, plain and clustered, graded and right/wrong, with margins."""
    for board in boards[:2]:
        runs = nulls.SCENARIOS[scenario](board, 3, np.random.default_rng(1))
        assert agreement.check(runs, (0.0, 0.1), sample=1) > 0
        agreement.check_deviates(runs, (-0.1, 0.0, 0.1), sample=3)


def test_a_wrong_rule_is_found_out(
    boards: list[data.Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison fails when the rule at hand is another one."""
    whole = boards[1].scores[-1:] - boards[1].scores[:1]
    runs = deviate.unclustered(whole, binary=True)
    monkeypatch.setattr(rules, "finite", rules.evalsig)
    with pytest.raises(AssertionError, match="finite population"):
        agreement.check(runs, (0.0,), sample=1)


def test_peers_rules_on_worked_examples() -> None:
    """A point estimate against a threshold; evalsig's width at 30 items; the t interval."""
    ahead = deviate.unclustered(np.tile([0.1, -0.05], (1, 50)), binary=False)
    words = {name: rules.apply(rule, ahead).words[0] for name, rule in rules.others().items()}
    assert words["MLflow: candidate >= baseline, full run"] == rules.BETTER
    assert words["MLflow: candidate >= baseline + 0.02, full run"] == rules.BETTER
    assert words[rules.FIXED] == rules.BETTER
    same = deviate.unclustered(np.zeros((1, 100)), binary=False)
    assert rules.apply(rules.evalsig, same).words[0] == rules.UNDECIDED


def test_verdicts_are_the_first_ones() -> None:
    """Equivalence takes precedence at a look, an earlier look over a later one."""
    yes, no = [True, True], [False, False]
    answers = rules.Answers(
        above_margin=np.array([yes, [False, True]]),
        above=np.array([[False, True], yes]),
        below=np.array([no, no]),
        below_margin=np.array([[False, True], no]),
        items=np.array([[10.0, 20.0], [10.0, 20.0]]),
    )
    found = rules.decide(answers, margin=0.05)
    assert found.words.tolist() == [rules.EQUIVALENT, rules.BETTER]
    assert found.used.tolist() == [20.0, 10.0]
    assert rules.decide(answers, margin=0.0).words.tolist() == [rules.BETTER, rules.BETTER]


def test_simulated_scores_have_their_means() -> None:
    """The truth of the coverage grid is exact."""
    latent = np.random.default_rng(2).normal(size=(1, 400_000))
    for kind in coverage.KINDS:
        for rate in (0.1, 0.5):
            found = coverage._scores(kind, latent, rate).mean()
            assert found == pytest.approx(rate, abs=0.003)


def test_cluster_sizes_and_bounds() -> None:
    """Sizes add up to the items; the bound is Clopper and Pearson's."""
    sizes = nulls._sizes(100, np.random.default_rng(3))
    assert int(sizes.sum()) == 100
    assert 1 <= sizes.min() <= sizes.max() <= 8
    assert nulls.upper_bound(0, 100) == pytest.approx(1 - 0.01 ** (1 / 100))
    assert nulls.upper_bound(5, 5) == 1.0


def test_every_way_to_choose_stays_within_its_calls(boards: list[data.Board]) -> None:
    """Scores of the winner come from items it answered, and a sure winner is found."""
    rng = np.random.default_rng(4)
    sure = np.vstack([np.zeros((7, 60)), np.ones((1, 60))])
    for choose, calls in best_of_k._ways().values():
        winner, seen = choose(sure, calls, rng)
        assert winner == 7
        assert seen.size <= 100
    assert best_of_k.run(boards[0], races=1, seed=0, arms=12, fresh=20)


def test_per_cent_never_rounds_to_certainty() -> None:
    """99.99 % is not 100 %."""
    assert tables.percent(0.99999) == "99.999 %"
    assert tables.percent(1.0) == "100.0 %"
    assert tables.percent(0.5) == "50.0 %"
    assert targets.of_judges([]) == []
    assert pairs.MARGIN == 0.05
