"""The job as an Inspect task; as a program, what its newest log says."""

from __future__ import annotations

import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.scorer import exact
from inspect_ai.solver import generate

HERE = Path(__file__).parent


@task
def words() -> Task:
    """Say the word."""
    fields = FieldSpec(id="id", input="question", target="answer")
    return Task(
        dataset=json_dataset(str(HERE / "items.jsonl"), fields), solver=generate(), scorer=exact()
    )


def said() -> dict[str, object]:
    """Score and number of scored items of the newest log."""
    newest = max(list_eval_logs(str(HERE / "logs")), key=lambda log: log.mtime or 0)
    results = read_eval_log(newest, header_only=True).results
    if results is None or not results.scores:
        return {"score": None, "scored": 0}
    found = results.scores[0]
    metric = found.metrics.get("accuracy") or found.metrics["mean"]
    return {"score": metric.value, "scored": found.scored_samples or results.completed_samples}


if __name__ == "__main__":
    print(json.dumps(said()))
