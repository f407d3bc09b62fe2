"""The stores of a project's gateway: keys, audit log, and what was served.

They lie in the folder `gateway` of the project's state.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from escalera.core.evidence import Evidence, fold
from escalera.core.serving import keys
from escalera.domain.sla import Promise
from escalera.edges import operator
from escalera.edges.clock import SystemClock
from escalera.edges.energy import MachineMeter
from escalera.edges.gateway_store.accounts import SQLiteAccounts
from escalera.edges.gateway_store.batches import SQLiteBatches
from escalera.edges.gateway_store.calls import SQLiteCalls
from escalera.edges.gateway_store.configurations import Configurations
from escalera.edges.gateway_store.files import SQLiteFiles
from escalera.edges.gateway_store.jobs import SQLiteJobs
from escalera.edges.gateway_store.keys import SQLiteKeys
from escalera.edges.gateway_store.pairs import SQLitePairs
from escalera.edges.gateway_store.shelf import SQLiteShelf
from escalera.edges.gateway_store.standings import Standings
from escalera.edges.http.upstream import HTTPUpstream
from escalera.edges.journal.sqlite import SQLiteJournal
from escalera.edges.lines import AppendedLines
from escalera.edges.scoring.desk import OPTIONS
from escalera.errors import MissingExtra, ProjectError
from escalera.ports import Lines
from escalera.ports.jobs import Meter
from escalera.settings import project_file
from escalera.settings.tables import ModelTable
from escalera.wiring import upstreams

if TYPE_CHECKING:  # OpenTelemetry may be missing
    from escalera.edges.tracing import Spans

PATIENCE = 10.0
"""Seconds that another process may add to the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where the stores of one gateway are, and what the project file says of its models.

    `promises` are by the names of models, `providers` their hosts; a model on this machine has
    the host `local`.
    """

    folder: Path
    promises: Mapping[str, Promise] = field(default_factory=dict)
    providers: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys_file(self) -> Path:
        """Where the keys are kept."""
        return self.folder / "keys.sqlite"

    @property
    def journal_file(self) -> Path:
        """Where the evidence of the project is kept."""
        return self.folder.parent / "journal.sqlite"

    @property
    def audit_file(self) -> Path:
        """Where acts are recorded."""
        return self.folder / "audit.jsonl"

    @property
    def trials_file(self) -> Path:
        """Where pairs of trials, promotions and rollbacks are recorded."""
        return self.folder / "trials.sqlite"

    def evidence(self) -> Evidence:
        """Everything that the project's journal holds, folded; nothing where there is none."""
        if not self.journal_file.exists():
            return Evidence()
        with closing(SQLiteJournal(self.journal_file, reading=True)) as journal:
            return fold(journal.events())

    def trials(self) -> SQLiteJournal:
        """The journal of trials. Raises `JournalError`."""
        return SQLiteJournal(self.trials_file)

    @property
    def pairs_file(self) -> Path:
        """Where trials keep what is no event."""
        return self.folder / "pairs.sqlite"

    def pairs(self) -> SQLitePairs:
        """The texts of pairs. Raises `StoreUnavailable`."""
        return SQLitePairs(self.pairs_file)

    def accounts(self) -> SQLiteAccounts:
        """The money of the copies of shadows. Raises `StoreUnavailable`."""
        return SQLiteAccounts(self.pairs_file)

    def keys(self) -> SQLiteKeys:
        """The keys: ports `KeyBook` and `Vault`. Raises `StoreUnavailable`."""
        return SQLiteKeys(self.keys_file)

    @property
    def calls_file(self) -> Path:
        """Where served calls are logged."""
        return self.folder / "calls.sqlite"

    def calls(self) -> SQLiteCalls:
        """The log of served calls. Raises `StoreUnavailable`."""
        return SQLiteCalls(self.calls_file)

    def spans(self, endpoint: str, share: float, tell: Callable[[str], None]) -> Spans:
        """What sends spans of served calls. Raises `MissingExtra`."""
        if importlib.util.find_spec("opentelemetry.sdk") is None:
            raise MissingExtra(
                feature="[gateway.traces]", package="opentelemetry-sdk", extra="otel"
            )
        from escalera.edges import tracing

        return tracing.Spans(
            tracing.exporter(endpoint), share=share, seconds=SystemClock().seconds, tell=tell
        )

    def files(self) -> SQLiteFiles:
        """Files of callers: the port `FileStore`. Raises `StoreUnavailable`."""
        return SQLiteFiles(self.folder / "files", now=SystemClock().now, name=new_file)

    @property
    def shelf_file(self) -> Path:
        """Where finetuned models are listed."""
        return self.folder / "models.sqlite"

    def jobs(self) -> SQLiteJobs:
        """Finetuning jobs: the port `JobQueue`. Raises `StoreUnavailable`."""
        return SQLiteJobs(self.folder / "jobs.sqlite")

    def shelf(self) -> SQLiteShelf:
        """The finetuned models that can be asked by name. Raises `StoreUnavailable`."""
        return SQLiteShelf(self.shelf_file)

    def batches(self) -> SQLiteBatches:
        """Batches of callers: the port `BatchBook`. Raises `StoreUnavailable`."""
        return SQLiteBatches(self.folder / "batches")

    def configurations(self) -> Configurations:
        """The versions of the project file that the gateway was given."""
        return Configurations(self.folder / "configurations")

    def standings(self) -> Standings:
        """What each worker says of itself."""
        return Standings(self.folder / "workers")

    def audit(self) -> Callable[[], Lines]:
        """Opens the audit log for one act. Raises `LinesError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return partial(AppendedLines, self.audit_file, wait=PATIENCE)


def of(file: Path) -> Stores:
    """The stores of a project, by its file or the folder that holds it. Raises `ProjectError`."""
    path = file / "escalera.toml" if file.is_dir() else file
    return at(project_file.state_of(path))


def promising(file: Path) -> Stores:
    """The stores of a project, with what its file says of providers. Raises `ProjectError`."""
    path = file / "escalera.toml" if file.is_dir() else file
    models = project_file.load(path, scorers=OPTIONS).models.items()
    return replace(
        of(path),
        promises={name: table.sla.promise() for name, table in models if table.sla is not None},
        providers={
            name: urlsplit(table.base_url or "").hostname or "local" for name, table in models
        },
    )


def at(state: Path) -> Stores:
    """The stores in the folder of a project's state. Raises `ProjectError` where that is a file."""
    standing = next(path for path in (state, *state.parents) if path.exists())
    if not standing.is_dir():
        raise ProjectError(
            file=str(standing),
            key="project.state",
            problem="is to be a folder, and this is a file",
            remedy="Name another folder, or move that file away",
        )
    return Stores(folder=state / "gateway")


def asked(base_url: str, api_key_env: str | None) -> HTTPUpstream:
    """Any server of the API, asked in bytes with the key that a variable holds.

    Raises `ProjectError` where that is not set, and `InputError` for a URL that cannot be used.
    """
    table = ModelTable(base_url=base_url, model="any", api_key_env=api_key_env)
    return upstreams.of(Path("escalera.toml"), {"gateway": table})["gateway"]


def new_secret() -> str:
    """The secret of a key, of 256 random bits."""
    return keys.secret(secrets.token_bytes(keys.SECRET_BYTES))


def new_id() -> str:
    """The id of a key."""
    return keys.ID_PREFIX + secrets.token_hex(8)


def new_file() -> str:
    """The id of a file."""
    return f"file-{secrets.token_hex(16)}"


def new_job() -> str:
    """The id of a finetuning job."""
    return f"ftjob-{secrets.token_hex(12)}"


def new_seed() -> int:
    """The seed of a job whose caller gives none."""
    return secrets.randbelow(2**31)


def new_batch() -> str:
    """The id of a batch."""
    return f"batch_{secrets.token_hex(16)}"


def who() -> str:
    """Who runs this process."""
    return operator.name()


def wall_clock() -> Callable[[], float]:
    """Seconds since the epoch."""
    return SystemClock().now


def meter() -> Meter:
    """What counts the energy of this machine."""
    return MachineMeter()
