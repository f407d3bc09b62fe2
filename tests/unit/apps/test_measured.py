"""The table of `eval`: figures, what a reader must know, and data for scripts."""

from __future__ import annotations

from dataclasses import replace

from escalera.apps.measured import Evaluation
from escalera.core.evaluation.summary import Summary
from escalera.domain.verdict import Figure

FULL = Summary(
    system="base",
    task="orders",
    figure=Figure(value=0.5, lower=0.4, upper=0.6, n=80, clusters=70),
    unscored=0,
    worst=0.5,
    best=0.5,
    retried=0,
    first_try=0.5,
    noise=None,
    answers=80,
    reused=0,
    tokens=12.0,
    micro_dollars=50.0,
    seconds=0.25,
    revisions=("r1",),
)


def shown(*summaries, missing=0):
    return Evaluation(split="confirm", summaries=summaries, missing=missing)


def test_a_row_per_system_and_task():
    """Score, interval, items in clusters, price and time."""
    head, row, *_ = str(shown(FULL)).splitlines()
    assert head.split()[:3] == ["system", "task", "score"]
    for part in ("base", "orders", "0.500", "[0.400, 0.600]", "80 in 70", "$0.05", "0.250 s"):
        assert part in row


def test_validity_is_a_column_where_a_task_has_a_schema():
    """Beside the score; a task without one leaves the cell empty, and alone it has no column."""
    assert "valid" not in str(shown(FULL)).splitlines()[0]
    share = Figure(value=0.9375, lower=0.8, upper=0.99, n=80, clusters=70)
    held = replace(FULL, valid=share, repairs=0.25)
    head, first, second, *_ = str(shown(held, FULL)).splitlines()
    assert head.split()[5:] == ["valid", "price", "time"]
    assert "93.8%, 0.25 repairs" in first
    assert "%" not in second
    assert shown(held).document()["systems"][0]["valid"]["value"] == 0.9375


def test_clean_figures_need_one_note():
    """That intervals hold one by one."""
    assert shown(FULL).notes() == (
        "Each interval holds by itself; to choose between systems use `compare`.",
    )
    assert shown(FULL).exit_code == 0


def test_what_must_be_known_is_said():
    """Missing scores with their bounds, retries, a changed endpoint, calls that were not made."""
    marred = replace(
        FULL,
        unscored=4,
        worst=0.476,
        best=0.524,
        retried=3,
        first_try=0.48,
        noise=0.25,
        revisions=("a", "b"),
    )
    found = shown(marred, missing=7)
    text = str(found)
    assert "4 items have no score" in text
    assert "0.476 to 0.524" in text
    assert "3 answers came after a failed try" in text
    assert "0.480" in text
    assert "25% of the squared error comes from drawing answers" in text
    assert "the endpoint changed while it was asked: a, b" in text
    assert "7 calls were not made" in text
    assert found.exit_code == 3


def test_no_score_at_all_is_no_zero():
    """The word, not a number."""
    empty = replace(FULL, figure=None, unscored=80, worst=0.0, best=1.0, first_try=None)
    assert "none" in str(shown(empty)).splitlines()[1]


def test_the_page_escapes_and_the_data_keep_clocks_apart():
    """Names are foreign text; times are under `clocks`."""
    page = shown(replace(FULL, system="<b>"))._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    (row,) = shown(FULL).document()["systems"]
    assert row["clocks"] == {"seconds": 0.25}
    assert "seconds" not in row


def test_items_of_which_some_repeats_have_no_score_are_told():
    """With the bounds, beside those that have none at all, and alone."""
    both = replace(FULL, unscored=2, partly=3, worst=0.5, best=0.9)
    told = shown(both).notes()[0]
    assert told.endswith(
        "2 items have no score, 3 items have no score for some repeats; whatever they are worth, "
        "the mean over all items lies in 0.500 to 0.900"
    )
    alone = shown(replace(both, unscored=0)).notes()
    assert ": 3 items have no score for some repeats; whatever" in alone[0]


def test_why_items_have_no_score_is_told_on_one_line():
    """The most frequent reason, cut where it is long."""
    why = "RuntimeError:\n" + "the scorer is broken " * 30
    gaps = replace(FULL, unscored=80, unscored_why=why)
    told = shown(gaps).notes()[0]
    assert "80 items have no score (most often: RuntimeError: the scorer is broken" in told
    assert "…); whatever they are worth" in told
    assert len(told) < 400
