"""BLEU and chrF, by the figures of sacreBLEU's own tests."""

from __future__ import annotations

import sys

import pytest

from escalera.edges.scoring.overlap import Bleu, ChrF
from escalera.errors import MissingExtra

sacrebleu = pytest.importorskip("sacrebleu")

ROMANIAN = (
    "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;",
    "producţia de zahăr brut se exprimă în zahăr alb;",
)


@pytest.mark.parametrize(
    ("options", "percent"),
    [
        # test/test_sentence_bleu.py of sacreBLEU (Apache-2.0).
        ({}, 8.493),
        ({"tokenize": "none"}, 7.347),
        ({"tokenize": "intl"}, 8.493),
        ({"tokenize": "char"}, 40.8759),
        ({"tokenize": "char", "lowercase": True}, 42.0267),
    ],
)
def test_published_figures_of_bleu(bench, answer, options, percent):
    """A sentence with one reference."""
    found = bench.score("bleu", Bleu(**options), answer(*ROMANIAN))
    assert found.value == pytest.approx(percent / 100, abs=1e-5)


@pytest.mark.parametrize(
    ("reply", "target", "percent"),
    [
        # test/test_chrf.py of sacreBLEU (Apache-2.0).
        ("aa", "ab", 25.0),
        ("a", "a", 100.0),
        ("a b c", "abc", 100.0),
        ("", "reference", 0.0),
        ("abcdefg", "hijklmnop", 0.0),
    ],
)
def test_published_figures_of_chrf(bench, answer, reply, target, percent):
    """Of characters alone."""
    found = bench.score("chrf", ChrF(), answer(reply, target))
    assert found.value == pytest.approx(percent / 100, abs=1e-6)


def test_words_make_it_chrf_plus_plus(bench, answer):
    """Computed with sacreBLEU 2.6.0 on the command line: 64.6 and 66.4."""
    asked = answer("the cat sat on the mat", "the cat is on the mat")
    assert bench.score("chrf", ChrF(), asked).value == pytest.approx(0.6458, abs=1e-4)
    assert bench.score("chrf", ChrF(word_order=2), asked).value == pytest.approx(0.6636, abs=1e-4)


def test_the_same_text_is_right_and_an_empty_one_wrong(bench, answer):
    """Shorter than four words, too: the longest sequences that there are count."""
    for kind, options in (("bleu", Bleu()), ("chrf", ChrF())):
        found = bench.scores(kind, options, answer("two words", "two words"), answer("", "x"))
        assert [one.value for one in found] == [pytest.approx(1.0), 0.0]


def test_the_version_of_the_library_is_part_of_the_identity(bench):
    """Its authors ask that scores name it."""
    assert sacrebleu.__version__ in bench.chosen("bleu", Bleu()).identity


def test_a_missing_library_is_told_before_anything_is_spent(bench, monkeypatch):
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(MissingExtra, match=r"escalera\[scorers\]"):
        bench.chosen("chrf", ChrF())
