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
