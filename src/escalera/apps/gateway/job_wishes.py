"""What callers ask of finetuning jobs, read and bounded: nothing that is asked is dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

import msgspec
from starlette.datastructures import QueryParams

from escalera.apps.gateway import wire
from escalera.apps.gateway.wire import Refusal
from escalera.domain.job import JobWish
from escalera.domain.levers import (
    ADAPTERS,
    Effort,
    Hyperparameters,
    Method,
    Objective,
    Trainable,
)

METHODS: Mapping[str, Objective] = {"supervised": "supervised", "dpo": "preference"}
"""The methods of the API that are offered, by the objective that each is here."""
MOST_PAGE = 100

_Auto = Literal["auto"]
_Epochs = Annotated[int, msgspec.Meta(ge=1, le=50)]
_Batch = Annotated[int, msgspec.Meta(ge=1, le=1024)]
_Factor = Annotated[float, msgspec.Meta(gt=0, le=100)]
_Beta = Annotated[float, msgspec.Meta(gt=0, le=2)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Rank = Annotated[int, msgspec.Meta(ge=1, le=512)]
_Seed = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_Value = Annotated[str, msgspec.Meta(max_length=512)]
_Key = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Metadata = Annotated[dict[_Key, _Value], msgspec.Meta(max_length=16)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Numbers(_Strict):
    n_epochs: _Epochs | _Auto | None = None
    batch_size: _Batch | _Auto | None = None
    learning_rate_multiplier: _Factor | _Auto | None = None


class _Preferring(_Numbers):
    beta: _Beta | _Auto | None = None


class _Supervised(_Strict):
    hyperparameters: _Numbers | None = None


class _Preference(_Strict):
    hyperparameters: _Preferring | None = None


class _Method(_Strict):
    type: str
    supervised: _Supervised | None = None
    dpo: _Preference | None = None
    reinforcement: object = None


class _Weights(_Strict):
    method: Method = "lora"
    rank: _Rank | None = None
    alpha: _Rank | None = None
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] | None = None
    targets: Annotated[list[_Name], msgspec.Meta(min_length=1, max_length=32)] | None = None
    layers: Annotated[list[_Name], msgspec.Meta(min_length=1, max_length=32)] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None


class _Own(_Strict):
    gate: Annotated[list[_Name], msgspec.Meta(max_length=32)] = []
    effort: Effort | None = None
    trainable: _Weights | None = None


class _Create(_Strict):
    model: _Name
    training_file: _Name
    validation_file: _Name | None = None
    hyperparameters: _Numbers | None = None
    method: _Method | None = None
    suffix: str | None = None
    seed: _Seed | None = None
    metadata: _Metadata | None = None
    integrations: list[object] | None = None
    escalera: _Own | None = None


def read(body: bytes, *, seed: int) -> JobWish:
    """The job that *body* asks for, with *seed* where it names none. Raises `Refusal`."""
    try:
        asked = msgspec.json.decode(body, type=_Create)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except wire.UNREADABLE as error:
        raise Refusal(f"The body is not a JSON object: {error}.") from error
    if asked.integrations:
        raise Refusal(
            "integrations are not offered: nothing is sent to other services. Read the job's "
            "events instead, or its result file.",
            param="integrations",
            code="unsupported_parameter",
        )
    if asked.validation_file == asked.training_file:
        raise Refusal(
            "validation_file is the training_file: what is taught cannot test what was learned. "
            "Give another file, or none.",
            param="validation_file",
        )
    objective, numbers = _objective(asked)
    own = asked.escalera or _Own()
    return JobWish(
        model=asked.model,
        training_file=asked.training_file,
        validation_file=asked.validation_file or "",
        objective=objective,
        hyperparameters=numbers,
        suffix=_suffix(asked.suffix),
        seed=seed if asked.seed is None else asked.seed,
        metadata=asked.metadata or {},
        gate=tuple(dict.fromkeys(own.gate)),
        effort=own.effort,
        trainable=None if own.trainable is None else _trainable(own.trainable),
    )


def page(query: QueryParams, *, usual: int) -> tuple[str, int]:
    """Behind which entry a page begins, and how many entries it has. Raises `Refusal`."""
    said = query.get("limit", str(usual))
    if re.fullmatch(r"[0-9]{1,4}", said) is None or not 1 <= int(said) <= MOST_PAGE:
        raise Refusal(f"limit must be from 1 to {MOST_PAGE}, and it is {said!r}.", param="limit")
    return query.get("after", ""), int(said)


def metadata(query: QueryParams) -> Mapping[str, str] | None:
    """The metadata that jobs are to have: nothing for those without any, None for all jobs.

    Raises `Refusal` for something that is no filter.
    """
    found = {}
    for name, value in query.multi_items():
        if named := re.fullmatch(r"metadata\[(.+)\]", name, re.DOTALL):
            found[named.group(1)] = value
        elif name == "metadata" and value != "null":
            raise Refusal("Filter with 'metadata[KEY]=VALUE', or 'metadata=null'.", param=name)
    if found:
        return found
    return {} if "metadata" in query else None


def flag(query: QueryParams, name: str) -> bool:
    """Whether something is asked for. Raises `Refusal` for a word that is neither yes nor no."""
    said = query.get(name, "false").lower()
    if said not in ("true", "false"):
        raise Refusal(f"{name} must be true or false, and it is {said!r}.", param=name)
    return said == "true"


# Below: private.

_SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LAYERS = re.compile(r"[A-Za-z0-9_.|^$\[\]-]+")
_ADAPTED = ("rank", "alpha", "dropout", "targets")
_OWN: Mapping[Method, Sequence[str]] = {"partial": ("layers", "share"), "full": ()}
"""What a method takes besides; of those that train matrices beside the model's own weights, and of
the others."""
_UNKNOWN = re.compile(r"unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")
Value = TypeVar("Value")


def _objective(asked: _Create) -> tuple[Objective, Hyperparameters]:
    method = asked.method or _Method(type="supervised")
    if method.type not in METHODS:
        raise Refusal(
            f"The method {method.type!r} is not offered here; {_offered()}.",
            param="method.type",
            code="unsupported_method",
        )
    others: Sequence[tuple[str, object]] = [
        (name, getattr(method, name)) for name in ("supervised", "dpo", "reinforcement")
    ]
    for name, given in others:
        if given is not None and name != method.type:
            raise Refusal(
                f"method.{name} is given, and method.type is {method.type!r}: say one method.",
                param=f"method.{name}",
            )
    chosen = method.supervised if method.type == "supervised" else method.dpo
    inner = None if chosen is None else chosen.hyperparameters
    if inner is not None and asked.hyperparameters is not None:
        raise Refusal(
            "hyperparameters are given twice. Give those within `method`; those beside it are "
            "deprecated.",
            param="hyperparameters",
        )
    given = inner or asked.hyperparameters or _Numbers()
    return METHODS[method.type], Hyperparameters(
        n_epochs=_said(given.n_epochs),
        batch_size=_said(given.batch_size),
        learning_rate_multiplier=_said(given.learning_rate_multiplier),
        beta=_said(given.beta) if isinstance(given, _Preferring) else None,
    )


def _offered() -> str:
    return "offered are " + " and ".join(repr(name) for name in METHODS)


def _said(value: Value | str | None) -> Value | None:
    return None if value is None or isinstance(value, str) else value


def _suffix(said: str | None) -> str:
    if said and _SUFFIX.fullmatch(said) is None:
        raise Refusal(
            f"suffix cannot be {said!r}: give at most 64 letters, digits, '.', '_' and '-', the "
            "first of them a letter or a digit.",
            param="suffix",
        )
    return said or ""


def _trainable(asked: _Weights) -> Trainable:
    """Which weights learn; an argument that another method has is none of this one's."""
    known = _ADAPTED if asked.method in ADAPTERS else _OWN.get(asked.method, ())
    for name in (*_ADAPTED, *_OWN["partial"]):
        if name not in known and getattr(asked, name) is not None:
            raise Refusal(
                f"{name} says nothing of the method {asked.method!r}; leave it out. "
                f"{asked.method!r} takes {', '.join(known) or 'nothing besides'}.",
                param=f"escalera.trainable.{name}",
            )
    if asked.layers is not None and asked.share is not None:
        raise Refusal(
            "layers names the weights that learn, so share chooses none. Give one of them.",
            param="escalera.trainable.share",
        )
    rank = 16 if asked.rank is None else asked.rank
    usual = Trainable(method=asked.method)
    return replace(
        usual,
        rank=rank,
        alpha=2 * rank if asked.alpha is None else asked.alpha,
        dropout=asked.dropout or 0.0,
        targets=tuple(asked.targets or ()),
        layers=tuple(map(_pattern, asked.layers or ())),
        share=usual.share if asked.share is None else asked.share,
    )


def _pattern(said: str) -> str:
    """A regular expression that is matched in as many steps as it and a name have letters."""
    try:
        if _LAYERS.fullmatch(said):
            re.compile(said)
            return said
    except re.error:
        pass
    raise Refusal(
        f"layers cannot be {said!r}: give parts of the names of weights such as 'layers.3.', as "
        "regular expressions of letters, digits, '_', '-', '.', '|', '^', '$' and ranges in [ ].",
        param="escalera.trainable.layers",
    )


def _invalid(problem: str) -> Refusal:
    if found := _UNKNOWN.search(problem):
        param = ".".join(part for part in (found.group(2), found.group(1)) if part)
        return Refusal(
            f"The parameter {param!r} is not known. Leave it out: it would change the job, so it "
            "is not ignored.",
            param=param,
            code="unsupported_parameter",
        )
    return wire.invalid(problem)
