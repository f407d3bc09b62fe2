"""Templates that the model does not know, and masks that are off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.finetuning import telling
from escalera.core.finetuning.record import RunRecord
from escalera.testing import records

SOUND = records.record(lambda step, _: 1 / step)


def masked(**changes: int | bool) -> RunRecord:
    """Every lesson with these facts."""
    lessons = tuple(replace(one, **changes) for one in SOUND.told.lessons)
    return replace(SOUND, told=replace(SOUND.told, lessons=lessons))


def test_what_is_told_as_it_should_be_is_no_finding() -> None:
    """Nor is what the trainer did not tell."""
    for one in (SOUND, replace(SOUND, told=None)):
        assert telling.template(one) is None
        assert telling.mask(one) is None


def test_a_template_without_the_models_marks_is_wrong() -> None:
    """The tokenizer has marks of who speaks, and no conversation holds one."""
    found = telling.template(replace(SOUND, told=replace(SOUND.told, used=())))
    assert (found.cause, found.strength) == ("wrong template", 1.0)
    assert "<|user|>" in found.words


def test_marks_that_are_ordinary_text_make_a_template_suspect() -> None:
    """Less sure: there are models that were trained with such marks."""
    found = telling.template(replace(SOUND, told=replace(SOUND.told, broken=("<|im_start|>",))))
    assert 0.5 < found.strength < 1.0
    assert "<|im_start|>" in found.words


def test_what_serving_says_of_the_template_is_repeated() -> None:
    """The training itself cannot see that another template is served."""
    found = telling.template(replace(SOUND, told=None, refused="it was trained with another"))
    assert found.strength == 1.0
    assert "it was trained with another" in found.words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learned": 11}, "tokens of the prompt were taught"),
        ({"target": 8, "learned": 1}, "tokens of the right answer were not taught"),
        ({"learned": 1, "target": 1, "stops": False}, "the end of the answer was not taught"),
    ],
)
def test_a_mask_that_is_off_is_named(changes, words) -> None:
    """With its own remedy."""
    found = telling.mask(masked(**changes))
    assert found.strength == 1.0
    assert words in found.words


def test_targets_that_hold_their_message_teach_the_prompt() -> None:
    """The mask is right, and the data are not."""
    examples = tuple(replace(e, target=f"{e.input} {e.target}") for e in SOUND.examples)
    found = telling.mask(replace(SOUND, examples=examples))
    assert "tokens of the prompt were taught" in found.words
    assert "Leave the message out of `target`" in found.remedy


def test_a_mask_that_is_off_by_a_token_here_and_there_is_sound() -> None:
    """Tokens may span the boundary of an answer."""
    assert telling.mask(masked(learned=4)) is None
    assert telling.mask(masked(target=3, learned=2)) is None
