"""GEPA on a landscape, where it is installed: python -m bench.prompts.peer_gepa JOBS OUTCOMES."""

from __future__ import annotations

import gepa
from bench.prompts.job import ITEMS, Job, Outcome, serve
from bench.prompts.models import Model, model_of
from bench.prompts.proposer import Proposer
from gepa import EvaluationBatch, GEPAAdapter

VALIDATION = 60
"""Items that every accepted candidate is scored on; the others are drawn from for reflection."""

ADDED = 3
"""New rules in a whole instruction, at most; with 7 it does a little worse."""

NAME = "instruction"


class Adapter(GEPAAdapter):
    """Asks the landscape, and counts."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.calls = 0

    def evaluate(self, batch, candidate, capture_traces=False):  # noqa: FBT002  as GEPA calls it
        """Score *candidate* on the items of *batch*; the trace is what was said."""
        said = [self._model.answer(candidate[NAME], item) for item in batch]
        self.calls += len(batch)
        scores = [self._model.graded(*pair) for pair in zip(batch, said, strict=True)]
        traces = list(zip(batch, said, strict=True)) if capture_traces else None
        return EvaluationBatch(outputs=said, scores=scores, trajectories=traces)

    def make_reflective_dataset(self, candidate, eval_batch, components_to_update):
        """What GEPA's own adapter shows: message, answer, and what was expected."""
        del candidate, components_to_update
        rows = [
            {
                "Inputs": self._model.message(item),
                "Generated Outputs": said,
                "Feedback": self._feedback(item, said),
            }
            for item, said in eval_batch.trajectories
        ]
        return {NAME: rows}

    def _feedback(self, item: str, said: str) -> str:
        right = self._model.graded(item, said) == 1
        return "correct" if right else f"expected: {self._model.target(item)}"


class Quiet:
    """A logger."""

    def log(self, message: str) -> None:
        """Say nothing."""


def run(job: Job) -> Outcome:
    """Search until the calls are used, with GEPA's defaults otherwise."""
    model = model_of(job.landscape, job.seed)
    adapter, writer = Adapter(model), Proposer(landscape=model, seed=job.seed, added=ADDED)
    found = gepa.optimize(
        seed_candidate={NAME: model.seed_prompt},
        trainset=list(ITEMS[VALIDATION:]),
        valset=list(ITEMS[:VALIDATION]),
        adapter=adapter,
        reflection_lm=lambda prompt: writer.fenced(str(prompt)),
        stop_callbacks=lambda _: adapter.calls + writer.calls >= job.calls,
        logger=Quiet(),
        seed=job.seed,
    )
    best = found.best_candidate[NAME]
    return Outcome(
        prompt=best,
        reported=found.val_aggregate_scores[found.best_idx],
        calls=adapter.calls + writer.calls,
        chosen=best,
    )


if __name__ == "__main__":
    serve(run)
