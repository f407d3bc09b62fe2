"""The tables of the project file, as they are written."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

from escalera.domain.contract import OutputMode
from escalera.domain.dataset import Split
from escalera.domain.hosting import TuningMethod
from escalera.domain.judge import Combine, JudgeKind
from escalera.domain.optimiser import OptimiserName
from escalera.domain.project import Replayed, RungName, Spending
from escalera.domain.selection import SearchMethod
from escalera.domain.sla import Promise
from escalera.domain.task import PromptParts
from escalera.settings.gateway_table import GatewayTable
from escalera.settings.serving_table import ServingTable
from escalera.settings.training_table import TrainingTable
from escalera.settings.vllm_table import VLLMTable


class ProjectTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[project]`: what the climb is called and where its evidence is kept."""

    name: str
    state: str = ".escalera"
    seed: int = 0
    confidence: float = 0.95
    query_type: Literal["inferred", "declared"] = "inferred"
    strangers: str | None = None


class BudgetTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[budget]`: hard caps. `money` is in US dollars."""

    money: float | None = None
    calls: int | None = None
    tokens: int | None = None
    minutes: float | None = None


class PriceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`price`: US dollars per million tokens."""

    prompt: float
    completion: float


class SlaTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[models.NAME.sla]`: what the provider of a model promises, over a window of days."""

    availability: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    first_token_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None
    tokens_per_second: Annotated[float, msgspec.Meta(gt=0)] | None = None
    quantile: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    days: Annotated[float, msgspec.Meta(gt=0)] = 30.0

    def promise(self) -> Promise:
        """The same as a domain value."""
        return Promise(
            availability=self.availability,
            first_token_seconds=self.first_token_seconds,
            tokens_per_second=self.tokens_per_second,
            quantile=self.quantile,
            days=self.days,
        )


EngineName = Literal["transformers", "vllm"]
"""What answers for a model whose weights lie here."""


class FinetuningTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[models.NAME.finetuning]`: the provider of the model trains it, by jobs.

    Prices are in US dollars per million tokens: `price` of training, `serving` of what is asked of
    a finetuned model.
    """

    methods: list[TuningMethod] | None = None
    price: float | None = None
    serving: PriceTable | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    beta: float | None = None
    suffix: str = ""
    hours: float = 24.0


class ModelTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[models.NAME]`: a folder on disk, a model of the Hub, or an OpenAI-compatible endpoint."""

    path: str | None = None
    hub: str | None = None
    hub_revision: str = "main"
    base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    allow_insecure: bool = False
    ca_file: str | None = None
    price: PriceTable | None = None
    concurrency: int = 8
    threads: int | None = None
    output: list[OutputMode] | None = None
    sla: SlaTable | None = None
    engine: EngineName = "transformers"
    vllm: VLLMTable | None = None
    serving: ServingTable | None = None
    licence: str = ""
    finetuning: FinetuningTable | None = None

    @property
    def local(self) -> bool:
        """Whether the model's weights lie here, so that they can be adapted."""
        return self.base_url is None

    @property
    def in_process(self) -> bool:
        """Whether it answers in our own process; otherwise it is asked over HTTP."""
        return self.local and self.engine == "transformers"


class SearchTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[climb.search]`: another tool that searches for prompts, and its calls for a task."""

    optimiser: OptimiserName
    calls: int = 1000


class ClimbTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[climb]`: which model is adapted, and how far the climb may go."""

    model: str
    rungs: list[RungName] = msgspec.field(default_factory=lambda: list(get_args(RungName)))
    looks: list[float] = msgspec.field(default_factory=lambda: [0.25, 0.5, 0.75, 1.0])
    spending: Spending = "obrien-fleming"
    replay: float | Literal["auto"] = 0.25
    replayed: Replayed = "targets"
    operators: list[str] | None = None
    proposer: str | None = None
    search: SearchTable | None = None
    embedding: str | None = None
    router_embedding: str | None = None
    example_tokens: int = 4000


class PromptTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tasks.NAME.prompt]`: what can be told to a model, and files with prompts of one's own."""

    role: str = ""
    instruction: str = ""
    output: str = ""
    rules: str = ""
    files: list[str] = msgspec.field(default_factory=list)

    def parts(self) -> PromptParts:
        """The parts as domain values."""
        return PromptParts(
            role=self.role, instruction=self.instruction, output=self.output, rules=self.rules
        )


class JudgeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[judges.NAME]`: models that grade answers which no rule can score."""

    model: str | list[str]
    rubric: str
    kind: JudgeKind = "rubric"
    scale: list[int] = msgspec.field(default_factory=lambda: [0, 4])
    anchors: list[str] = msgspec.field(default_factory=list)
    reference: bool = True
    repeats: int = 1
    temperature: float = 0.0
    max_tokens: int = 512
    min_agreement: float = 0.4
    max_drift: float = 0.1
    on_drift: Literal["warn", "block"] = "warn"
    second_order: float | None = None
    max_position_bias: float = 0.1
    combine: Combine = "mean"
    passing: int | None = None
    allow_self: bool = False

    @property
    def models(self) -> list[str]:
        """The names of the models, of one or of several."""
        return [self.model] if isinstance(self.model, str) else self.model


class ContextTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tasks.NAME.context]`: documents whose passages are shown. Sizes are in words."""

    documents: list[str]
    chunk: int = 200
    overlap: int = 40
    top: int = 3
    tokens: int = 4000
    methods: list[SearchMethod] = msgspec.field(default_factory=lambda: ["bm25"])


class RowsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of all rows of a file: in `FILE.toml` beside it, or in the project file."""

    split: Split | None = None
    licence: str = ""
    source: str = ""
    columns: dict[str, str] = {}


class DataTable(RowsTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tasks.NAME.data]`: a file or folder of items."""

    file: str


class TaskTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tasks.NAME]`: one query type."""

    data: str | DataTable | list[DataTable]
    scorer: str | dict[str, Any]
    bar: float
    title: str = ""
    margin: float = 0.05
    share: float | None = None
    value_per_point: float = 0.0
    max_tokens: int = 256
    labels: str | None = None
    schema: str | None = None
    prompt: PromptTable = PromptTable()
    context: ContextTable | None = None


class ServiceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[service]`: what a system will be used for, and what keeping it costs, in US dollars."""

    calls: int
    seconds: float | None = None
    model_month: float = 0.0
    artefact_month: float = 0.0
    training_hour: float = 0.0
    base_changes: float = 1.0


class ProjectFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole project file."""

    project: ProjectTable
    models: dict[str, ModelTable]
    climb: ClimbTable
    tasks: dict[str, TaskTable]
    judges: dict[str, JudgeTable] = {}
    budget: BudgetTable = BudgetTable()
    training: TrainingTable = TrainingTable()
    service: ServiceTable | None = None
    gateway: GatewayTable = GatewayTable()
