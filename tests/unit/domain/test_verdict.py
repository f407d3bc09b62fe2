"""Questions are known by content."""

from __future__ import annotations

from dataclasses import fields, replace

from escalera.domain.verdict import Question

QUESTION = Question(
    kind="regression", task="a", candidate="c", incumbent="i", threshold=0.1, alpha=0.01
)


def test_every_field_makes_another_question():
    """Looks are counted per question: two questions must never share their looks."""
    others = {
        "kind": "adequacy",
        "task": "b",
        "candidate": "d",
        "incumbent": None,
        "threshold": 0.2,
        "alpha": 0.02,
        "mode": "anytime",
    }
    assert set(others) == {field.name for field in fields(Question)}
    digests = {replace(QUESTION, **{name: value}).digest for name, value in others.items()}
    assert len(digests | {QUESTION.digest}) == len(others) + 1
