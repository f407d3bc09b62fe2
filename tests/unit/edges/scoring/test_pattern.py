"""Regular expressions."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import pattern
from escalera.edges.scoring.pattern import Regex
from escalera.errors import BadOption


@pytest.mark.parametrize(
    ("options", "reply", "target", "wanted"),
    [
        ({"pattern": r"\bparis\b"}, "It is Paris.", "x", 1),
        ({"pattern": r"\bparis\b", "case": True}, "It is Paris.", "x", 0),
        ({"pattern": r"answer: *(\w+)"}, "Answer: B", "b", 1),
        ({"pattern": r"answer: *(\w+)", "case": True}, "answer: B", "b", 0),
        ({"pattern": r"answer: *(\w+)"}, "answer: A\nno, answer: B", "B", 1),
        ({"pattern": r"answer: *(\w+)"}, "B", "B", 0),
        ({"pattern": r"answer:(.*)"}, "answer: 7 ", "7", 1),
        ({"pattern": r"(a)|b"}, "b", "a", 0),
        ({"pattern": r"^{target}$"}, "first\na+b\nlast", "a+b", 1),
        ({"pattern": r"^{target}$"}, "aab", "a+b", 0),
        ({"pattern": r"a{2}"}, "aa", "x", 1),
        ({}, "order 4711 shipped", r"order \d{4}", 1),
        ({}, "order 47 shipped", r"order \d{4}", 0),
        ({"pattern": "x.y"}, "x\ny", "t", 1),
        ({"pattern": "x"}, "", "t", 0),
    ],
)
def test_patterns(bench, answer, options, reply, target, wanted):
    """Found anywhere, compared by its group, with the target in it, or the target itself."""
    assert bench.score("regex", Regex(**options), answer(reply, target)).value == wanted


def test_a_pattern_that_takes_for_ever_is_stopped(bench, answer, monkeypatch):
    """Twice as long for every further letter: unscored, and the next reply is scored."""
    monkeypatch.setattr(pattern, "SECONDS", 1.0)
    options = Regex(pattern=r"^(?:a+)+$")
    found = bench.scores("regex", options, answer("a" * 60 + "!"), answer("aaa"))
    assert [one.value for one in found] == [None, 1.0]
    assert found[0].reason == "the match took longer than 1 s"


def test_what_is_no_pattern_is_refused_before_anything_is_spent(bench):
    """In the project file, and in a target that is one."""
    with pytest.raises(BadOption, match=r"^pattern: '\(a' is no pattern: missing \)"):
        Regex(pattern="(a")
    with pytest.raises(BadOption, match="has 2 groups, and one at most is read"):
        Regex(pattern="(a)(b)")
    chosen = bench.chosen("regex", Regex())
    assert chosen.refuses("a+") is None
    assert chosen.refuses("a(").startswith("is no pattern")
    assert bench.chosen("regex", Regex(pattern="x")).refuses("a(") is None


def test_only_the_beginning_of_an_absurd_reply_is_looked_at(bench, answer):
    """So that the line to the process stays short."""
    long = "x" * pattern.LONGEST_REPLY + "needle"
    assert bench.score("regex", Regex(pattern="needle"), answer(long)).value == 0.0
