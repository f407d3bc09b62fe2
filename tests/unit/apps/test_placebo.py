"""What `placebo` shows: the claim in two sentences, a table, and what must be known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.apps.placebo import Trial, Trials, headline, require_items, trial
from escalera.core.evaluation.placebo import Claims, Placebo, Rules, Settings
from escalera.core.evidence import fold
from escalera.core.ladder.steps import Call
from escalera.domain.message import Decoding
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.errors import InputError
from escalera.testing import playbook

MAXIMUM = Claims(gain=0.0904, lower=0.0, upper=0.171, better=0.93, excess=0.0899)
FOUND = Placebo(
    copying="resampled",
    candidates=16,
    minibatch=35,
    repetitions=1000,
    seed=7,
    alpha=0.05,
    search_items=200,
    confirm_items=300,
    search_score=0.7,
    confirm_score=0.71,
    repeats=1,
    best_of_minibatches=MAXIMUM,
    best_of_common=replace(MAXIMUM, gain=0.051),
    confirmed=Claims(gain=-0.0002, lower=-0.05, upper=0.05, better=0.004, excess=0.0),
)
TRIAL = Trial(task="orders", found=FOUND, unscored=0, missing=0, wanted_minibatch=35)


def shown(**changes):
    """The text for one task."""
    return str(Trials(system="base", trials=(replace(TRIAL, **changes),)))


def test_the_claim_is_told_in_two_sentences():
    """What the maximum would say, what Escalera says, and what it may."""
    assert headline(FOUND) == (
        "Reporting the best of them would claim +0.09; nothing is better.",
        "Escalera claims a gain in 0.4\N{NARROW NO-BREAK SPACE}% of the repetitions (allowed "
        "5\N{NARROW NO-BREAK SPACE}%).",
    )
    first = shown().splitlines()[0].replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert first == "base on orders: 16 copies of the same system, 1 000 repetitions"


def test_a_gain_of_nothing_is_not_sold_as_one():
    """A system that is always right leaves no luck."""
    none = replace(FOUND, best_of_minibatches=replace(MAXIMUM, gain=0.001))
    assert headline(none)[0].endswith("next to nothing here: the scores hardly differ.")


def test_each_way_has_its_row():
    """With the items it used, and signs only where there is something to sign."""
    rows = [line.split("  ") for line in shown().splitlines()]
    table = {row[1]: [cell.strip() for cell in row[2:] if cell] for row in rows if len(row) > 4}
    assert table["best of 35 items each"][:2] == ["+0.090", "0.000 to +0.171"]
    assert table["best of all 200 search items"][0] == "+0.051"
    assert table["Escalera, on 300 fresh items"][0] == "0.000"
    assert table["Escalera, on 300 fresh items"][-1] == "0.000"


def test_how_copies_were_made_is_said():
    """By construction they tie; what is shown instead depends on what is known."""
    assert "One answer per item is known, so copies of this system tie on common items" in shown()
    alike = replace(FOUND, repeats=3)
    assert "It always answers alike, so copies" in shown(found=alike)
    sampled = shown(found=replace(alike, copying="sampled"))
    assert "one of up to 3 answers that this system gave" in sampled
    assert "tie" not in sampled
    assert "seed 7" in shown()


def test_what_was_left_out_or_changed_is_said():
    """Unscored items, calls that were not made, a smaller minibatch."""
    text = shown(unscored=1, missing=12, wanted_minibatch=50)
    assert "1 item was left out for want of a score" in text
    assert "12 calls were not made: a cap of [budget] is reached" in text
    assert "Minibatches hold 35 items, half of what there is, and not 50" in text


def test_exit_codes_and_data_for_scripts():
    """3 when a cap came first or too little is scored; the data hold every figure."""
    whole = Trials(system="base", trials=(TRIAL,))
    assert whole.exit_code == 0
    assert whole.document()["tasks"][0]["placebo"]["confirmed"]["better"] == 0.004
    for marred in (replace(TRIAL, missing=1), replace(TRIAL, found=None)):
        assert Trials(system="base", trials=(TRIAL, marred)).exit_code == 3
    empty = Trials(system="base", trials=(replace(TRIAL, found=None, missing=9),))
    assert empty.document()["tasks"][0]["placebo"] is None
    assert "too few items with a score" in str(empty)
    assert "9 calls were not made" in str(empty)
    assert "<pre>base on orders: 16 copies" in whole._repr_html_()


TASK = playbook.task("a", items={"search": 6, "confirm": 8})
PROJECT = playbook.project(TASK)
SYSTEM = System(model="base", revision="r", prompt=Prompt(), decoding=Decoding())
ROUTE = Route(branches=(Branch(task="a", system=SYSTEM),))
RULES = Rules(race_calls=60, alpha=0.05, looks=(0.5, 1.0))


def read(scores, *, repeats=1):
    """The trial on the evidence of these scores: split to item to repeat to score or None."""
    events = [
        playbook.observed(
            PROJECT, Call(system=SYSTEM, item=TASK.items(split)[item], repeat=repeat), score
        )
        for split, items in scores.items()
        for item, said in items.items()
        for repeat, score in said.items()
    ]
    settings = Settings(candidates=3, repetitions=5)
    return trial(TASK, ROUTE, fold(events), repeats=repeats, settings=settings, rules=RULES)


def alternating(count):
    return {item: {0: float(item % 2), 1: 1.0} for item in range(count)}


def test_scores_are_read_item_by_item():
    """All items of both splits; further repeats only where they are wanted."""
    scores = {"search": alternating(6), "confirm": alternating(8)}
    once, twice = read(scores), read(scores, repeats=2)
    assert (once.missing, once.unscored) == (twice.missing, twice.unscored) == (0, 0)
    assert (once.found.search_items, once.found.confirm_items) == (6, 8)
    assert (once.found.search_score, twice.found.search_score) == (0.5, 0.75)
    assert (once.found.copying, twice.found.copying) == ("resampled", "sampled")
    assert once.found.minibatch == 3


def test_what_has_no_score_is_counted():
    """Asked without a score, and not asked, are told apart."""
    scores = {"search": alternating(6), "confirm": alternating(5)}
    scores["search"][1] = {0: None}
    found = read(scores)
    assert (found.unscored, found.missing) == (1, 3)
    assert (found.found.search_items, found.found.confirm_items) == (5, 5)
    assert read({"search": alternating(6), "confirm": alternating(1)}).found is None


def test_tasks_without_items_are_refused():
    """Before anything is bought, with the split and the remedy."""
    require_items([TASK])
    bare = playbook.task("b", items={"search": 1, "confirm": 8})
    with pytest.raises(InputError, match=r"'b' has 1 `search` items.*at least 2: add items"):
        require_items([TASK, bare])
