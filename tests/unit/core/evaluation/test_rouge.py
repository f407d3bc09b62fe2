"""ROUGE against the published figures of ROUGE-1.5.5 and a plain table of subsequences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.evaluation import rouge
from escalera.domain.dataset import Example
from escalera.domain.scoring import Submission

FEW = settings(derandomize=True, max_examples=150, deadline=None)
WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def scored(reply, target, variant):
    item = Example(id="1", task="t", split="confirm", input="q", target=target, cluster="1")
    return rouge.score(Submission(reply=reply, item=item), rouge.Rouge(variant=variant))


def f1(reply, target, variant):
    return scored(reply, target, variant).value


@pytest.mark.parametrize(
    ("target", "reply", "variant", "wanted"),
    [
        # The tests of Google's rouge-score 0.1.2 (rouge_scorer_test.py, Apache-2.0).
        ("testing one two", "testing", "rouge1", 1 / 2),
        ("testing one two", "testing one", "rouge1", 4 / 5),
        ("testing one two", "testing one", "rouge2", 2 / 3),
        ("testing one two", "testing one", "rougeL", 4 / 5),
        ("testing one two", "testing two", "rougeL", 4 / 5),
        ("first text", "text first", "rouge1", 1.0),
        ("first text", "text first", "rouge2", 0.0),
        ("first something", "text first", "rougeL", 0.5),
        ("testing one two", "", "rouge1", 0.0),
        ("testing one two", "", "rouge2", 0.0),
        ("testing one two", "", "rougeL", 0.0),
        ("w1 w2 w3 w4 w5", "/", "rougeL", 0.0),
        # Lin (2004), section 3.1: S1 is the reference, then S2 and S3; beta = 1.
        ("police killed the gunman", "police kill the gunman", "rougeL", 3 / 4),
        ("police killed the gunman", "the gunman kill police", "rougeL", 2 / 4),
    ],
)
def test_published_figures(target, reply, variant, wanted):
    """Golden values."""
    assert f1(reply, target, variant) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("variant", "wanted"), [("rouge1", 13 / 14), ("rouge2", 9 / 13), ("rougeL", 5 / 7)]
)
def test_figures_of_the_reference_implementation(variant, wanted):
    """Computed with rouge-score 0.1.2: marks, capitals and digits are treated as there."""
    target = "The quick brown fox, aged 3, jumps over the lazy dog; the dog sleeps!"
    reply = "A quick brown-fox jumps over the dog. The lazy dog (aged 3) sleeps"
    assert f1(reply, target, variant) == pytest.approx(wanted)


def test_words_of_every_script_count():
    """Where a to z alone would tear words apart or lose them."""
    wanted = ["el", "niño", "comió", "3", "piñas", "dulces"]
    assert rouge.words("El niño comió 3 piñas_dulces") == wanted
    assert f1("Привет, мир", "привет мир", "rougeL") == 1.0


@FEW
@given(WORDS, WORDS)
def test_the_longest_common_subsequence(left, right):
    """The bit-parallel count is that of the textbook's table."""
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
            )
    total = len(left) + len(right)
    wanted = 2 * table[-1][-1] / total if table[-1][-1] else 0.0
    assert rouge.f1(left, right, "rougeL") == pytest.approx(wanted)


@FEW
@given(WORDS, WORDS, st.sampled_from(["rouge1", "rouge2", "rougeL"]))
def test_it_is_symmetric_and_one_for_the_same(left, right, variant):
    """F1 does not ask which text is the reference; longer sequences are never easier."""
    assert rouge.f1(left, right, variant) == rouge.f1(right, left, variant)
    if len(left) > 1:
        assert rouge.f1(left, left, variant) == 1.0
    assert rouge.f1(left, right, "rougeL") <= rouge.f1(left, right, "rouge1")


def test_what_cannot_be_scored_is_told():
    """A target without a word, or of absurd length; a reply of absurd length is only wrong."""
    assert "holds no word" in scored("x", "?!", "rougeL").reason
    long = "word " * (rouge.MOST_WORDS + 1)
    assert "20001 words" in scored("x", long, "rougeL").reason
    assert f1("other " * (rouge.MOST_WORDS + 1), "word", "rougeL") == 0.0
