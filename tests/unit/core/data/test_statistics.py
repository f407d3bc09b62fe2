"""What a data set holds."""

from __future__ import annotations

import numpy as np
import pytest

from escalera.core.data import statistics
from escalera.core.data.rows import Row
from escalera.core.data.statistics import Tally
from escalera.domain.message import Message


def row(number=0, **more):
    return Row(**({"name": "", "split": "train", "input": "a b", "target": "x"} | more))


def test_everything_is_counted():
    """Splits, forms, licences, sources, answers, turns and system messages."""
    tally = Tally(language=lambda text: "en" if "a" in text else "")
    tally.add(row(), "items")
    tally.add(row(split=None, licence="MIT", source="s", target="y", input="b"), "pairs")
    turn = (Message(role="user", content="u"),)
    tally.add(row(history=turn, fields=(("system", '"s"'),), licence="MIT"), "chat")
    said = tally.document()
    assert said["rows"] == 3
    assert said["splits"] == {"train": 2, "": 1}
    assert said["forms"] == {"items": 1, "pairs": 1, "chat": 1}
    assert said["licences"] == {"MIT": 2, "unknown": 1}
    assert said["sources"] == {"unknown": 2, "s": 1}
    assert (said["answers"], said["different_answers"]) == ({"x": 2, "y": 1}, 2)
    assert (said["with_history"], said["with_system_message"]) == (1, 1)
    assert said["languages"] == {"en": 2, "unknown": 1}


def test_lengths_are_quantiles_of_what_was_read():
    """By the definition of the inverted distribution; tokens where a tokenizer counts them."""
    tally = Tally(tokens=lambda text: 2 * len(text))
    lengths = [1, 1, 2, 3, 5, 8, 13]
    for length in lengths:
        tally.add(row(input="x" * length), "items")
    found = tally.lengths()
    assert found["input characters"]["q0.5"] == 3
    assert found["input characters"]["q1"] == 13
    assert found["input characters"]["mean"] == pytest.approx(np.mean(lengths))
    assert found["input tokens"]["sum"] == 2 * sum(lengths)
    assert found["input words"]["q0.95"] == 1


def test_free_text_is_not_counted_answer_by_answer():
    """Long answers, or too many different ones: memory stays bounded."""
    tally = Tally()
    tally.add(row(target="x" * (statistics.LONGEST_ANSWER + 1)), "items")
    assert tally.document()["answers"] is None
    tally = Tally()
    for number in range(statistics.MOST_ANSWERS + 1):
        tally.add(row(target=str(number)), "items")
    assert tally.answers is None


def test_many_sources_are_counted_together(monkeypatch):
    """The first ones by themselves; none is lost."""
    monkeypatch.setattr(statistics, "MOST_SOURCES", 2)
    tally = Tally()
    for source in ("a", "b", "c", "d", "a"):
        tally.add(row(source=source), "items")
    assert tally.document()["sources"] == {"a": 2, "(others)": 2, "b": 1}
    tally = Tally()
    for number in range(15):
        tally.add(row(target=f"t{number}"), "items")
    shown = tally.document()["answers"]
    assert shown["(others)"] == 15 - statistics.SHOWN
