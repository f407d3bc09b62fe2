"""How examples were told: lengths, and the marks of who speaks."""

import pytest

pytest.importorskip("torch")

from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.domain.training import Lesson, Told
from escalera.edges.training import telling
from escalera.edges.training.lessons import Teaching
from escalera.testing import tiny

pytestmark = pytest.mark.local

PAIRS = [
    TrainingPair(messages=(Message(role="user", content="ab"),), target="yes"),
    TrainingPair(messages=(Message(role="user", content="abc"),), target="no"),
]
MARKS = ("<|assistant|>", "<|system|>", "<|user|>")


def told(tmp_path, template: str = tiny.TEMPLATE) -> Told:
    """What is told of `PAIRS` with a tiny model's tokenizer and this template."""
    from transformers import AutoTokenizer

    tok = AutoTokenizer.from_pretrained(tiny.tiny_model(tmp_path, template=template))
    teaching = Teaching(tokenizer=tok, stops=frozenset({1}), context=None)
    return telling.facts(teaching, teaching.lessons(PAIRS), PAIRS)


def test_lengths_are_those_of_the_lesson_and_of_the_answer_by_itself(tmp_path) -> None:
    """Two marks around two bytes, the mark of the answer, the answer and its end."""
    assert told(tmp_path).lessons == (
        Lesson(place=0, prompt=5, learned=4, target=3, stops=True),
        Lesson(place=1, prompt=6, learned=3, target=2, stops=True),
    )


def test_marks_that_the_conversations_hold_are_used(tmp_path) -> None:
    """The pad and the end are no marks of who speaks, and nobody spoke as the system."""
    found = told(tmp_path)
    assert (found.known, found.used) == (MARKS, ("<|assistant|>", "<|user|>"))
    assert found.broken == ()


def test_the_template_of_another_family_shows(tmp_path) -> None:
    """The tokenizer takes its marks for ordinary text, and its own are not used."""
    foreign = tiny.TEMPLATE.replace("'<|' + m['role'] + '|>'", "'<|im_start|>' + m['role']")
    found = told(tmp_path, foreign.replace("'<|assistant|>'", "'<|im_start|>assistant'"))
    assert (found.known, found.used, found.broken) == (MARKS, (), ("<|im_start|>",))
