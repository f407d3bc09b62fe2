"""What known providers are asked for, and refused with what they do offer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from escalera.domain.project import Hosting, ModelPrice
from escalera.errors import ProjectError
from escalera.settings.tables import ProjectFile
from escalera.wiring import hosting, models

FILE = Path("escalera.toml")


def asked(base_url: str, objective: str = "supervised", **more: Any) -> Hosting | None:
    """What the provider behind a URL is asked for; `money` is a cap, the rest finetuning keys."""
    money = more.pop("money", None)
    raw = {
        "project": {"name": "p"},
        "models": {"far": {"base_url": base_url, "model": "m", "finetuning": more}},
        "climb": {"model": "far"},
        "tasks": {},
        "training": {"objective": objective},
        "budget": {} if money is None else {"money": money},
    }
    return hosting.hosting(FILE, msgspec.convert(raw, ProjectFile), epochs=4)


def refusal(base_url: str, objective: str = "supervised", **more: Any) -> str:
    with pytest.raises(ProjectError) as caught:
        asked(base_url, objective, **more)
    return str(caught.value)


OPENAI = "https://api.openai.com/v1"
NEBIUS = "https://api.tokenfactory.nebius.com/v1"


def test_what_openai_is_asked_for() -> None:
    """Both objectives that it has a method for; `beta` for preferences alone."""
    found = asked(OPENAI, batch_size=8, beta=0.3, price=25.0)
    assert found is not None
    assert (found.price, found.hyperparameters.n_epochs) == (25_000_000, 4)
    assert (found.hyperparameters.batch_size, found.hyperparameters.beta) == (8, None)
    preference = asked(OPENAI, "preference", beta=0.3)
    assert preference is not None
    assert preference.hyperparameters.beta == 0.3


def test_an_objective_that_nobody_finetunes() -> None:
    """What is offered stands in the refusal, with its day."""
    said = refusal(OPENAI, "distillation")
    assert "is taught on this machine alone" in said
    assert "OpenAI offers supervised, dpo, reinforcement (https://" in said
    assert "as of 2026-11-21)" in said


def test_providers_whose_models_do_not_answer_at_once() -> None:
    """They are refused with what is to be done there, until the project file says otherwise."""
    assert "made a custom model" in refusal(NEBIUS)
    assert asked(NEBIUS, methods=["supervised"]) is not None
    assert "is the method 'dpo'; Nebius Token Factory offers supervised" in refusal(
        NEBIUS, "preference", methods=["supervised"]
    )


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("https://api.together.xyz/v1", "Together AI offers supervised, dpo, by jobs of its own"),
        ("https://api.fireworks.ai/inference/v1", "Fireworks AI offers supervised, dpo, reinf"),
        ("https://api.mistral.ai/v1", "Mistral AI offers supervised, by jobs of its own"),
        ("https://api.cohere.com/v1", "Cohere offers nothing, by jobs of its own"),
        ("https://unknown.example/v1", "is not known"),
    ],
)
def test_providers_without_such_jobs(base_url: str, said: str) -> None:
    """Each with what it does offer."""
    assert said in refusal(base_url)


def test_a_hyperparameter_that_a_provider_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with those that are taken."""
    found = hosting.offers.offer_of(NEBIUS)
    assert found is not None
    monkeypatch.setattr(hosting, "offer", lambda _: replace(found, answers=True))
    said = refusal(NEBIUS, learning_rate_multiplier=0.5)
    assert "is none that Nebius Token Factory takes" in said
    assert "it takes n_epochs, batch_size, learning_rate" in said


def test_prices_under_a_cap() -> None:
    """Both prices have to be known, of training and of what is asked afterwards."""
    serving = {"prompt": 1.0, "completion": 2.0}
    assert "finetuning.price: is unknown" in refusal(OPENAI, money=1.0, serving=serving)
    assert "finetuning.serving: is unknown" in refusal(OPENAI, money=1.0, price=3.0)
    assert asked(OPENAI, money=1.0, price=3.0, serving=serving) is not None


def test_the_price_of_finetuned_models() -> None:
    """The project file's, or that of a list; never that of the model that was finetuned."""
    raw = {"base_url": OPENAI, "model": "gpt-4o-mini-2024-07-18", "finetuning": {}}
    table = msgspec.convert(raw, models.ModelTable)
    assert models.tuned_price(table) == ModelPrice(prompt=300_000, completion=1_200_000)
    priced = {**raw, "finetuning": {"serving": {"prompt": 1.0, "completion": 2.0}}}
    found = models.tuned_price(msgspec.convert(priced, models.ModelTable))
    assert found == ModelPrice(prompt=1_000_000, completion=2_000_000)
    unknown = {**raw, "model": "m", "price": {"prompt": 1.0, "completion": 1.0}}
    assert models.tuned_price(msgspec.convert(unknown, models.ModelTable)) is None
