"""Playbooks of the planner: events in, step out, without a model, an engine or a disk.

A project is built from a few values; a model is a function from a system and an item to a score.
`Playbook` checks one step at a time, `simulate` runs a whole climb.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from escalera.core.evaluation import scorers
from escalera.core.evidence import Evidence, fold
from escalera.core.ladder import materials, planner, rescoring, steps
from escalera.core.ladder.caps import Caps
from escalera.core.ladder.steps import Call, Step
from escalera.core.prompts import choosing, overlap
from escalera.domain.dataset import Example, Examples, Split
from escalera.domain.distillation import Distilled
from escalera.domain.event import Drafted, Event, Merged, Observed, RouterFitted
from escalera.domain.levers import Levers, Trainable
from escalera.domain.message import Usage
from escalera.domain.optimiser import Optimiser, Rewritten
from escalera.domain.project import RUNGS, BaseModel, Budget, ModelPrice, Policy, Project, RungName
from escalera.domain.recipe import MergePlan
from escalera.domain.scoring import Score, Submission
from escalera.domain.selection import Passage, Selected
from escalera.domain.sweep import Suggested
from escalera.domain.system import System
from escalera.domain.task import PromptParts, Task
from escalera.domain.verdict import Figure
from escalera.testing import retrieval, training

VERSION = "playbook"
ITEMS: Mapping[Split, int] = {"train": 12, "search": 24, "confirm": 100}
UNSEARCHED: tuple[RungName, ...] = tuple(rung for rung in RUNGS if rung != "search")
DECLARED = Policy(query_type="declared", looks=(0.5, 1.0), rungs=UNSEARCHED, checkpoints=1)
NO_BUDGET = Budget()

Answers = Callable[[System, Example], float | None]
"""Stands for a model: the score of its answer, or None for an answer without a score."""

Writes = Callable[[steps.Rewrite | steps.Optimise], tuple[str, ...]]
"""Stands for what writes: edits of a prompt, or (an optimiser) what to say instead of it."""

Suggests = Callable[[steps.Suggest], Suggested]
"""Stands for what suggests levers."""

Kind = TypeVar("Kind", bound=Step)


def task(
    name: str, *, bar: float = 0.7, margin: float = 0.1, items: Mapping[Split, int] = ITEMS
) -> Task:
    """A query type with so many items per split; the rate of luck is spread evenly over them."""
    examples = [
        Example(
            id=f"{name}/{split}/{number}",
            task=name,
            split=split,
            input=f"{name} {split} message {number}",
            target=f"answer {number}",
            cluster=f"{name}/{split}/{number}",
        )
        for split, count in items.items()
        for number in range(count)
    ]
    return Task(
        name=name,
        title=name,
        scorer="exact",
        bar=bar,
        margin=margin,
        share=1.0,
        value_per_point=0.0,
        max_tokens=8,
        parts=PromptParts(role="Be kind.", instruction=f"Answer {name}.", output="One word."),
        examples=Examples(examples).in_order(seed=0),
    )


def project(
    *tasks: Task,
    policy: Policy = DECLARED,
    budget: Budget = NO_BUDGET,
    price: ModelPrice | None = None,
    proposer: BaseModel | None = None,
    optimiser: Optimiser | None = None,
) -> Project:
    """A project over *tasks*, which get the traffic in equal shares."""
    return Project(
        name="playbook",
        model=BaseModel(name="base", revision="r1", trainable=True, price=price),
        tasks=tuple(replace(entry, share=1 / len(tasks)) for entry in tasks),
        policy=policy,
        budget=budget,
        trainable=Trainable(),
        levers=Levers(),
        full=Levers(learning_rate=1e-4),
        proposer=proposer,
        optimiser=optimiser,
    )


def luck(item: Example) -> float:
    """A number in [0, 1) that is spread evenly over the items of a split, the same everywhere.

    A model that is right at a rate r answers what has less luck than r: so a better one is right
    wherever a worse one is.
    """
    return int(item.id.rpartition("/")[2]) * 0.6180339887498949 % 1


def merge_of(plan: MergePlan) -> str:
    """The adapter that a simulated merge leaves: "merge(ties 1.0 1.0 at 0.5)"."""
    weights = " ".join(str(entry.weight) for entry in plan.adapters)
    weights += "" if plan.density == 1 else f" at {plan.density}"
    return f"merge({plan.method} {weights})"


def _nothing(_: steps.Rewrite | steps.Optimise) -> tuple[str, ...]:
    return ()


class Playbook:
    """Feeds events to the planner and says which step must come next."""

    def __init__(self, project: Project, events: Sequence[Event] = ()) -> None:
        self.project = project
        self.evidence: Evidence = fold(events)

    def next(self) -> Step | None:
        """What the planner asks for now."""
        return planner.next_step(self.project, self.evidence, version=VERSION)

    def expect(self, kind: type[Kind]) -> Kind:
        """The next step, which must be of *kind*. Raises `AssertionError` when it is not."""
        step = self.next()
        if not isinstance(step, kind):
            said = f"{kind.__name__} must come next, the planner wants {step!r:.300}"
            raise AssertionError(said)  # noqa: TRY004 - a failed expectation, as `assert` raises
        return step

    def feed(self, *events: Event) -> None:
        """Tell what happened."""
        for event in events:
            self.evidence.apply(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climbed:
    """A simulated climb: what was asked for, what was appended, and the evidence at the end."""

    steps: tuple[Step, ...]
    events: tuple[Event, ...]
    evidence: Evidence


def simulate(  # noqa: PLR0913  one stand-in for each thing that is asked
    project: Project,
    answers: Answers,
    *,
    events: Sequence[Event] = (),
    at_most: int | None = None,
    infer: Callable[[Example], str] = lambda item: item.task,
    writes: Writes = _nothing,
    suggests: Suggests = training.suggested,
) -> Climbed:
    """Climb in memory from *events* to the end, or until the journal holds *at_most* events.

    Answers may be cut off anywhere; what one step concludes is appended as a whole, as by the
    engine, so that a few more events than *at_most* may be there.

    `answers` stands for the model, `infer` for the router (a type with a question mark behind it
    is one that the router does not stand by), `writes` for what writes prompts and `suggests` for
    what suggests levers; trainings and merges leave adapters named by `adapter_of` and `merge_of`.
    """
    book, journal, asked = Playbook(project, events), list(events), []
    while (step := book.next()) is not None:
        asked.append(step)
        new: list[Event]
        if isinstance(step, steps.Rescore):
            new = rescored(project, book.evidence, journal)
        elif isinstance(step, steps.Suggest):
            new = [suggests(step)]
        else:
            new = perform(
                step,
                project=project,
                evidence=book.evidence,
                answers=answers,
                infer=infer,
                writes=writes,
            )
        if at_most is not None and isinstance(step, steps.Evaluate):
            new = new[: at_most - len(journal)]
        journal.extend(new)
        book.feed(*new)
        if at_most is not None and len(journal) >= at_most:
            break
    return Climbed(steps=tuple(asked), events=tuple(journal), evidence=book.evidence)


def perform(
    step: Step,
    *,
    project: Project,
    evidence: Evidence,
    answers: Answers,
    infer: Callable[[Example], str] = lambda item: item.task,
    writes: Writes = _nothing,
) -> list[Event]:
    """The events that performing *step* would append; a `Rescore` needs the journal besides."""
    match step:
        case steps.Evaluate():
            return _asked(step, project, evidence, answers)
        case steps.Train() | steps.TryRate() | steps.Suggest() | steps.Merge():
            return [_adapted(step, evidence)]
        case steps.FitRouter() | steps.Select() | steps.Distil():
            return _learned(step, project, infer)
        case steps.Propose():
            return list(step.events)
        case steps.Rewrite() | steps.Optimise():
            return [_wrote(step, writes)]
        case steps.Rescore():
            raise ValueError("new scores rest on replies: use `rescored` with the journal")
        case _:
            return [step.event]


def rescored(project: Project, evidence: Evidence, journal: Sequence[Event]) -> list[Event]:
    """The events that performing a `Rescore` would append, by scorers with their defaults."""
    return [
        one.rescored(_scored(one.scorer, one.answer))
        for one in rescoring.waiting(project, evidence, journal)
    ]


def observed(project: Project, call: Call, score: float | None) -> Observed:
    """One answer, as the engine records it; its usage is the words that were said."""
    item, price = call.item, project.model.price
    said = call.request.messages
    words = sum(len(message.content.split()) for message in said)
    return Observed(
        system=call.system.digest,
        item=item.id,
        item_digest=item.digest,
        repeat=call.repeat,
        task=item.task,
        split=item.split,
        cluster=item.cluster,
        scorer=project.task(item.task).scorer,
        score=score,
        reason="no score" if score is None else None,
        request=call.request_key,
        bought=True,
        reply="",
        finish="stop",
        attempts=1,
        usage=Usage(prompt_tokens=words, completion_tokens=1),
        micro_dollars=None
        if price is None
        else -(-(words * price.prompt + price.completion) // 1_000_000),
        revision="r1",
        seconds=0.25,
    )


# Below: private.


def _scored(scorer: str, answer: Submission | Score) -> Score:
    return scorers.score(scorer, answer) if isinstance(answer, Submission) else answer


def _asked(
    step: steps.Evaluate, project: Project, evidence: Evidence, answers: Answers
) -> list[Event]:
    """The answers to new calls, one after the other, until a cap is reached."""
    found: list[Event] = []
    meanwhile, caps = Evidence(spent=copy.copy(evidence.spent)), Caps.of(project)
    for call in dict.fromkeys(step.calls):
        if evidence.has(call.system, call.item, call.repeat):
            continue
        if not caps.fits(meanwhile.spent, caps.worst([call])):
            break
        event = observed(project, call, answers(call.system, call.item))
        meanwhile.apply(event)
        found.append(event)
    return found


def _adapted(
    step: steps.Train | steps.TryRate | steps.Suggest | steps.Merge, evidence: Evidence
) -> Event:
    if isinstance(step, steps.Suggest):
        return training.suggested(step)
    if isinstance(step, steps.TryRate):
        return training.rate_tried(step)
    if isinstance(step, steps.Merge):
        return Merged(plan=step.plan, adapter=merge_of(step.plan), seconds=1.0)
    parts = evidence.trained.get(step.recipe.digest, [])
    before = parts[-1].steps / parts[-1].planned if parts else 0.0
    return training.trained(step.recipe, before, step.until)


def _distilled(step: steps.Distil) -> Distilled:
    asked = step.calls[0].system
    return Distilled(
        question=step.question,
        task=step.task,
        model=asked.model,
        system=asked.digest,
        least=step.least,
        asked=step.asked,
        kept=tuple(call.item.id for call in step.calls),
        score=step.score,
        answers=f"answers({step.task} {len(step.calls)})",
    )


def _learned(
    step: steps.FitRouter | steps.Select | steps.Distil,
    project: Project,
    infer: Callable[[Example], str],
) -> list[Event]:
    if isinstance(step, steps.Select):
        return _selected(step, project)
    if isinstance(step, steps.Distil):
        return [_distilled(step)]
    return [_fitted(project, infer)]


def _selected(step: steps.Select, project: Project) -> list[Event]:
    """Choices by words, whatever the method, with the guard; a word is a token."""
    selection = step.selection
    entries = [*materials.task_of(project.tasks, selection).pool(selection.kind).entries.values()]
    search = retrieval.index([choosing.searched(entry) for entry in entries])
    examples = [entry for entry in entries if isinstance(entry, Example)]
    passages = [entry for entry in entries if isinstance(entry, Passage)]
    guard = overlap.Twins(examples) if examples else overlap.Copies(passages)
    found: list[Event] = []
    for item in step.items:
        choice = choosing.choose(
            selection,
            entries,
            search(overlap.said(item.query)),
            leaking=guard.of(item),
            count=lambda text: len(text.split()),
        )
        found.append(
            Selected(
                selection=selection.digest,
                item=item.id,
                item_digest=item.digest,
                chosen=choice.chosen,
                leaks=choice.leaks,
                dropped=choice.dropped,
                tokens=choice.tokens,
            )
        )
    return found


def _wrote(step: steps.Rewrite | steps.Optimise, writes: Writes) -> Event:
    if isinstance(step, steps.Optimise):
        return Rewritten(
            task=step.task,
            parent=step.parent.digest,
            optimiser=step.optimiser,
            rewrites=writes(step),
        )
    return Drafted(
        task=step.task,
        round=step.round,
        parent=step.parent.digest,
        model="writer",
        edits=writes(step),
        reply="",
        usage=Usage(prompt_tokens=100, completion_tokens=50),
        micro_dollars=0,
        revision="w1",
        seconds=0.5,
    )


def _fitted(project: Project, infer: Callable[[Example], str]) -> RouterFitted:
    items = [item for entry in project.tasks for item in entry.examples]
    told = [infer(item) for item in items]
    return RouterFitted(
        router="router",
        items=tuple(item.id for item in items),
        choices=tuple(choice.removesuffix("?") for choice in told),
        unsure=tuple(
            item.id for item, choice in zip(items, told, strict=True) if choice.endswith("?")
        ),
        accuracy=Figure(value=1.0, lower=0.9, upper=1.0, n=len(items), clusters=len(items)),
    )
