"""Rules that go beyond types: ranges, references and shares that add up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

import msgspec

from escalera.core.data.rows import MEANINGS
from escalera.core.evaluation.scorers import NoOptions
from escalera.core.finetuning import effort
from escalera.core.prompts.operators import OPERATORS
from escalera.domain.contract import LOCAL_MODES, REMOTE_MODES
from escalera.domain.judge import PREFIX
from escalera.domain.project import PROMPTING
from escalera.errors import BadOption
from escalera.settings import (
    data_tables,
    gateway_table,
    hosting_checks,
    judge_checks,
    scorer_table,
    serving_table,
    training_table,
    vllm_table,
)
from escalera.settings.tables import (
    ContextTable,
    DataTable,
    ModelTable,
    ProjectFile,
    SearchTable,
    ServiceTable,
    TaskTable,
)
from escalera.settings.vllm_table import VLLMTable

OPERATOR_NAMES = tuple(operator.name for operator in OPERATORS)

Problem = tuple[str, str, str]
"""Key, what is wrong with it, and the remedy."""

MOST_CONFIDENT = 0.9999
"""Nearer to 1 the shares of alpha are lost in rounding, and no climb has items to prove it."""

MOST_MONEY = 1e9
"""Above, a sum of money is a mistake; its micro-dollars must stay exact integers."""

LARGEST_SEED = 2**63 - 1
"""The largest that every generator of random numbers takes."""


def problems(found: ProjectFile, scorers: Mapping[str, type]) -> list[Problem]:
    """Everything wrong with a project file that has the right keys and types.

    *scorers* holds the kinds of scorers with the dataclasses of their options.
    """
    own = [*_numbers(found), *_models(found), *_served(found), *hosting_checks.problems(found)]
    data = [wrong for name, task in found.tasks.items() for wrong in _data(name, task)]
    local = {name: model.local for name, model in found.models.items()}
    trained = training_table.problems(found.training, local)
    tasks = _tasks(found, scorers)
    return [*own, *judge_checks.problems(found), *tasks, *data, *trained, *_gateway(found)]


# Below: private.

_Check = tuple[bool, str, object, str]
"""Whether a value is right, its key, the value and the rule."""

_MEANINGS = ", ".join(MEANINGS)
_PAYABLE = f"a finite number from 0 to {MOST_MONEY:.0f}"


def _numbers(found: ProjectFile) -> list[Problem]:
    checks = [*_climb(found), *training_table.ranges(found.training), *_service(found.service)]
    for name, model in found.models.items():
        checks += _model(f"models.{name}", model)
    for name, task in found.tasks.items():
        checks += _task(f"tasks.{name}", task)
    return [
        (key, f"{value!r} is out of range", f"Give {rule}")
        for right, key, value, rule in checks
        if not right
    ]


def _climb(found: ProjectFile) -> list[_Check]:
    project, climb, budget = found.project, found.climb, found.budget
    sure, seed = project.confidence, project.seed
    sure_rule = f"a number above 0.5 and at most {MOST_CONFIDENT}"
    affordable = budget.money is None or 0 < budget.money <= MOST_MONEY
    begins = climb.rungs[:1] == ["prompt"]
    return [
        (0.5 < sure <= MOST_CONFIDENT, "project.confidence", sure, sure_rule),
        (0 <= seed <= LARGEST_SEED, "project.seed", seed, f"an integer from 0 to {LARGEST_SEED}"),
        (_replays(found), "climb.replay", climb.replay, _REPLAY),
        (_rising(climb.looks), "climb.looks", climb.looks, "rising shares that end in 1.0"),
        (begins, "climb.rungs", climb.rungs, "a list beginning with 'prompt'"),
        (affordable, "budget.money", budget.money, f"above 0 and at most {MOST_MONEY:.0f}"),
        (_positive(budget.calls), "budget.calls", budget.calls, "above 0"),
        (_positive(budget.tokens), "budget.tokens", budget.tokens, "above 0"),
        (_positive(budget.minutes), "budget.minutes", budget.minutes, "a finite number above 0"),
        (climb.example_tokens > 0, "climb.example_tokens", climb.example_tokens, "above 0"),
    ]


def _service(service: ServiceTable | None) -> list[_Check]:
    if service is None:
        return []
    money = ("model_month", "artefact_month", "training_hour")
    seconds, changes = service.seconds, service.base_changes
    return [
        (service.calls > 0, "service.calls", service.calls, "above 0"),
        (_positive(seconds), "service.seconds", seconds, "a finite number above 0"),
        (0 <= changes <= 365, "service.base_changes", changes, "a number from 0 to 365"),
        *(
            (_payable(getattr(service, name)), f"service.{name}", getattr(service, name), _PAYABLE)
            for name in money
        ),
    ]


_REPLAY = "above 0 and at most 1, or 'auto' where training.checkpoints is 2 or more"


def _replays(found: ProjectFile) -> bool:
    """Whether the ratio of replay is one, or can be found: pilots are read at a checkpoint."""
    replay = found.climb.replay
    return found.training.checkpoints > 1 if replay == "auto" else 0 < replay <= 1


def _model(key: str, model: ModelTable) -> list[_Check]:
    prices = {} if model.price is None else msgspec.structs.asdict(model.price)
    return [
        (model.concurrency > 0, f"{key}.concurrency", model.concurrency, "above 0"),
        (_positive(model.threads), f"{key}.threads", model.threads, "above 0"),
        *((_payable(price), f"{key}.price.{of}", price, _PAYABLE) for of, price in prices.items()),
    ]


def _task(key: str, task: TaskTable) -> list[_Check]:
    share, value = task.share, task.value_per_point
    return [
        (0 < task.bar < 1, f"{key}.bar", task.bar, "more than 0 and less than 1"),
        (0 < task.margin < 1, f"{key}.margin", task.margin, "more than 0 and less than 1"),
        (task.max_tokens > 0, f"{key}.max_tokens", task.max_tokens, "above 0"),
        (_payable(value), f"{key}.value_per_point", value, _PAYABLE),
        (share is None or 0 <= share <= 1, f"{key}.share", share, "in [0, 1]"),
        *([] if task.context is None else _context(f"{key}.context", task.context)),
    ]


def _context(key: str, context: ContextTable) -> list[_Check]:
    chunk, overlap = context.chunk, context.overlap
    return [
        (bool(context.documents), f"{key}.documents", context.documents, "at least one pattern"),
        (20 <= chunk <= 5000, f"{key}.chunk", chunk, "from 20 to 5000 words"),
        (0 <= overlap <= chunk // 2, f"{key}.overlap", overlap, "from 0 to half of `chunk`"),
        (0 < context.top <= 50, f"{key}.top", context.top, "from 1 to 50"),
        (context.tokens > 0, f"{key}.tokens", context.tokens, "above 0"),
        (bool(context.methods), f"{key}.methods", context.methods, "at least one method"),
    ]


def _rising(looks: list[float]) -> bool:
    steps = [0.0, *looks]
    return looks[-1:] == [1.0] and all(a < b for a, b in zip(steps, looks, strict=False))


def _payable(money: float) -> bool:
    return 0 <= money <= MOST_MONEY


def _positive(value: float | None) -> bool:
    return value is None or 0 < value < math.inf


def _search(search: SearchTable, proposer: str | None) -> list[Problem]:
    wrong: list[Problem] = []
    if proposer is None:
        remedy = "Name under [climb] a model of [models] as `proposer`"
        wrong.append(("climb.search.optimiser", "needs a model that writes", remedy))
    if search.calls < _FEWEST_CALLS:
        said = f"{search.calls} calls are too few for a search"
        wrong.append(("climb.search.calls", said, f"Give {_FEWEST_CALLS} or more"))
    return wrong


_FEWEST_CALLS = 100


def _models(found: ProjectFile) -> list[Problem]:
    wrong: list[Problem] = []
    if found.climb.model not in found.models:
        wrong.append(
            (
                "climb.model",
                f"{found.climb.model!r} is not under [models]",
                f"Name one of {sorted(found.models)!r}",
            )
        )
    proposer = found.climb.proposer
    if proposer is not None and proposer not in found.models:
        known = f"Name one of {sorted(found.models)!r}"
        wrong.append(("climb.proposer", f"{proposer!r} is not under [models]", known))
    if found.climb.search is not None:
        wrong += _search(found.climb.search, proposer)
    for name in found.climb.operators or ():
        if name not in OPERATOR_NAMES:
            known = f"Choose from {', '.join(OPERATOR_NAMES)}"
            wrong.append(("climb.operators", f"{name!r} is not an operator", known))
    wrong += _embedding(found)
    for name, model in found.models.items():
        key = f"models.{name}"
        if sum(place is not None for place in (model.path, model.hub, model.base_url)) != 1:
            wrong.append(
                (
                    key,
                    "needs one of `path`, `hub` and `base_url`",
                    "Give a folder, a model of the Hub, or an endpoint",
                )
            )
        if model.base_url is not None and not model.model:
            wrong.append((f"{key}.model", "is missing", "Say which model the endpoint serves"))
        wrong += _engine(key, model)
        able = LOCAL_MODES if model.in_process else REMOTE_MODES
        if unable := sorted(set(model.output or ()) - set(able)):
            where = "a model in this process" if model.in_process else "an endpoint"
            rule = f"Leave it out, or name some of {', '.join(able)}"
            wrong.append((f"{key}.output", f"{unable!r} is not what {where} can do", rule))
    return wrong


def _served(found: ProjectFile) -> list[Problem]:
    """What would be trained can be served by the engine of the model."""
    name = found.climb.model
    model = found.models.get(name)
    trains = any(rung not in PROMPTING for rung in found.climb.rungs)
    if model is None or model.engine != "vllm" or not trains:
        return []
    trainable = effort.trainable(found.training.settings())
    table = model.vllm or VLLMTable()
    return list(vllm_table.untrainable(f"models.{name}.vllm", table, trainable))


def _engine(key: str, model: ModelTable) -> list[Problem]:
    """What answers for a model, where its weights lie here."""
    if model.engine == "vllm" and not model.local:
        return [(f"{key}.engine", "is given, and the model has a `base_url`", "Leave one out")]
    if model.serving is not None:
        if not model.in_process:
            said = "is given, and the model does not answer in this process"
            return [(f"{key}.serving", said, "Leave it out, or give a `path` and no engine")]
        return list(serving_table.problems(f"{key}.serving", model.serving))
    if model.vllm is None:
        return []
    if model.engine != "vllm":
        return [(f"{key}.vllm", "is given, and the engine is not vLLM", 'Add engine = "vllm"')]
    return list(vllm_table.problems(f"{key}.vllm", model.vllm))


def _embedding(found: ProjectFile) -> list[Problem]:
    """The model for embeddings is there where it is named, and named where it is needed."""
    named, known = found.climb.embedding, f"Name one of {sorted(found.models)!r}"
    wrong = [
        *_embedder(found, "climb.embedding", named),
        *_embedder(found, "climb.router_embedding", found.climb.router_embedding),
    ]
    if wrong:
        return wrong
    needing = [
        f"tasks.{name}.context.methods"
        for name, task in found.tasks.items()
        if task.context is not None and "embedding" in task.context.methods
    ]
    if named is None and needing:
        return [(needing[0], "'embedding' needs a model", f"Set climb.embedding. {known}")]
    return []


def _embedder(found: ProjectFile, key: str, named: str | None) -> list[Problem]:
    """A model is there under the name, and can be asked for embeddings."""
    if named is None:
        return []
    if named not in found.models:
        known = f"Name one of {sorted(found.models)!r}"
        return [(key, f"{named!r} is not under [models]", known)]
    if found.models[named].engine == "vllm":
        said = f"{named!r} answers with vLLM, and embeddings are not asked of it"
        return [(key, said, "Name a model without engine = 'vllm'")]
    return []


def _data(name: str, task: TaskTable) -> list[Problem]:
    key = f"tasks.{name}.data"
    if isinstance(task.data, str):
        return []
    named = [task.data] if isinstance(task.data, DataTable) else task.data
    if not named:
        return [(key, "is an empty list", "Name a file, or several")]
    unknown = [what for table in named for what in data_tables.unknown_meanings(table.columns)]
    return [
        (f"{key}.columns", f"names {meaning!r}, which is no part of an item", f"Known: {_MEANINGS}")
        for meaning in unknown
    ]


def _tasks(found: ProjectFile, scorers: Mapping[str, type]) -> list[Problem]:
    if not found.tasks:
        return [("tasks", "is empty", "Add a table [tasks.NAME] for each query type")]
    for name, task in found.tasks.items():
        judges = {f"{PREFIX}{judge}": NoOptions for judge in found.judges}
        try:
            scorer_table.read(task.scorer, {**scorers, **judges})
        except BadOption as error:
            return [(scorer_table.key(name, error), error.problem, error.remedy)]
        if task.labels is not None and scorer_table.kind(task.scorer) not in judges:
            rule = f"is given, and the scorer {task.scorer!r} is no judge"
            return [(f"tasks.{name}.labels", rule, "Labels calibrate judges: leave it out")]
        files = task.prompt.files
        names = Counter(PurePath(file).stem for file in files)
        if twice := [name for name, count in names.items() if count > 1]:
            rule = f"{files!r} holds two files called {twice[0]!r}"
            return [(f"tasks.{name}.prompt.files", rule, "Names tell prompts apart: rename one")]
    given = [task.share for task in found.tasks.values() if task.share is not None]
    total = sum(given)
    if given and (len(given) < len(found.tasks) or abs(total - 1) > 1e-6):
        return [
            (
                "tasks",
                f"the traffic shares add up to {total:g} over {len(given)} tasks",
                "Give every task a `share` so that they add up to 1, or none",
            )
        ]
    return []


def _gateway(found: ProjectFile) -> list[Problem]:
    """Names of `[gateway]` that nobody would answer to, whatever a climb puts into service."""
    label = found.project.name
    names = {label, *(f"{label}/{task}" for task in found.tasks), *found.models}
    return list(gateway_table.problems(found.gateway, frozenset(names)))
