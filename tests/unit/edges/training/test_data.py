"""Lessons: what is taught, where the answer begins and ends, and in which order."""

import pytest

pytest.importorskip("torch")

from escalera.domain.message import Message
from escalera.domain.recipe import TrainingPair
from escalera.edges.training import data
from escalera.edges.training.data import Lesson
from escalera.errors import TrainingError
from escalera.testing import tiny

pytestmark = pytest.mark.local

STOPS = frozenset({1})
PAIR = TrainingPair(messages=(Message(role="user", content="Größe?"),), target="42 €")


def tokenizer(tmp_path, template: str = tiny.TEMPLATE):
    """The tokenizer of a tiny model with this template."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny.tiny_model(tmp_path, template=template))


def taught(found: Lesson, tok) -> str:
    """The text of the answer's tokens, marks included."""
    return tok.decode(found.tokens[found.answer :])


def test_the_answer_and_its_end_token_are_taught(tmp_path) -> None:
    """The answer begins after the generation prompt and ends with the token that stops serving."""
    tok = tokenizer(tmp_path)
    (lesson,) = data.lessons([PAIR], tok, stops=STOPS, context=None)
    assert taught(lesson, tok) == "42 €<|end|>"
    assert tok.decode(lesson.tokens[: lesson.answer]) == "<|user|>Größe?<|end|><|assistant|>"


def test_what_a_template_adds_behind_the_end_is_not_taught(tmp_path) -> None:
    """ChatML ends a turn with a line feed that serving never sees."""
    tok = tokenizer(tmp_path, tiny.TEMPLATE.replace("'<|end|>'", "'<|end|>\\n'"))
    (lesson,) = data.lessons([PAIR], tok, stops=STOPS, context=None)
    assert taught(lesson, tok) == "42 €<|end|>"


def test_an_answer_that_holds_the_end_mark_is_taught_whole(tmp_path) -> None:
    """Only the last stop token ends the lesson."""
    pair = TrainingPair(messages=PAIR.messages, target="a<|end|>b")
    tok = tokenizer(tmp_path)
    (lesson,) = data.lessons([pair], tok, stops=STOPS, context=None)
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
    with pytest.raises(TrainingError, match=words):
        data.lessons([PAIR], tokenizer(tmp_path, template), stops=STOPS, context=None)


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
    (lesson,) = data.lessons([pair], Merging(), stops=STOPS, context=None)
    prompt = Merging()("[user]>hi$[assistant]>", add_special_tokens=False)["input_ids"]
    assert list(lesson.tokens[: lesson.answer]) == prompt
    assert lesson.tokens[lesson.answer] == ord(" ") + 2


def test_what_does_not_fit_is_an_error_before_any_computing(tmp_path) -> None:
    """The message names the example, its tokens, the context and the remedy."""
    long = TrainingPair(messages=(Message(role="user", content="x" * 100),), target="y")
    with pytest.raises(TrainingError, match=r"example 2 of 2 has 105 tokens; .* holds 64"):
        data.lessons([PAIR, long], tokenizer(tmp_path), stops=STOPS, context=64)


def test_no_example_is_an_error(tmp_path) -> None:
    """Training on nothing would give an adapter that changes nothing."""
    with pytest.raises(TrainingError, match="no training example"):
        data.lessons([], tokenizer(tmp_path), stops=STOPS, context=None)


def made(count: int) -> list[Lesson]:
    """Lessons of 1 to 9 tokens that can be told apart."""
    return [
        Lesson(tokens=(number,) * (1 + number * 7 % 9), answer=0)
        for number in range(100, 100 + count)
    ]


def test_every_lesson_comes_once_an_epoch_within_the_token_limit() -> None:
    """Batches partition the lessons; padding counts; a lesson above the limit comes alone."""
    lessons = [*made(50), Lesson(tokens=(7,) * 99, answer=0)]
    found = list(data.batches(lessons, batch_tokens=32, seed=1, epoch=0))
    assert sorted(lesson.tokens for batch in found for lesson in batch) == sorted(
        lesson.tokens for lesson in lessons
    )
    for batch in found:
        padded = len(batch) * max(len(lesson.tokens) for lesson in batch)
        assert padded <= 32 or len(batch) == 1


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    """Equal arguments give equal batches; another seed or epoch gives others."""

    def order(seed: int, epoch: int) -> list[list[Lesson]]:
        return list(data.batches(made(40), batch_tokens=32, seed=seed, epoch=epoch))

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
