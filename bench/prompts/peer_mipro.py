"""MIPROv2 on a landscape, instructions only: python -m bench.prompts.peer_mipro JOBS OUTCOMES.

DSPy's own prompts and adapters are around everything, as for its users.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import textwrap

os.environ.setdefault("DSPY_CACHEDIR", tempfile.mkdtemp())

import dspy
from bench.prompts.job import ITEMS, Job, Outcome, serve
from bench.prompts.models import Model, model_of
from bench.prompts.proposer import Proposer
from dspy.lm15 import Message, Response, TextPart, Usage

CANDIDATES, VALIDATION = 24, 60
MINIBATCH = 35
STEPS = 5
"""Trials between two full evaluations: DSPy's default, as is the minibatch."""

OBJECTIVE = "your objective is:"
QUESTION = re.compile(r"\[\[ ## question ## \]\]\n(.*?)\n\nRespond with", re.DOTALL)

BEFORE = 150 + VALIDATION
"""Calls before the first trial, about: examples, summaries, proposals and the seed prompt."""


class Engine:
    """Replies with a function of the system message and the last of the user's, and counts."""

    def __init__(self, reply) -> None:
        self._reply = reply
        self.calls = 0

    def complete(self, request):
        """One reply."""
        self.calls += 1
        system = request.system or ""
        if not isinstance(system, str):
            system = "".join(part.text for part in system)
        said = self._reply(system, request.messages[-1].text or "")
        return Response(
            id=None,
            model="local",
            message=Message.assistant([TextPart(said)]),
            finish_reason="stop",
            usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0),
        )

    def close(self) -> None:
        """Nothing is open."""


def answering(model: Model):
    """The model of the task behind DSPy's fields: it sees the instruction and the message alone."""

    def reply(system: str, said: str) -> str:
        instruction = textwrap.dedent(system.rpartition(OBJECTIVE)[2]).strip()
        answer = model.answered(instruction, QUESTION.search(said)[1])
        return f"[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]"

    return reply


def run(job: Job) -> Outcome:
    """As many trials as the calls are enough for."""
    model = model_of(job.landscape, job.seed)
    writer = Proposer(landscape=model, seed=job.seed)
    asked = Engine(answering(model))
    wrote = Engine(lambda _, said: writer.fields(said))
    task, prompting = (dspy.LM("local", engine=engine, cache=False) for engine in (asked, wrote))
    items = [
        dspy.Example(
            question=model.message(item), answer=model.target(item), item=item
        ).with_inputs("question")
        for item in ITEMS
    ]
    trials = max(STEPS, int((job.calls - BEFORE) / (MINIBATCH + VALIDATION / STEPS)))
    with dspy.context(lm=task, disable_history=True):
        found = dspy.MIPROv2(
            metric=lambda example, found, _trace=None: model.graded(example.item, found.answer),
            prompt_model=prompting,
            task_model=task,
            auto=None,
            num_candidates=CANDIDATES,
            max_bootstrapped_demos=0,
            max_labeled_demos=0,
            num_threads=1,
            seed=job.seed + 1,
        ).compile(
            dspy.Predict(dspy.Signature("question -> answer", model.seed_prompt)),
            trainset=items[VALIDATION:],
            valset=items[:VALIDATION],
            num_trials=trials,
            minibatch_size=MINIBATCH,
            minibatch_full_eval_steps=STEPS,
        )
    best = found.signature.instructions
    return Outcome(
        prompt=best,
        reported=found.score / 100,
        calls=asked.calls + wrote.calls,
        chosen=best,
    )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    serve(run)
