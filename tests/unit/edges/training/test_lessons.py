"""Lessons: what is taught, and where the answer begins and ends."""

import re
from dataclasses import replace

import pytest

pytest.importorskip("torch")

from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.edges.training import lessons
from escalera.edges.training.lessons import Lesson, Teaching
from escalera.errors import TrainingError
from escalera.testing import tiny

pytestmark = pytest.mark.local

STOPS = frozenset({1})
PAIR = TrainingPair(messages=(Message(role="user", content="Größe?"),), target="42 €")


def tokenizer(tmp_path, template: str = tiny.TEMPLATE):
    """The tokenizer of a tiny model with this template."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny.tiny_model(tmp_path, template=template))


def told(tok, context: int | None = None) -> Teaching:
    """How conversations are told with this tokenizer."""
    return Teaching(tokenizer=tok, stops=STOPS, context=context)


def taught(found: Lesson, tok) -> str:
    """The text of the answer's tokens, marks included."""
    return tok.decode(found.tokens[found.answer :])


def test_the_answer_and_its_end_token_are_taught(tmp_path) -> None:
    """The answer begins after the generation prompt and ends with the token that stops serving."""
    tok = tokenizer(tmp_path)
    (lesson,) = told(tok).lessons([PAIR])
    assert taught(lesson, tok) == "42 €<|end|>"
    assert tok.decode(lesson.tokens[: lesson.answer]) == "<|user|>Größe?<|end|><|assistant|>"


def test_what_a_template_adds_behind_the_end_is_not_taught(tmp_path) -> None:
    """ChatML ends a turn with a line feed that serving never sees."""
    tok = tokenizer(tmp_path, tiny.TEMPLATE.replace("'<|end|>'", "'<|end|>\\n'"))
    (lesson,) = told(tok).lessons([PAIR])
    assert taught(lesson, tok) == "42 €<|end|>"


def test_an_answer_that_holds_the_end_mark_is_taught_whole(tmp_path) -> None:
    """Only the last stop token ends the lesson."""
    pair = TrainingPair(messages=PAIR.messages, target="a<|end|>b")
    tok = tokenizer(tmp_path)
    (lesson,) = told(tok).lessons([pair])
    assert taught(lesson, tok) == "a<|end|>b<|end|>"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (tiny.TEMPLATE.replace("'<|assistant|>'", "'<|assistant|>think:'"), "answer begins"),
        (tiny.TEMPLATE.replace("'<|end|>'", "'.'"), "never learn to stop"),
        ("{{ raise_exception('user first') }}", "user first"),
    ],
)
def test_a_template_that_cannot_be_taught_is_refused(tmp_path, template: str, words: str) -> None:
    """A boundary that is not there, an end that does not stop, and a template's own refusal."""
    teaching = told(tokenizer(tmp_path, template))
    for refused in (lambda: teaching.lessons([PAIR]), teaching.require):
        with pytest.raises(TrainingError, match=words):
            refused()


def test_a_token_across_the_boundary_is_split_as_serving_splits_it() -> None:
    """The prompt's tokens are those that serving computes from the prompt alone."""

    class Merging:
        """Joins "> " to one token, as a subword tokenizer may do across the boundary."""

        def apply_chat_template(self, turns, *, tokenize, add_generation_prompt=False):
            text = "".join(f"[{turn['role']}]>{turn['content']}$" for turn in turns)
            return text + "[assistant]>" if add_generation_prompt else text

        def __call__(self, text, *, add_special_tokens):
            pieces = text.replace("> ", "\0")
            return {"input_ids": [1 if letter == "$" else ord(letter) + 2 for letter in pieces]}

    pair = TrainingPair(messages=(Message(role="user", content="hi"),), target=" there")
    (lesson,) = told(Merging()).lessons([pair])
    prompt = Merging()("[user]>hi$[assistant]>", add_special_tokens=False)["input_ids"]
    assert list(lesson.tokens[: lesson.answer]) == prompt
    assert lesson.tokens[lesson.answer] == ord(" ") + 2


def test_what_does_not_fit_is_an_error_before_any_computing(tmp_path) -> None:
    """The message names the example, its tokens, the context and the remedy."""
    long = TrainingPair(messages=(Message(role="user", content="x" * 100),), target="y")
    with pytest.raises(TrainingError, match=r"example 2 of 2 has 105 tokens; .* holds 64"):
        told(tokenizer(tmp_path), context=64).lessons([PAIR, long])
    named = replace(long, item="a/7")
    without = r'2 of 2 \(a/7\) has 105 .*leave the example out: training\.without = \["a/7"\]\.$'
    with pytest.raises(TrainingError, match=without):
        told(tokenizer(tmp_path), context=64).lessons([PAIR, named])


def test_the_longest_conversation_and_answer_are_counted(tmp_path) -> None:
    """The end of an answer is not counted: what is cut there is whole."""
    long = TrainingPair(messages=(Message(role="user", content="x" * 100),), target="yes")
    assert told(tokenizer(tmp_path)).longest([PAIR, long]) == (107, 6)


def test_a_token_that_the_model_does_not_know_is_an_error(tmp_path) -> None:
    """A tokenizer may have more tokens than the model: what they are is told, before computing."""
    tok = tokenizer(tmp_path)
    plain = TrainingPair(messages=(Message(role="user", content="A?"),), target="42")
    known = replace(told(tok), width=len(tok))
    assert known.lessons([plain, PAIR])
    known.require()
    fewer = replace(known, width=max(known.lessons([plain])[0].tokens) + 1)
    assert fewer.lessons([plain])
    highest = max(known.lessons([PAIR])[0].tokens)
    words = rf"the tokenizer's token {highest} \(.*\) is none of the model's, which knows"
    with pytest.raises(TrainingError, match=rf"example 2 of 2: {words}.*resize_token_embeddings"):
        fewer.lessons([plain, PAIR])
    assert re.match(words, str(fewer.sizes([PAIR])[0]))
    with pytest.raises(TrainingError, match="is none of the model's"):
        fewer.require()


def test_no_example_is_an_error(tmp_path) -> None:
    """Training on nothing would give an adapter that changes nothing."""
    with pytest.raises(TrainingError, match="no training example"):
        told(tokenizer(tmp_path)).lessons([])


def test_rejected_answers_are_told_like_the_right_ones(tmp_path) -> None:
    """Same prompt, other answer; a pair without one is an error that names it."""
    tok = tokenizer(tmp_path)
    pair = TrainingPair(messages=PAIR.messages, target="42 €", rejected="43 €", item="t/1")
    (right,), (wrong,) = told(tok).lessons([pair]), told(tok).rejected([pair])
    assert right.tokens[: right.answer] == wrong.tokens[: wrong.answer]
    assert taught(wrong, tok) == "43 €<|end|>"
    same = TrainingPair(messages=PAIR.messages, target="42 €", rejected="42 €", item="t/1")
    for bad in (PAIR, same):
        with pytest.raises(TrainingError, match="no rejected answer that differs"):
            told(tok).rejected([bad])


def test_the_prompt_is_told_as_the_lesson_begins(tmp_path) -> None:
    """What is compared with serving is what is taught."""
    tok = tokenizer(tmp_path)
    (lesson,) = told(tok).lessons([PAIR])
    assert lessons.prompt_tokens(tok, PAIR.messages) == lesson.tokens[: lesson.answer]
