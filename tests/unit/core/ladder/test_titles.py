"""What rungs are called in a project: by what is trained on them."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from escalera.core.ladder import rungs, titles
from escalera.domain.levers import AUTO, Method, Trainable
from escalera.domain.project import Hosting
from escalera.testing import playbook

LORA = playbook.project(playbook.task("a"))
HOSTED = replace(LORA, hosting=Hosting(hyperparameters=AUTO))


def training(method, **more):
    policy = replace(LORA.policy, rungs=("prompt", "lora", "mixture", "route"))
    return replace(LORA, policy=policy, trainable=Trainable(method=method, **more))


def test_lora_is_what_the_table_speaks_of():
    """The default project has the rows as they stand."""
    assert titles.rows(LORA) == rungs.RUNGS


@pytest.mark.parametrize(
    ("project", "called", "keeps"),
    [
        (training("rslora"), "rsLoRA", "one adapter"),
        (training("dora"), "DoRA", "one adapter"),
        (training("partial"), "Partial finetuning", "one finetuned model"),
        (training("full"), "Full finetuning", "one finetuned model"),
        (training("lora", merged=True), "LoRA", "one finetuned model"),
        (HOSTED, "Finetuning by the provider", "one finetuned model"),
    ],
)
def test_a_training_rung_says_what_is_trained(project, called, keeps):
    """Alone and on a mixture, and what has to be kept alive for it."""
    found = {row.name: row for row in titles.rows(project)}
    assert found["lora"].title == titles.title("lora", project) == f"{called} on the failing types"
    assert found["mixture"].title == f"{called} on a mixture"
    assert found["lora"].keeps == found["mixture"].keeps == keeps
    assert found["route"].keeps == f"{keeps} beside the base model, behind a route"


def test_every_method_has_a_name_of_its_own():
    """A method without one could not be climbed."""
    assert set(titles.WAYS) == set(get_args(Method))
    assert len({*titles.WAYS.values(), titles.HOSTED}) == len(titles.WAYS) + 1


def test_nothing_but_words_differs():
    """Moves and weights in alpha are those of the table, and so are the prompting rungs."""
    for own in titles.rows(training("partial")):
        row = rungs.rung(own.name)
        assert (own.moves, own.alpha) == (row.moves, row.alpha)
        if own.name in ("prompt", "search", "examples", "structured", "full"):
            assert own == row


def test_where_weights_learn_what_is_merged_are_models():
    """An adapter is merged with adapters."""
    assert titles.title("merge", LORA) == "Merged adapters"
    assert titles.title("merge", training("partial")) == "Merged models"


def test_all_weights_are_no_rung_of_their_own_where_the_one_below_trains_them():
    """It would have the title of the other, and be told as not allowed yet."""
    names = [row.name for row in titles.rows(training("full"))]
    assert names == [row.name for row in rungs.RUNGS if row.name != "full"]
    assert len({row.title for row in titles.rows(training("full"))}) == len(names)
