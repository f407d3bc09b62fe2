"""What is said of the orders that judges were asked in."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.unit.core.evaluation.test_orders import ITEMS, PANEL, calm, judged, project

from escalera.apps import drift_words, order_words
from escalera.core.evidence import fold


def said(events, panel=PANEL):
    """The one sentence, which is that of the rows, too."""
    made, evidence = project(panel), fold(events)
    (row,) = order_words.rows(made, panel, evidence)
    json.dumps(row)
    (line,) = order_words.lines(made, panel, evidence)
    assert row["words"] == line
    assert drift_words.build(made, evidence)[0]["orders"] == [row]
    return line


def test_a_small_bias_is_told_with_what_it_left_out():
    """Figures, what it costs in width, and the calls."""
    events = calm(96)
    for item in ITEMS[96:106]:
        events += judged(item, {"second": [1.0]})
    text = said(events)
    assert text.startswith("judge better (large): its position bias +0.0")
    assert "is smaller than 0.10: both orders are asked of 10% of the answers" in text
    assert text.endswith("wider for it; 10 calls left out, on 10 of 106 answers")
    assert order_words.left_out(project(), fold(events)) == 10


def test_why_both_orders_are_asked_is_told():
    """Too little evidence, too large a bias, or an order that decides too much."""
    assert "not shown to be smaller than 0.10 yet, on 20 independent answers" in said(calm(20))
    first = [judged(item, {"first": [1.0], "second": [0.5]}) for item in ITEMS[:80]]
    large = said([event for some in first for event in some])
    assert "is larger than 0.10: both orders are asked" in large
    mixed = [
        judged(item, {"first": [float(n % 2)], "second": [float(1 - n % 2)]})
        for n, item in enumerate(ITEMS)
    ]
    noisy = said([event for some in mixed for event in some])
    assert "the order changes so many verdicts that one would be mostly noise" in noisy


def test_nothing_is_said_of_judges_that_are_asked_in_all_orders_or_not_yet():
    """Neither before the first answer, nor where that is how it shall be."""
    panel = replace(PANEL, second_order=1.0)
    assert order_words.lines(project(panel), panel, fold(calm(96, panel=panel))) == []
    assert order_words.lines(project(), PANEL, fold([])) == []
    assert order_words.beforehand(panel) is None
    told = order_words.beforehand(PANEL)
    assert "shown to be smaller than 0.10" in told
    assert "45% fewer of its calls" in told
