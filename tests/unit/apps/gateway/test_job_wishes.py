"""What is read of a request for a job: everything that is offered, and nothing dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from escalera.apps.gateway import job_wishes
from escalera.apps.gateway.wire import Refusal
from escalera.domain.job import JobWish
from escalera.domain.levers import Hyperparameters, Trainable

LEAST = {"model": "small", "training_file": "file-1"}


def read(**more: Any) -> JobWish:
    return job_wishes.read(json.dumps({**LEAST, **more}).encode(), seed=5)


def refused(**more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(**more)
    return caught.value


def test_the_least_that_is_asked():
    """What is not said is left to the job, but for the seed, which is drawn."""
    assert read() == JobWish(model="small", training_file="file-1", seed=5)
    nothing = dict.fromkeys(("validation_file", "suffix", "seed", "metadata", "integrations"))
    assert read(**nothing) == read()


def test_everything_that_is_offered_is_read():
    """The numbers stand within the method, or beside it as they used to."""
    numbers = {"n_epochs": 2, "batch_size": "auto", "learning_rate_multiplier": 0.5, "beta": 0.2}
    wish = read(
        validation_file="file-2",
        method={"type": "dpo", "dpo": {"hyperparameters": numbers}},
        suffix="shop-1",
        seed=0,
        metadata={"team": "é"},
        escalera={
            "gate": ["orders", "orders", "refunds"],
            "effort": "pilot",
            "trainable": {"rank": 4, "targets": ["q_proj"]},
        },
    )
    assert wish == JobWish(
        model="small",
        training_file="file-1",
        validation_file="file-2",
        objective="preference",
        hyperparameters=Hyperparameters(n_epochs=2, learning_rate_multiplier=0.5, beta=0.2),
        suffix="shop-1",
        seed=0,
        metadata={"team": "é"},
        gate=("orders", "refunds"),
        effort="pilot",
        trainable=Trainable(rank=4, alpha=8, targets=("q_proj",)),
    )
    assert read(hyperparameters={"n_epochs": 3}).hyperparameters == Hyperparameters(n_epochs=3)


def test_weights_of_the_model_itself_may_learn():
    """All of them, some by a share, or some by name."""

    def wanted(**trainable: Any) -> Any:
        return read(escalera={"trainable": trainable}).trainable

    assert wanted(method="full") == Trainable(method="full", targets=())
    assert wanted(method="partial", share=0.5).share == 0.5
    assert wanted(method="partial").share == Trainable().share
    named = wanted(method="partial", layers=["layers.[0-3].", "norm$", r"mlp|lm_head"])
    assert named.layers == ("layers.[0-3].", "norm$", "mlp|lm_head")


@pytest.mark.parametrize(
    ("trainable", "name", "said"),
    [
        ({"method": "full", "rank": 4}, "rank", "'full' takes nothing besides"),
        ({"method": "full", "share": 0.5}, "share", "'full' takes nothing besides"),
        ({"method": "partial", "targets": ["q_proj"]}, "targets", "takes layers, share"),
        ({"method": "dora", "layers": ["mlp"]}, "layers", "takes rank, alpha, dropout, targets"),
        ({"method": "partial", "layers": ["mlp"], "share": 0.5}, "share", "chooses none"),
        ({"method": "partial", "layers": ["(a+)+$"]}, "layers", "regular expressions of letters"),
        ({"method": "partial", "layers": ["[z-a]"]}, "layers", "'[z-a]'"),
        ({"method": "partial", "share": 0}, "share", "> 0"),
        ({"method": "prompt"}, "method", "'prompt'"),
    ],
)
def test_what_a_method_does_not_have_is_refused(trainable: dict[str, Any], name: str, said: str):
    """It would be ignored; and an expression is one that never takes long."""
    error = refused(escalera={"trainable": trainable})
    assert (error.status, error.param) == (400, f"escalera.trainable.{name}")
    assert said in error.message


@pytest.mark.parametrize(
    ("more", "param", "said"),
    [
        ({"colour": 1}, "colour", "not known"),
        ({"escalera": {"colour": 1}}, "escalera.colour", "not known"),
        ({"method": {"type": "reinforcement"}}, "method.type", "offered are 'supervised' and"),
        ({"method": {"type": "dpo", "supervised": {}}}, "method.supervised", "one method"),
        (
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {"beta": 1}}}},
            "method.supervised.hyperparameters.beta",
            "not known",
        ),
        (
            {
                "hyperparameters": {},
                "method": {"type": "supervised", "supervised": {"hyperparameters": {}}},
            },
            "hyperparameters",
            "twice",
        ),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", ">= 1"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs", "many"),
        ({"suffix": "a b"}, "suffix", "'a b'"),
        ({"suffix": "x" * 65}, "suffix", "at most 64"),
        ({"integrations": [{"type": "wandb"}]}, "integrations", "not offered"),
        ({"validation_file": "file-1"}, "validation_file", "cannot test"),
        ({"seed": -1}, "seed", ">= 0"),
        ({"metadata": {"a": 1}}, "metadata[...]", "str"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "16"),
        ({"model": None}, "model", "str"),
    ],
)
def test_what_is_not_offered_is_refused_in_words(more: dict[str, Any], param: str, said: str):
    """The parameter by its name, the value, and what there is instead."""
    error = refused(**more)
    assert error.status == 400
    assert error.param == param
    assert said in error.message


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_object_is_refused(body: bytes):
    """Whatever is wrong with it."""
    with pytest.raises(Refusal):
        job_wishes.read(body, seed=0)


def test_pages_are_bounded():
    """A limit that is no small number is refused."""
    assert job_wishes.page(QueryParams("after=x"), usual=20) == ("x", 20)
    assert job_wishes.page(QueryParams("limit=100"), usual=20) == ("", 100)
    for said in ("0", "101", "-1", "ten", "1e1", "", "9" * 30):
        with pytest.raises(Refusal, match="limit"):
            job_wishes.page(QueryParams({"limit": said}), usual=20)


def test_a_filter_of_metadata_is_read():
    """By key and value, or for jobs without any."""
    assert job_wishes.metadata(QueryParams("")) is None
    assert job_wishes.metadata(QueryParams("metadata[a]=1&metadata[b]=")) == {"a": "1", "b": ""}
    assert job_wishes.metadata(QueryParams("metadata=null")) == {}
    with pytest.raises(Refusal, match="Filter with"):
        job_wishes.metadata(QueryParams("metadata=x"))


def test_a_flag_is_yes_or_no():
    """Another word is refused."""
    assert job_wishes.flag(QueryParams("stream=True"), "stream")
    assert not job_wishes.flag(QueryParams(""), "stream")
    with pytest.raises(Refusal, match="'1'"):
        job_wishes.flag(QueryParams("stream=1"), "stream")
