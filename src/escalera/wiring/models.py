"""The models of a project file: what identifies them, where they lie, and who answers for them."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

from escalera.domain.identity import digest_of
from escalera.domain.levers import Engine, Softened
from escalera.domain.project import PROMPTING, BaseModel, ModelPrice, Teacher
from escalera.edges.clock import SystemClock
from escalera.edges.providers import model_files
from escalera.edges.providers.endpoint import Endpoint, Timeouts
from escalera.edges.providers.hosted_models import HostedModels
from escalera.edges.providers.openai_http import OpenAIHTTP
from escalera.errors import MissingExtra, ProjectError
from escalera.ports import Embedder, Provider
from escalera.settings import project_file
from escalera.settings.gateway_table import TimeoutsTable
from escalera.settings.tables import ModelTable, PriceTable, ProjectFile

TINY_BYTES = 64_000_000
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
"""Under which of these keys a configuration says how many experts there are."""


def base_model(file: Path, name: str, table: ModelTable, *, chats: bool = True) -> BaseModel:
    """A model of the project file, with what identifies its weights."""
    if table.local:
        revision = model_files.revision(folder(file, table), chats=chats)
        if table.engine == "vllm":
            revision = digest_of([revision, "vllm", _arguments(table)])
        price = _price(table.price)
    else:
        revision = digest_of([table.base_url, table.model])
        price = _remote_price(table)
    return BaseModel(
        name=name,
        revision=revision,
        trainable=table.local,
        price=price,
        tuned_price=tuned_price(table),
    )


def tuned_price(table: ModelTable) -> ModelPrice | None:
    """What a model costs to ask that its provider finetuned: as the project file says, or a list.

    It may be another price than that of the model that was finetuned, so that is not taken for it.
    """
    if table.finetuning is None:
        return None
    if table.finetuning.serving is not None:
        return _price(table.finetuning.serving)
    from escalera.edges.prices import price_of

    return price_of(f"ft:{table.model}:", table.base_url or "")


def folder(file: Path, table: ModelTable) -> Path:
    """Where the files of a local model lie."""
    if table.hub is None:
        return (file.parent / (table.path or "")).resolve()
    require_local(f"the model {table.hub!r} of the Hub")
    from escalera.edges.providers import hub

    return hub.folder(table.hub, table.hub_revision)


def remote(
    file: Path,
    name: str,
    table: ModelTable,
    folder: Callable[[str], Path],
    *,
    served: TimeoutsTable | None = None,
) -> Provider:
    """Who answers for a model that an endpoint serves, and for what was finetuned of it there.

    *folder* gives the artifact of a digest. Where it is *served* each call is made once and at
    once, within these times: the gateway sees to how many there are, and to what follows a failure.
    """
    limits = None
    if served is not None:
        limits = Timeouts(
            connect=served.connect, first=served.first_byte, read=served.idle, total=served.total
        )
    asked = endpoint(file, name, table)
    return OpenAIHTTP(
        asked,
        clock=SystemClock(),
        price=_remote_price(table),
        tuned=HostedModels(asked, folder, price=tuned_price(table)),
        concurrency=table.concurrency,
        timeouts=limits,
        serving=served is not None,
    )


def reader(file: Path, name: str, table: ModelTable) -> BaseModel:
    """A model that is asked for embeddings instead of answers; one on this machine can be."""
    if table.local:
        require_local(f"the embedding model {name!r}")
    return base_model(file, name, table, chats=False)


def embedder(file: Path, model: BaseModel, table: ModelTable) -> Embedder:
    """Who is asked for the embeddings of *model*, each call with its usage and its price."""
    if not table.local:
        from escalera.edges.providers.openai_embeddings import OpenAIEmbeddings

        asked, most = endpoint(file, model.name, table), table.concurrency
        return OpenAIEmbeddings(asked, clock=SystemClock(), price=model.price, concurrency=most)
    require_local(f"the embedding model {model.name!r}")
    from escalera.edges.providers.local_embeddings import LocalEmbeddings

    return LocalEmbeddings(
        model=model,
        folder=folder(file, table),
        clock=SystemClock(),
        threads=table.threads or cores(),
    )


def teacher(file: Path, tables: ProjectFile) -> Teacher | None:
    """Whose answers are taught: a model of the project, or what a rung put forward."""
    table = tables.training.teacher
    if table is None:
        return None
    named = tables.models.get(table.system)
    return Teacher(
        model=None if named is None else base_model(file, table.system, named),
        rung=None if named is not None else next(r for r in PROMPTING if r == table.system),
        least=table.least,
        samples=table.samples,
        temperature=table.temperature,
    )


def softened(file: Path, tables: ProjectFile) -> Softened | None:
    """The model whose distribution is learned."""
    table = tables.training.softened
    if table is None:
        return None
    found = base_model(file, table.model, tables.models[table.model])
    return Softened(
        model=found.name,
        revision=found.revision,
        temperature=table.temperature,
        share=table.share,
    )


def endpoint(file: Path, name: str, table: ModelTable) -> Endpoint:
    """Where a model that an endpoint serves is asked, and with what key.

    Raises `ProjectError` where the environment does not hold the key.
    """
    key = None
    if table.api_key_env is not None:
        key = project_file.secret(table.api_key_env)
        if key is None:
            raise ProjectError(
                file="environment",
                key=table.api_key_env,
                problem=f"is not set, and models.{name}.api_key_env names it",
                remedy="Export it before you run this command",
            )
    return Endpoint(
        name=name,
        base_url=table.base_url or "",
        model=table.model or "",
        api_key=key,
        allow_insecure=table.allow_insecure,
        ca_file=None if table.ca_file is None else file.parent / table.ca_file,
    )


def is_tiny(folder: Path) -> bool:
    """Whether a model is too small to be worth more than one thread.

    Below this size the threads of one operator wait for each other longer than they compute; on a
    busy machine two threads were measured at a tenth of the speed of one.
    """
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) < TINY_BYTES


def experts(folder: Path) -> int:
    """How many experts a layer of a model has, as its configuration says; 0 where none are told."""
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        told |= told.get("text_config") or {}
        return max(int(told.get(key) or 0) for key in EXPERTS)
    except (OSError, ValueError, TypeError, AttributeError):
        return 0


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require_local(feature: str) -> None:
    """Raise `MissingExtra` unless the packages of the `local` extra are installed."""
    for package in ("torch", "transformers", "peft", "llguidance"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(feature=feature, package=package, extra="local")


def require_engine(engine: Engine) -> None:
    """Raise `MissingExtra` unless what does the steps of trainings is installed."""
    if engine == "trl" and importlib.util.find_spec("trl") is None:
        raise MissingExtra(feature="the training engine 'trl'", package="trl", extra="trl")


# Below: private.


def _arguments(table: ModelTable) -> list[str]:
    """What a vLLM process is told beside the model: types and quantisation change answers."""
    return [] if table.vllm is None else table.vllm.arguments


def _price(table: PriceTable | None) -> ModelPrice | None:
    if table is None:
        return None
    return ModelPrice(
        prompt=round(table.prompt * 1_000_000), completion=round(table.completion * 1_000_000)
    )


def _remote_price(table: ModelTable) -> ModelPrice | None:
    """What the project file says, or else the list price; the lists are loaded when needed."""
    if table.price is not None:
        return _price(table.price)
    from escalera.edges.prices import price_of

    return price_of(table.model or "", table.base_url or "")
