"""The composition root: the one module that knows both the engine and the edges.

Edges receive plain values from the project file. Heavy ones (torch, transformers), and what only
some commands need, are imported when they are first needed: reading and reporting never load them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from escalera.core.evidence import Evidence
from escalera.core.finetuning import effort
from escalera.core.ladder.caps import Caps
from escalera.domain.levers import BETA
from escalera.domain.project import BaseModel, Hosting, Project
from escalera.domain.scores import ScoreTable
from escalera.domain.system import Route
from escalera.domain.task import NamedPrompt, Task
from escalera.edges.artifacts import FolderArtifacts
from escalera.edges.clock import SystemClock
from escalera.edges.journal.sqlite import SQLiteJournal
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import InputError, ProjectError
from escalera.ports import Progress, Provider, Retrieval, Scoring, Tuner
from escalera.settings import panels, policies, project_file, training_table
from escalera.settings.tables import ModelTable, ProjectFile
from escalera.wiring import models, optimisers, retrieval, scorers, task_tables
from escalera.wiring.models import cores, require_engine, require_local

if TYPE_CHECKING:
    from escalera.engine.climb import Ports
    from escalera.engine.library import Library
    from escalera.engine.measuring import Means
    from escalera.wiring.vllm import Running


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A project file with everything that its tables name: what a command works with.

    `running` are processes that somebody else keeps for its models, by their names.
    """

    file: Path
    tables: ProjectFile
    project: Project
    state: Path
    running: Mapping[str, Running] = field(default_factory=dict)

    @property
    def journal_file(self) -> Path:
        """Where the evidence is kept."""
        return self.state / "journal.sqlite"

    def journal(self, *, reading: bool = False) -> SQLiteJournal:
        """Open the journal; with *reading* also where it may only be read."""
        return SQLiteJournal(self.journal_file, reading=reading)

    @property
    def checkpoints(self) -> Path:
        """Where trainings that are not at their end keep what they go on from."""
        return self.state / "checkpoints"

    def artifacts(self) -> FolderArtifacts:
        """Open the store of adapters and routers."""
        return FolderArtifacts(self.state / "artifacts")

    def ports(self, journal: SQLiteJournal) -> Ports:
        """What a climb works with. Raises `MissingExtra` where its optimiser or its training engine
        is not installed, and `ProjectError` where the model lacks what is to be trained of it."""
        if self.project.optimiser is not None:
            optimisers.require(self.project.optimiser.name)
        if self.project.model.trainable:
            require_engine(self.project.engine)
        from escalera.engine.climb import Ports
        from escalera.wiring import training

        training.require_mergeable(self)
        training.require_levers(self)
        return Ports(
            journal=journal,
            artifacts=self.artifacts(),
            clock=SystemClock(),
            scoring=self.scoring(),
            provider=lambda: self.provider(self.project.model.name),
            trainer=lambda: training.trainer(self),
            merger=lambda: training.merger(self),
            other=self.provider,
            invalid=invalid,
            retrieval=self.retrieval(),
            optimiser=optimisers.of,
            suggester=optimisers.suggester,
            tuner=self._tuner,
            now=SystemClock().now,
        )

    def retrieval(self) -> Retrieval:
        """What examples and passages are chosen with."""
        return retrieval.of(self.file, self.tables, self.project)

    def library(self, evidence: Evidence) -> Library:
        """What the prompts of a route choose from, when it is served."""
        from escalera.engine.library import Library

        return Library(
            self.project.tasks,
            retrieval=self.retrieval(),
            artifacts=self.artifacts(),
            embedded=evidence.embedded,
        )

    def means(
        self,
        journal: SQLiteJournal,
        evidence: Evidence,
        routes: Iterable[Route],
        progress: Progress,
    ) -> Means:
        """What a measurement of *routes* works with; `evidence` is that of the journal."""
        from escalera.engine.measuring import Means

        names = {
            branch.system.model for route in routes for branch in (*route.branches, *route.unsure)
        }
        asked = [*self.project.graders, *self.project.readers, *map(self.base_model, names)]
        for model in asked:
            _affordable(self.file, self.tables, model)
        asked += self._embedders()
        return Means(
            journal=journal,
            evidence=evidence,
            scoring=self.scoring,
            provider=self.provider,
            caps=Caps.over(self.project.budget, asked),
            invalid=invalid,
            progress=progress,
            artifacts=self.artifacts(),
            retrieval=self.retrieval(),
        )

    def prompt(self, task: Task, file: Path) -> NamedPrompt:
        """The prompt in *file*, checked against the items of *task*."""
        from escalera.core.ladder import showing
        from escalera.settings import prompt_file

        passages = showing.documents(self.project, task)
        return prompt_file.load(
            file, task=task.name, project=self.file, examples=task.examples, passages=passages
        )

    def base_model(self, name: str) -> BaseModel:
        """A model of the project file, with what identifies its weights."""
        return models.base_model(self.file, name, self.tables.models[name])

    def bases(self, *names: str) -> tuple[BaseModel, ...]:
        """The models called *names*; without any, those here that could be finetuned.

        These are the climb's own first, and every other local model that neither grades, nor
        writes prompts, nor embeds. Raises `InputError` for a name that the file does not have.
        """
        tables, own = self.tables, self.project.model
        for name in names:
            if name not in tables.models:
                raise InputError(f"there is no model {name!r}: there are {sorted(tables.models)!r}")
        others = (*self.project.graders, *self.project.readers, self.project.proposer)
        busy = {one.name for one in (*others, *self._embedders()) if one is not None}
        local = [name for name, table in tables.models.items() if table.local and name not in busy]
        asked = names or tuple(dict.fromkeys((own.name, *local)))
        found = tuple(own if name == own.name else self.base_model(name) for name in asked)
        for model in found:
            _affordable(self.file, tables, model)
        return found

    def provider(self, name: str) -> Provider:
        """The provider of a model of the project file."""
        from escalera.engine.contracts import Repairing

        table = self.tables.models[name]
        if table.in_process:
            asked = self._local(name, table)
        elif table.local:
            from escalera.wiring import vllm

            asked = vllm.provider(self, name)
        else:
            asked = models.remote(self.file, name, table, self.artifacts().path)
        return Repairing(asked, invalid)

    def scoring(self) -> Scoring:
        """The scorers of the project's tasks."""
        return scorers.desk(self.file, self.tables)

    def _local(self, name: str, table: ModelTable) -> Provider:
        require_local(f"the local model {name!r}")
        from escalera.edges.providers.transformers_engine import Capacity, TransformersEngine

        threads = table.threads or cores()
        if models.is_tiny(models.folder(self.file, table)):
            capacity = Capacity(threads=1, replicas=threads)
        else:
            capacity = Capacity(threads=threads, replicas=1)

        return TransformersEngine(
            model=models.base_model(self.file, name, table),
            folder=models.folder(self.file, table),
            adapters=self.artifacts().path,
            clock=SystemClock(),
            capacity=capacity,
        )

    def _embedders(self) -> tuple[BaseModel, ...]:
        """The models whose embeddings material is chosen by, or messages are routed by."""
        named = (self.project.embedder, self.project.router_embedder)
        return tuple(one for one in named if one is not None)

    def _tuner(self) -> Tuner:
        from escalera.wiring import hosting

        return hosting.tuner(self.file, self.tables)


def install(file: Path, *, text: str | None = None) -> Installation:
    """Read a project file and its data. Raises `InputError` kin for whatever is wrong with them.

    With *text* that is read, as if it stood in *file*.
    """
    tables = project_file.load(file, scorers=OPTIONS, text=text)
    model = models.base_model(file, tables.climb.model, tables.models[tables.climb.model])
    graders = _graders(file, tables)
    proposer = _named(file, tables, tables.climb.proposer)
    embedder = _named(file, tables, tables.climb.embedding, chats=False)
    router_embedder = _named(file, tables, tables.climb.router_embedding, chats=False)
    compared = scorers.likenesses(file, tables)
    readers = tuple({model.name: model for _, model in compared}.values())
    teacher = models.teacher(file, tables)
    taught = None if teacher is None else teacher.model
    for asked in (model, *graders.values(), *readers, proposer, embedder, router_embedder, taught):
        _affordable(file, tables, asked)
    judges = {name: panels.panel(name, table, graders) for name, table in tables.judges.items()}
    tasks = tuple(
        task_tables.load(file, tables, name, judges=judges, model=model, embedder=embedder)
        for name in tables.tasks
    )
    if any(task.schema is not None for task in tasks):
        model = replace(model, output=policies.modes(tables.models[model.name]))
    settings = tables.training.settings()
    levers = effort.levers(settings, seed=tables.project.seed)
    policy = policies.policy(tables, model, tasks)
    hosting = _hosting(file, tables, epochs=levers.epochs)
    training_table.require_pairs(file, tables.training, tasks, policy.rungs)
    training_table.require_teacher(file, tables.training, tables.models, policy.rungs)
    project = Project(
        name=tables.project.name,
        model=model,
        tasks=tasks,
        policy=policy,
        budget=policies.budget(tables),
        trainable=effort.trainable(settings),
        levers=levers,
        full=tables.training.whole(levers) if "full" in policy.rungs else None,
        objective=tables.training.objective,
        beta=tables.training.beta or BETA,
        engine=tables.training.engine,
        without=training_table.left_out(file, tables.training, tasks),
        rewind=training_table.rewind(file, tables.training, tasks),
        teacher=teacher,
        softened=models.softened(file, tables),
        judges=tuple(judges.values()),
        graders=tuple(graders.values()),
        proposer=proposer,
        optimiser=policies.optimiser(tables),
        service=policies.service(tables),
        embedder=embedder,
        router_embedder=router_embedder,
        likenesses=tuple(one for one, _ in compared),
        readers=readers,
        strangers=policies.strangers(file, tables),
        hosting=hosting,
    )
    return Installation(file=file, tables=tables, project=project, state=_state(file, tables))


def read_scores(path: Path, *, format: str | None = None) -> ScoreTable:  # noqa: A002
    """The scores in a file of any known format."""
    from escalera.edges.scores import reading

    return reading.read(path, format=format)


def write_scores(table: ScoreTable, path: Path, *, format: str | None = None) -> None:  # noqa: A002
    """Write scores to a file of any known format."""
    from escalera.edges.scores import writing

    writing.write(table, path, format=format)


def wall_clock() -> Callable[[], float]:
    """Seconds since the epoch, for what is shown to people and clients."""
    return SystemClock().now


def gateway_key(variable: str | None, *, option: str = "--api-key-env") -> str | None:
    """The key that callers have to show. Raises `ProjectError` when the variable is unset."""
    if variable is None:
        return None
    found = project_file.secret(variable)
    if found is None:
        raise ProjectError(
            file="environment",
            key=variable,
            problem=f"is not set, and {option} names it",
            remedy="Export it before you serve",
        )
    return found


def invalid(schema: str, text: str) -> str | None:
    """Why *text* is not valid against *schema*; the validator is loaded when a schema is there."""
    from escalera.edges import schemas

    return schemas.invalid(schema, text)


# Below: private.


def _graders(file: Path, tables: ProjectFile) -> dict[str, BaseModel]:
    """The models that grade, by name."""
    names = dict.fromkeys(name for table in tables.judges.values() for name in table.models)
    return {name: models.base_model(file, name, tables.models[name]) for name in names}


def _named(
    file: Path, tables: ProjectFile, name: str | None, *, chats: bool = True
) -> BaseModel | None:
    return None if name is None else models.base_model(file, name, tables.models[name], chats=chats)


def _state(file: Path, tables: ProjectFile) -> Path:
    """The folder of journal and adapters: it is there, or can be made."""
    state = file.parent / tables.project.state
    standing = next(path for path in (state, *state.parents) if path.exists())
    if not standing.is_dir():
        raise ProjectError(
            file=str(file),
            key="project.state",
            problem=f"{tables.project.state!r} must be a folder, and {str(standing)!r} is a file",
            remedy="Name another folder, or move that file away",
        )
    return state


def _affordable(file: Path, tables: ProjectFile, model: BaseModel | None) -> None:
    """A cap on money needs a price: without one it could not be kept."""
    if tables.budget.money is not None and model is not None and model.price is None:
        raise ProjectError(
            file=str(file),
            key=f"models.{model.name}.price",
            problem="is unknown, so the cap budget.money cannot be kept",
            remedy="Add price = { prompt = …, completion = … } in dollars per million tokens",
        )


def _hosting(file: Path, tables: ProjectFile, *, epochs: int) -> Hosting | None:
    """What the model's provider is asked for; loaded where a provider trains."""
    if tables.models[tables.climb.model].finetuning is None:
        return None
    from escalera.wiring import hosting

    return hosting.hosting(file, tables, epochs=epochs)
