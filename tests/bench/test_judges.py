"""The calibration of real judges runs on small sets, and says what the authors' rules say."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

pyarrow = pytest.importorskip("pyarrow")

import pyarrow.parquet as parquet  # noqa: E402
from bench.judges import __main__ as command  # noqa: E402
from bench.judges import coverage, data, published  # noqa: E402
from bench.judges import orders as sparing  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both sets with 120 pairs and judges that are right in four of five."""
    rng = np.random.default_rng(0)
    for place, judges, orders in (
        ("judge_llmbar", ("GPT-4",), ("ab", "ba")),
        ("judge_pandalm", ("gpt-3.5-turbo",), ("as_given",)),
    ):
        (tmp_path / place).mkdir()
        pairs, said = [], []
        for n in range(120):
            human = ["a", "b", "tie"][n % (2 if place == "judge_llmbar" else 3)]
            pairs.append(
                {"id": f"p{n}", "subset": "llmbar-natural", "comparison": "x_y", "human": human}
            )
            if place == "judge_pandalm":
                pairs[-1]["human_votes"] = [human, human, "a"]
            for judge in judges:
                for order in orders:
                    verdict = human if rng.random() < 0.8 else "b"
                    row = {"id": f"p{n}", "judge": judge, "strategy": "Vanilla", "order": order}
                    said.append(row | {"verdict": None if n == 7 else verdict})
        with gzip.open(tmp_path / place / "pairs.jsonl.gz", "wt", encoding="utf-8") as lines:
            lines.write("\n".join(map(json.dumps, pairs)))
        parquet.write_table(pyarrow.Table.from_pylist(said), tmp_path / place / "judgments.parquet")
    return tmp_path


def test_the_whole_run_writes_its_tables(folder: Path, tmp_path: Path) -> None:
    """Every part is there; figures of other data are not those that were published."""
    output = tmp_path / "judges.md"
    code = command.main(["--data", str(folder), "--runs", "4", "--output", str(output)])
    text = output.read_text(encoding="utf-8")
    assert code == 1
    for part in ("## Targets", "## Published figures", "## What `escalera judge`", "## Coverage"):
        assert part in text
    assert "119 of 120" in text
    assert str(folder) not in text


def test_without_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the name of what is missing."""
    assert command.main(["--data", str(tmp_path)]) == 2
    assert "judge_llmbar" in capsys.readouterr().err


def test_unreadable_verdicts_follow_the_authors_rule(folder: Path) -> None:
    """Wrong in LLMBar's accuracy and equal to each other; a tie in PandaLM's."""
    pairs = data.llmbar(folder)["GPT-4", "Vanilla"]
    right = sum(v == p.human for p in pairs for v in p.verdicts) / 240
    equal = sum(p.verdicts[0] == p.verdicts[1] for p in pairs) / 120
    found = {f.what: f.ours for f in published.of_llmbar(data.llmbar(folder))}
    assert found["accuracy"] == pytest.approx(right)
    assert found["same verdict in both orders"] == pytest.approx(equal)
    pairs = data.pandalm(folder)["gpt-3.5-turbo"]
    right = sum((0.5 if p.verdicts[0] is None else p.verdicts[0]) == p.human for p in pairs) / 120
    assert published.of_pandalm(data.pandalm(folder))[0].ours == pytest.approx(right)


def test_a_figure_is_the_same_when_it_rounds_to_it() -> None:
    """To the digits that were published."""
    figure = published.Figure(
        source="s", case="c", what="w", published=0.7107, ours=0.71071, digits=4
    )
    assert figure.same
    assert not published.Figure(
        source="s", case="c", what="w", published=0.7107, ours=0.7109, digits=4
    ).same


def test_known_chances_are_kept_to(folder: Path) -> None:
    """Doubtful pairs are four times as likely to be labelled; every way leaves labels."""
    one = coverage.case("c", data.llmbar(folder)["GPT-4", "Vanilla"])
    assert len(one.human) == 119
    rng = np.random.default_rng(1)
    for way in coverage.WAYS:
        _, judge, labelled, chances = coverage._drawn(one, 30, way, rng)
        assert labelled.any()
        if chances is not None:
            doubtful = (judge > 0) & (judge < 1)
            assert chances[doubtful].min() >= chances[~doubtful].max()
        else:
            assert labelled.sum() == 30


def test_a_judge_is_spared_second_orders_only_where_its_bias_is_small() -> None:
    """Scores are one verdict or the mean of both; a judge that follows the place is not spared."""
    rng = np.random.default_rng(3)
    won = (rng.random(600) < 0.6).astype(float)
    steady = np.stack([won, won], axis=1)
    scores, calls = sparing.replay(steady, rng)
    assert (scores == won).all()
    assert 600 < calls < 800
    led = np.stack([np.ones(600), np.zeros(600)], axis=1)
    scores, calls = sparing.replay(led, rng)
    assert (scores == 0.5).all()
    assert calls == 1200


def test_the_table_of_orders_has_a_row_for_every_judge(folder: Path, capsys) -> None:
    """And without data there is none."""
    given = ["--data", str(folder), "--runs", "2", "--answers", "80"]
    assert sparing.main([*given, "--output", str(folder / "orders.md")]) == 0
    assert "| GPT-4, Vanilla |" in (folder / "orders.md").read_text()
    assert sparing.main(["--data", str(folder / "nowhere")]) == 2
