"""The provider of a model as its trainer: what it offers, what a job is asked for, who asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from escalera.domain.hosting import METHODS, Offer, TuningMethod
from escalera.domain.levers import Hyperparameters
from escalera.domain.project import Hosting
from escalera.edges.clock import SystemClock
from escalera.edges.providers import offers
from escalera.edges.providers.tuning import ProviderTuner, Terms
from escalera.errors import ProjectError
from escalera.ports import Tuner
from escalera.settings.tables import FinetuningTable, ModelTable, ProjectFile
from escalera.wiring import models

MICRO = 1_000_000
BY_HAND = (
    "Finetune there by hand and name the result as a model of [models], or, where the provider has "
    "changed, say what it takes as `methods`"
)


def hosting(file: Path, tables: ProjectFile, *, epochs: int) -> Hosting | None:
    """What the provider of the climb's model is asked for; None where it is trained here, or not.

    Raises `ProjectError` for what the provider does not offer, with what it does, and where a cap
    on money has no price to be kept with.
    """
    name = tables.climb.model
    model = tables.models[name]
    if model.finetuning is None:
        return None
    table, found = model.finetuning, offer(model)
    key = f"models.{name}.finetuning"
    if found is None:
        _refuse(
            file,
            f"{key}.methods",
            f"is missing, and what the provider at {model.base_url!r} offers is not known",
            "Say which of supervised, dpo and reinforcement its jobs in OpenAI's shape can be",
        )
    if table.methods is None and not (found.jobs and found.answers):
        _refuse(file, key, f"{_told(found)}; {found.note}", BY_HAND)
    method = METHODS.get(tables.training.objective)
    if method is None or method not in found.methods:
        asked = "is taught on this machine alone" if method is None else f"is the method {method!r}"
        said = f"is {tables.training.objective!r}, which {asked}; {_told(found)}"
        _refuse(file, "training.objective", said, "Choose another objective, or another provider")
    given = _given(table, method)
    for lever in given:
        if table.methods is None and lever not in found.methods[method]:
            takes = ", ".join(found.methods[method])
            said = f"is none that {found.provider} takes: of {method} it takes {takes}"
            _refuse(file, f"{key}.{lever}", f"{said} {_dated(found)}", "Leave it out")
    _require_prices(file, tables, name, table)
    return Hosting(
        hyperparameters=Hyperparameters(
            n_epochs=epochs,
            batch_size=table.batch_size,
            learning_rate_multiplier=table.learning_rate_multiplier,
            beta=table.beta if method == "dpo" else None,
        ),
        price=None if table.price is None else round(table.price * MICRO),
    )


def offer(model: ModelTable) -> Offer | None:
    """What is known of the model's provider; what the project file says of it goes before."""
    known = offers.offer_of(model.base_url or "")
    table = model.finetuning
    if table is None or table.methods is None:
        return known
    methods: dict[TuningMethod, tuple[str, ...]] = dict.fromkeys(table.methods, ())
    if known is not None:
        return replace(known, jobs=True, answers=True, methods=methods)
    return Offer(
        provider=f"the provider at {model.base_url}",
        host="",
        jobs=True,
        answers=True,
        methods=methods,
        weights="which weights learn is the provider's choice",
        fewest=1,
        as_of="",
        source="the project file",
    )


def tuner(file: Path, tables: ProjectFile) -> Tuner:
    """Who has the provider of the climb's model train it."""
    name = tables.climb.model
    model = tables.models[name]
    table, found = model.finetuning or FinetuningTable(), offer(model)
    terms = Terms(
        suffix=table.suffix, hours=table.hours, fewest=1 if found is None else found.fewest
    )
    return ProviderTuner(models.endpoint(file, name, model), clock=SystemClock(), terms=terms)


def words(found: Offer) -> str:
    """What a provider offers, in a sentence."""
    return f"{_told(found)}; {found.weights}" + (f"; {found.note}" if found.note else "")


# Below: private.


def _told(found: Offer) -> str:
    methods = ", ".join(found.methods) or "nothing"
    shape = "" if found.jobs else ", by jobs of its own and not of OpenAI's shape"
    return f"{found.provider} offers {methods}{shape} {_dated(found)}"


def _dated(found: Offer) -> str:
    return f"({found.source}" + (f", as of {found.as_of})" if found.as_of else ")")


def _given(table: FinetuningTable, method: TuningMethod) -> list[str]:
    """Hyperparameters that are asked for; the epochs always are."""
    said = ["n_epochs"]
    said += ["batch_size"] if table.batch_size is not None else []
    said += ["learning_rate_multiplier"] if table.learning_rate_multiplier is not None else []
    return said + (["beta"] if table.beta is not None and method == "dpo" else [])


def _require_prices(file: Path, tables: ProjectFile, name: str, table: FinetuningTable) -> None:
    """A cap on money needs the prices of training and of what is asked afterwards."""
    if tables.budget.money is None:
        return
    key = f"models.{name}.finetuning"
    remedy = "in dollars per million tokens: without it the cap budget.money cannot be kept"
    if table.price is None:
        _refuse(file, f"{key}.price", "is unknown", f"Give what training costs, {remedy}")
    if models.tuned_price(tables.models[name]) is None:
        said = "is unknown"
        _refuse(file, f"{key}.serving", said, f"Give prompt and completion of its models, {remedy}")


def _refuse(file: Path, key: str, problem: str, remedy: str) -> NoReturn:
    raise ProjectError(file=str(file), key=key, problem=problem, remedy=remedy)
