"""The bench of routers judges what it says, on messages and outcomes made for the purpose."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from bench.routing import commanding, data, deciding, peers, rejecting


def written(folder, name, rows):
    """A file of rows as the data sets have them."""
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def messages(tmp_path):
    """Three types that are easily told apart, and strangers."""
    rows = [
        {"text": f"{said} {n}", "label": label}
        for n in range(60)
        for said, label in (
            ("add a lamp to order", "orders"),
            ("thank you for the sofa", "praise"),
            ("where is my parcel", "parcels"),
            ("why is thunder loud", "oos"),
        )
    ]
    folder = tmp_path / "clinc150_oos"
    written(folder, "train", rows[:80])
    written(folder, "valid", rows[80:160])
    written(folder, "test", rows[160:])
    return data.clinc(tmp_path)


def test_strangers_are_not_learned_from(messages):
    """They are kept apart, and stay in what is judged on."""
    assert messages.types == ("orders", "parcels", "praise")
    assert (len(messages.train), len(messages.strangers), len(messages.test)) == (60, 20, 80)


def test_the_section_has_a_row_for_everyone(messages, tmp_path):
    """All is right here, and all strangers are rejected, by every judge with a threshold."""
    lines = rejecting.lines(messages, tmp_path / "kept")
    rows = [line.split("|")[2:4] for line in lines if line.startswith(("| Esc", "| TF"))]
    assert len(rows) == 1 + len(peers.PEERS)
    assert rows[0] == [" 1.000 ", " 1.000 "]
    assert (tmp_path / "kept" / "CLINC150" / "router.json").exists()


def test_a_share_of_the_gap_is_counted_from_the_lowest_signal():
    """By hand: the first of four items has all the gap, then none is left to recover."""
    signal = np.array([0.1, 0.5, 0.6, 0.9])
    weak, strong = np.array([0.0, 1, 1, 1]), np.ones(4)
    assert deciding.recovered(signal, weak, strong) == pytest.approx(4 / 5)
    assert deciding.half(signal, weak, strong) == 0.25


def test_outcomes_are_parted_by_their_names(tmp_path):
    """Together and by benchmark; the same item is always in the same part."""
    rows = [
        {"id": f"{n}", "benchmark": "ab"[n % 2], "prompt": f"p{n}", "weak": True, "strong": False}
        for n in range(40)
    ]
    written(tmp_path / "routing_outcomes", "outcomes", rows)
    together, *parts = data.outcomes(tmp_path)
    assert [one.name for one in (together, *parts)] == ["together", "a", "b"]
    assert sorted(np.concatenate([one.part for one in parts])) == sorted(together.part)
    assert set(together.part) == {0, 1, 2, 3}


def outcomes(count, *, seen=True):
    """Questions that are hard for the weak model or not, and (where *seen*) say so."""
    chance = np.random.default_rng(1)
    hard = chance.random(count) < 0.4
    words = [f"prove lemma {n}" if one and seen else f"add {n}" for n, one in enumerate(hard)]
    return data.Outcomes(
        name="made",
        prompts=words,
        weak=np.where(hard, chance.random(count) < 0.2, chance.random(count) < 0.98).astype(float),
        strong=(chance.random(count) < 0.98).astype(float),
        part=np.zeros(count, int),
    )


def test_a_claim_of_the_command_is_held_against_items_that_it_never_saw():
    """Where questions say what is hard a gain is claimed and true; else none is claimed."""
    found = commanding.replayed(outcomes(2000), 0)
    assert found.proof.worth == "gain"
    assert found.holds
    assert found.lost <= commanding.MOST_LOST
    assert found.share == pytest.approx(0.4, abs=0.05)
    blind = commanding.replayed(outcomes(2000, seen=False), 0)
    assert blind.proof.worth != "gain"


def test_a_question_is_in_one_split_only():
    """The first of two that are alike is kept."""
    one = outcomes(50)
    twice = data.Outcomes(
        name="twice",
        prompts=[*one.prompts, *one.prompts[:9]],
        weak=np.append(one.weak, 1 - one.weak[:9]),
        strong=np.append(one.strong, one.strong[:9]),
        part=np.append(one.part, one.part[:9]),
    )
    found = commanding._distinct(twice)
    assert found.prompts == one.prompts
    assert found.weak.tolist() == one.weak.tolist()
