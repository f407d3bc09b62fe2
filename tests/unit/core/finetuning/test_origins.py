"""What learns in a job that goes on from a finetuned model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.finetuning import origins
from escalera.domain.job import JobWish, Origin, Published
from escalera.domain.levers import Trainable
from escalera.errors import InputError

MODEL = Published(
    name="ft:small::1", base="small", revision="r", adapter="a", job="ftjob-1", created=1.0
)
WISH = JobWish(model="ft:small::1", training_file="file-1")
LORA = Trainable(method="rslora", rank=8, alpha=4, dropout=0.5, targets=("q_proj", "v_proj"))
SOME = Trainable(method="partial", layers=("mlp",))


@pytest.mark.parametrize("learned", [LORA, SOME, Trainable(method="full")])
def test_the_same_weights_learn_where_nothing_else_is_said(learned: Trainable) -> None:
    """And the wish knows what it goes on from, whatever becomes of the name."""
    found = origins.resolved(WISH, MODEL, learned)
    assert found.origin == Origin(base="small", revision="r", adapter="a", job="ftjob-1")
    assert (found.base, found.model, found.trainable) == ("small", "ft:small::1", learned)
    assert WISH.base == WISH.model


def test_an_adapter_keeps_its_shape() -> None:
    """Its dropout is none of that."""
    wanted = replace(LORA, dropout=0.0, targets=("v_proj", "q_proj"))
    found = origins.resolved(replace(WISH, trainable=wanted), MODEL, LORA)
    assert found.trainable == replace(LORA, dropout=0.0)


def test_of_weights_others_may_learn() -> None:
    """All of them are the model's own."""
    whole = Trainable(method="full")
    for learned in (SOME, Trainable(method="lora", merged=True)):
        assert origins.resolved(replace(WISH, trainable=whole), MODEL, learned).trainable == whole


@pytest.mark.parametrize(
    ("learned", "wanted", "said"),
    [
        (None, None, "no job here knows"),
        (LORA, SOME, "'partial' trains weights of the model itself"),
        (LORA, replace(LORA, rank=4), "of rank 8 with alpha 4"),
        (LORA, replace(LORA, method="dora"), "by 'rslora'"),
        (LORA, replace(LORA, targets=("q_proj",)), "on ['q_proj', 'v_proj']"),
        (replace(LORA, targets=()), LORA, "on all linear layers"),
        (SOME, LORA, "Say trainable.method 'partial' or 'full'"),
        (replace(LORA, merged=True), None, "Say trainable.method 'partial' or 'full'"),
    ],
)
def test_what_crosses_the_kinds_is_refused(
    learned: Trainable | None, wanted: Trainable | None, said: str
) -> None:
    """In words, with what to do."""
    with pytest.raises(InputError) as caught:
        origins.resolved(replace(WISH, trainable=wanted), MODEL, learned)
    assert said in str(caught.value)
