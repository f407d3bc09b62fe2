"""`[gateway]`: how requests are answered, and by whom when somebody cannot."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Annotated

import msgspec

from escalera.settings import guard_table, trial_table
from escalera.settings.guard_table import GuardTable, LimitsTable
from escalera.settings.jobs_table import JobsTable
from escalera.settings.trial_table import CanaryTable, ShadowTable

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]
Problem = tuple[str, str, str]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class TimeoutsTable(_Table, frozen=True):
    """`[gateway.timeouts]`: seconds to connect, to the first byte, between two, for all of it.

    `embedding` is for what a router reads of a message.
    """

    connect: Seconds = 5.0
    first_byte: Seconds = 60.0
    idle: Seconds = 60.0
    total: Seconds = 600.0
    embedding: Seconds = 1.0


class BreakerTable(_Table, frozen=True):
    """`[gateway.breaker]`: when a model is left alone, and for how many seconds."""

    streak: Annotated[int, msgspec.Meta(ge=1)] = 5
    least: Annotated[int, msgspec.Meta(ge=1)] = 20
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    window: Seconds = 30.0
    hold: Seconds = 5.0
    longest: Seconds = 60.0


class HedgeTable(_Table, frozen=True):
    """`hedge`: a second model is asked `after` seconds, for the share `most` of all calls."""

    after: Seconds
    most: Share = 0.05


class LogTable(_Table, frozen=True):
    """`[gateway.log]`: whether bodies are kept, for how many days, and how many bytes of all.

    With `sync` an answer ends when its record is on disk.
    """

    bodies: bool = False
    sync: bool = False
    days: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    megabytes: Annotated[int, msgspec.Meta(ge=1)] = 1000


class FilesTable(_Table, frozen=True):
    """`[gateway.files]`: megabytes of a file, and of all files of an owner together.

    Files of batches, and what comes of them, are kept for `batch_days` where nobody says otherwise;
    others until they are deleted.
    """

    megabytes: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 512
    total_megabytes: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] = 10_000
    batch_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 30.0


class BatchesTable(_Table, frozen=True):
    """`[gateway.batches]`: how many lines a batch may have, and how many each worker asks at once.

    Callers who wait for an answer come first: for each of them one line less is asked, and never
    less than one.
    """

    lines: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 50_000
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 8


class RouteTable(_Table, frozen=True):
    """`[gateway.routes.NAME]`: models that answer under one name.

    The quicker one is asked, or by `weights` where they are given; `fallbacks` are asked in order
    when none of them can answer. Or two systems by evidence: `decision` is the id of what `escalera
    route` decided, and `force` the reason for which it is served though it has expired or shows no
    gain.
    """

    models: list[str] = msgspec.field(default_factory=list)
    decision: str | None = None
    force: Reason | None = None
    weights: list[Annotated[float, msgspec.Meta(ge=0)]] = msgspec.field(default_factory=list)
    fallbacks: list[str] = msgspec.field(default_factory=list)
    hedge: HedgeTable | None = None


class TracesTable(_Table, frozen=True):
    """`[gateway.traces]`: spans of `share` of the calls go to a collector (extra `otel`)."""

    endpoint: str
    share: Share = 1.0


class CacheTable(_Table, frozen=True):
    """`[gateway.cache]`: whole answers are remembered for `seconds`, in each worker's memory.

    With `sampled` also answers to requests that do not ask for temperature 0.
    """

    seconds: Seconds
    megabytes: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64
    sampled: bool = False


class GatewayTable(_Table, frozen=True):
    """`[gateway]`: `seconds` is what the whole of an answer may take, with all attempts.

    `body_bytes` bounds a request, `attempts` how often is asked for one, `retries` how often a
    model that stands alone is asked again. `max_tokens` is the limit of an answer where a caller
    gives none, None where the model's own holds; `stream_usage` whether the usage of every stream
    is asked for. Decisions that routes rest on count for `evidence_days`, None for ever; `force` is
    the reason for which the system in service is served after that.
    """

    default: str | None = None
    seconds: Seconds = 600.0
    body_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 10 * 1024 * 1024
    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 4
    retries: Annotated[int, msgspec.Meta(ge=0, le=5)] = 1
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    stream_usage: bool = True
    evidence_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    force: Reason | None = None
    fallbacks: dict[str, list[str]] = msgspec.field(default_factory=dict)
    routes: dict[str, RouteTable] = msgspec.field(default_factory=dict)
    shadows: dict[str, ShadowTable] = msgspec.field(default_factory=dict)
    canaries: dict[str, CanaryTable] = msgspec.field(default_factory=dict)
    guards: dict[str, GuardTable] = msgspec.field(default_factory=dict)
    limits: LimitsTable = msgspec.field(default_factory=LimitsTable)
    enforce_schemas: bool = False
    cache: CacheTable | None = None
    traces: TracesTable | None = None
    timeouts: TimeoutsTable = msgspec.field(default_factory=TimeoutsTable)
    breaker: BreakerTable = msgspec.field(default_factory=BreakerTable)
    log: LogTable = msgspec.field(default_factory=LogTable)
    files: FilesTable = msgspec.field(default_factory=FilesTable)
    jobs: JobsTable | None = None
    batches: BatchesTable = msgspec.field(default_factory=BatchesTable)


def problems(table: GatewayTable, names: frozenset[str]) -> Iterator[Problem]:
    """What is wrong with *table*: key, problem and remedy; *names* are those that can be asked.

    A route may stand on names that answer by themselves, not on other routes.
    """
    for route, found in table.routes.items():
        key = f"gateway.routes.{route}"
        if route in names:
            yield key, "is the name of a model or of the project already", "Choose another name"
        yield from _of_route(key, found)
        yield from _unknown(key, (*found.models, *found.fallbacks), names)
    if table.traces is not None and not table.traces.endpoint.startswith(("http://", "https://")):
        told = f"is {table.traces.endpoint!r}, which is no http(s) URL"
        yield (
            "gateway.traces.endpoint",
            told,
            "Write it whole, such as http://127.0.0.1:4318/v1/traces",
        )
    yield from guard_table.problems(table.guards)
    yield from trial_table.problems(table.shadows, table.canaries, names | table.routes.keys())
    for name, others in table.fallbacks.items():
        yield from _unknown("gateway.fallbacks", (name, *others), names)
    if table.default is not None:
        yield from _unknown("gateway.default", (table.default,), names | table.routes.keys())


# Below: private.


def _of_route(key: str, route: RouteTable) -> Iterator[Problem]:
    if route.decision is not None:
        if route.models or route.weights or route.hedge is not None:
            told = "names systems already, so the route has no models, weights or hedge of its own"
            yield f"{key}.decision", told, "Leave them out, or the decision"
        return
    if route.force is not None:
        yield f"{key}.force", "forces nothing: there is no `decision`", "Leave it out"
    if not route.models:
        yield f"{key}.models", "is empty", "Name at least one model, or a `decision`"
    if route.weights and len(route.weights) != len(route.models):
        told = f"has {len(route.weights)} values for {len(route.models)} models"
        yield f"{key}.weights", told, "Give one weight per model"
    if route.weights and not sum(route.weights) > 0:
        yield f"{key}.weights", "are all 0", "Give at least one model a weight above 0"
    if route.hedge is not None and len(route.models) + len(route.fallbacks) < 2:
        yield f"{key}.hedge", "needs a second model to ask", "Add one to `models`"


def _unknown(key: str, asked: tuple[str, ...], names: Set[str]) -> Iterator[Problem]:
    for name in asked:
        if name not in names:
            yield (
                key,
                f"names {name!r}, which is none that can be asked",
                f"The names are {', '.join(sorted(names))}",
            )
