"""Samples: what is scored, what is missing, and the two ends of what the missing could be."""

from __future__ import annotations

from escalera.core.evaluation.sample import Row, Sample, Scores

ROWS = (
    Row(candidate=1.0, incumbent=0.5, cluster="a"),
    Row(candidate=None, incumbent=1.0, cluster="a"),
    Row(candidate=0.25, incumbent=None, cluster="b"),
    Row(candidate=None, incumbent=None, cluster="c"),
)


def test_pairs_are_whole_or_left_out():
    """Either side's gap leaves the item out of the scores, with its cluster."""
    pairs = Sample(rows=ROWS, paired=True)
    assert pairs.scored == Scores(candidate=(1.0,), incumbent=(0.5,), clusters=("a",))
    assert pairs.unscored == 3


def test_the_missing_speak_against_the_candidate_and_for_it():
    """All items are there: the candidate's gaps at one end, the incumbent's at the other."""
    pairs = Sample(rows=ROWS, paired=True)
    assert pairs.worst() == Scores(
        candidate=(1.0, 0.0, 0.25, 0.0),
        incumbent=(0.5, 1.0, 1.0, 1.0),
        clusters=("a", "a", "b", "c"),
    )
    assert pairs.best() == Scores(
        candidate=(1.0, 1.0, 0.25, 1.0),
        incumbent=(0.5, 1.0, 0.0, 0.0),
        clusters=("a", "a", "b", "c"),
    )


def test_without_an_incumbent_its_scores_do_not_count():
    """Only the candidate's gaps leave an item out."""
    alone = Sample(rows=ROWS, paired=False)
    assert alone.scored == Scores(candidate=(1.0, 0.25), incumbent=(), clusters=("a", "b"))
    assert alone.unscored == 2
    assert alone.worst().candidate == (1.0, 0.0, 0.25, 0.0)
    assert alone.best().incumbent == ()


def test_repeats_without_a_score_bound_what_the_item_is_worth():
    """Half of an item's repeats scored 1: over all of them it is worth 0.5 to 1."""
    row = Row(candidate=1.0, incumbent=0.5, cluster="a", candidate_known=0.5, incumbent_known=0.8)
    pairs = Sample(rows=(row, ROWS[0]), paired=True)
    assert (pairs.unscored, pairs.partly, pairs.whole) == (0, 1, False)
    assert pairs.scored.candidate == (1.0, 1.0)
    assert (pairs.worst().candidate[0], pairs.best().candidate[0]) == (0.5, 1.0)
    assert (round(pairs.worst().incumbent[0], 9), round(pairs.best().incumbent[0], 9)) == (0.6, 0.4)
    assert Sample(rows=ROWS[:1], paired=True).whole
