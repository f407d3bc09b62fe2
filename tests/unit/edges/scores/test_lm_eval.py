"""Samples of the LM Evaluation Harness: real ones, and what its format allows."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.unit.edges.scores.tables import DATA

from escalera.edges.scores import lm_eval
from escalera.errors import ScoresError

RUNS = DATA / "lm_eval"


def test_a_real_folder_with_two_models():
    """Every document under both filters, named as the harness names them."""
    table = lm_eval.read(RUNS)
    assert table.systems == ("mock-strong", "mock-weak")
    assert table.tasks == ("sums/exact_match,first", "sums/exact_match,number")
    assert len(table.rows) == 2 * 2 * 6
    means = {
        system: sum(row.score for row in table.rows if row.system == system) / 12
        for system in table.systems
    }
    assert means == {"mock-strong": 1.0, "mock-weak": pytest.approx(1 / 3)}
    items = {row.item for row in table.rows}
    assert len(items) == 6
    assert "0-2d8d437b4eee" in items
    assert table.notes == ("sums: several answers per document were reduced to one by lm-eval",)


def test_a_real_file_on_its_own(tmp_path):
    """The results beside it name the model; without them its folder does, and that is noted."""
    file = next((RUNS / "mock-weak").glob("samples_*"))
    assert lm_eval.read(file).systems == ("mock-weak",)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy2(file, moved)
    table = lm_eval.read(moved / file.name)
    assert table.systems == ("elsewhere",)
    assert "the model is its folder's name" in table.notes[0]


def line(number, **given):
    plain = {"doc_id": number, "doc": {}, "resps": [[["-1.0", "False"]]], "filtered_resps": []}
    return plain | {"doc_hash": f"{number:064x}", "target": "x", "arguments": {}} | given


def samples(folder, *lines, name="samples_arc_easy.jsonl"):
    file = folder / name
    file.write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return file


def test_metrics_of_older_samples_are_found(tmp_path):
    """They have no list of metrics and no filter."""
    table = lm_eval.read(samples(tmp_path, line(0, acc=1.0, acc_norm=False)))
    assert [(row.task, row.score) for row in table.rows] == [
        ("arc_easy/acc", 1.0),
        ("arc_easy/acc_norm", 0.0),
    ]
    assert not any("reduced" in note for note in table.notes)


def test_metrics_without_a_value_per_document_are_left_out_and_noted(tmp_path):
    """Perplexity and the like exist for the whole set only, or are on another scale."""
    given = line(0, filter="none", metrics=["acc", "bleu", "bypass"], acc=1, bleu=["a", "b"])
    table = lm_eval.read(samples(tmp_path, given | {"bypass": 999}))
    assert table.tasks == ("arc_easy/acc",)
    assert table.notes[1:] == (
        "left out arc_easy/bleu: it has no value per document",
        "left out 'arc_easy/bypass', which is on no known scale: "
        "the score 999.0 is outside of 0 to 1 (line 1)",
    )


def test_a_metric_that_is_better_when_lower_is_left_out(tmp_path):
    """The results of the run say so; read as a score it would turn every comparison around."""
    date = "2026-01-02T03-04-05.678901"
    given = line(0, metrics=["acc", "brier"], acc=1, brier=0.2, doc={"cluster": "page 1"})
    file = samples(tmp_path, given, name=f"samples_a_b_{date}.jsonl")
    better = {"a_b": {"acc": True, "brier": False}}
    results = {"model_name": "org/model", "higher_is_better": better}
    file.with_name(f"results_{date}.json").write_text(json.dumps(results))
    table = lm_eval.read(file)
    assert [(row.system, row.task, row.cluster) for row in table.rows] == [
        ("org/model", "a_b/acc", "page 1")
    ]
    assert table.notes == ("left out a_b/brier: it is better when lower",)


def test_two_runs_of_one_model_are_not_mixed(tmp_path):
    """Nothing says whether the second is a repeat or a correction."""
    for date in ("2026-01-02T03-04-05.1", "2026-01-03T03-04-05.1"):
        samples(tmp_path, line(0, acc=1), name=f"samples_arc_{date}.jsonl")
    with pytest.raises(ScoresError, match=r"samples_arc_2026-01-03.*line 1: the item .* also on"):
        lm_eval.read(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"doc_id": "x", "acc": 1}, "line 2: the `doc_id` 'x' is no number"),
        ({"acc": 1, "doc_id": 0}, "line 2: the item '0-000000000000' of 'arc_easy/acc'"),
    ],
)
def test_a_line_that_is_no_sample_is_named(tmp_path, given, said):
    """With file, line and value."""
    with pytest.raises(ScoresError) as caught:
        lm_eval.read(samples(tmp_path, line(0, acc=1), line(1) | given))
    assert said in str(caught.value)


def test_samples_are_recognised(tmp_path):
    """By the folder, by the name, or by the first line."""
    assert lm_eval.recognises(RUNS)
    assert not lm_eval.recognises(tmp_path)
    assert lm_eval.recognises(samples(tmp_path, line(0), name="any.jsonl"))
    assert not lm_eval.recognises(samples(tmp_path, {"item": 1}, name="other.jsonl"))
    assert lm_eval.recognises(samples(tmp_path))
