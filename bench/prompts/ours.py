"""Our search on a landscape: the planner itself, climbing in memory from the seed prompt.

The bar cannot be reached, so that the search does all it would do: rounds until nothing helps. The
rung before it knows one prompt, and confirms it against the bar; those calls count, too. What is
shipped is the route that the search rung leaves: the searched prompt where `confirm` items have
shown it better than the seed prompt, else the seed prompt.
"""

from __future__ import annotations

from bench.prompts.job import CONFIRM, SEARCH, Job, Outcome
from bench.prompts.models import Model, model_of
from bench.prompts.proposer import Proposer

from escalera.core.ladder import steps
from escalera.core.prompts import rewriting
from escalera.core.prompts.rewriting import Mistake
from escalera.domain.dataset import Example, Examples
from escalera.domain.levers import Levers, Trainable
from escalera.domain.project import BaseModel, Policy, Project
from escalera.domain.task import PromptParts, Task
from escalera.testing import playbook

BAR = 0.99
"""Hardly any prompt reaches it, so that the search goes on for as long as it would."""

WRITER = BaseModel(name="writer", revision="1", trainable=False, price=None)
POLICY = Policy(
    alpha=0.05, query_type="declared", rungs=("prompt", "search"), operators=("instruction",)
)


def run(job: Job) -> Outcome:
    """Climb to the end of the search rung."""
    model = model_of(job.landscape, job.seed)
    writer = Proposer(landscape=model, seed=job.seed)
    climbed = playbook.simulate(
        _project(model),
        lambda system, item: model.score(system.prompt.system, item.id),
        writes=lambda step: _written(model, writer, step),
    )
    evidence = climbed.evidence
    shipped = evidence.nominee("search").system("task").prompt.system
    tried = [n.route.system("task").prompt.system for n in evidence.nominated if n.rung == "search"]
    (last,) = [look for look in evidence.looks if look.question.candidate == _last(evidence)][-1:]
    return Outcome(
        prompt=shipped, reported=last.figure.value, calls=evidence.spent.calls, chosen=tried[0]
    )


# Below: private.


def _last(evidence) -> str:
    """The route of the bar's last question: what the search rung leaves."""
    adequacies = [look for look in evidence.looks if look.question.kind == "adequacy"]
    return adequacies[-1].question.candidate


def _project(model: Model) -> Project:
    items = [
        *(_item(model, f"{number}", "search") for number in range(SEARCH)),
        *(_item(model, f"{number}", "confirm") for number in range(SEARCH, SEARCH + CONFIRM)),
    ]
    task = Task(
        name="task",
        title="task",
        scorer="exact",
        bar=BAR,
        margin=0.05,
        share=1.0,
        value_per_point=0.0,
        max_tokens=8,
        parts=PromptParts(instruction=model.seed_prompt),
        examples=Examples(items),
    )
    return Project(
        name="landscape",
        model=BaseModel(name="local", revision="1", trainable=False, price=None),
        tasks=(task,),
        policy=POLICY,
        budget=playbook.NO_BUDGET,
        trainable=Trainable(),
        levers=Levers(),
        proposer=WRITER,
    )


def _item(model: Model, name: str, split: str) -> Example:
    asked, right = model.message(name), model.target(name)
    return Example(id=name, task="task", split=split, input=asked, target=right, cluster=name)


def _written(model: Model, writer: Proposer, step: steps.Rewrite) -> tuple[str, ...]:
    """As the engine: the message that asks, the model's reply, and what is read of it."""
    mistakes = [
        Mistake(
            input=call.item.input,
            expected=call.item.target,
            said=model.answer(call.system.prompt.system, call.item.id),
        )
        for call in step.mistakes
    ]
    return rewriting.edits(writer.edits(rewriting.brief(step.parent.prompt, mistakes, step.tried)))
