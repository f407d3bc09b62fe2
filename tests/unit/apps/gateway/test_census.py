"""What is in the stores is in the metrics, and a store that is down takes nothing away."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from escalera.apps.gateway.census import Census
from escalera.apps.gateway.metrics import Metrics
from escalera.domain.batch import Batch, BatchWish
from escalera.domain.job import Job, JobWish
from escalera.edges.gateway_store.batches import SQLiteBatches
from escalera.edges.gateway_store.jobs import SQLiteJobs
from escalera.errors import StoreUnavailable

STATUSES = ("running", "succeeded", "succeeded", "queued")


def told(metrics: Metrics) -> dict[str, str]:
    """The series and their values."""
    lines = [line for line in metrics.text().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_what_is_in_the_stores_is_told_by_status(tmp_path: Path) -> None:
    """Those of nothing too, so that a count that falls to 0 is seen; again, nothing is doubled."""
    metrics, opened = Metrics(), []
    with (
        closing(SQLiteBatches(tmp_path / "batches")) as batches,
        closing(SQLiteJobs(tmp_path / "jobs.sqlite")) as jobs,
    ):
        census = Census(batches, lambda: opened.append(1) or jobs)  # type: ignore[func-returns-value]
        census.tell(metrics, jobs=False)
        assert opened == []
        assert not any(name.startswith("escalera_jobs") for name in told(metrics))
        (tmp_path / "in.jsonl").write_text("{}")
        wish = BatchWish(endpoint="/v1/chat/completions", input_file="file-1")
        batches.open(
            Batch(id="batch_1", wish=wish, created=1, expires=2, status="in_progress"),
            tmp_path / "in.jsonl",
        )
        for number, status in enumerate(STATUSES):
            made = JobWish(model="m", training_file="f")
            jobs.add(Job(id=f"ftjob-{number}", wish=made, created=1, status=status))  # type: ignore[arg-type]
        for _ in range(2):
            census.tell(metrics, jobs=True)
        found = told(metrics)
        assert opened == [1]
        assert found['escalera_batches_open{status="in_progress"}'] == "1"
        assert found['escalera_batches_open{status="validating"}'] == "0"
        assert found['escalera_jobs_open{status="running"}'] == "1"
        assert found['escalera_jobs_open{status="paused"}'] == "0"
        assert found['escalera_jobs_total{outcome="succeeded"}'] == "2"
        assert found['escalera_jobs_total{outcome="failed"}'] == "0"
        jobs.move("ftjob-0", ["running"], "failed", now=1)
        census.tell(metrics, jobs=False)  # they are not offered any more, and still there
        assert told(metrics)['escalera_jobs_total{outcome="failed"}'] == "1"


def test_a_store_that_is_down_leaves_what_was_known() -> None:
    """The others are told."""

    class Down:
        def standing(self) -> Any:
            raise StoreUnavailable(store="x", problem="is down", remedy="Wait")

    metrics = Metrics()
    metrics.set("batches_open", ("validating",), 3)
    census = Census(Down(), Down)  # type: ignore[arg-type]
    census.tell(metrics, jobs=True)
    assert told(metrics).items() >= {('escalera_batches_open{status="validating"}', "3")}
    assert not any(name.startswith("escalera_jobs") for name in told(metrics))
