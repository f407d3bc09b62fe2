"""A climb in the terminal: one line per conclusion, a bar for what takes longer than a second.

Quiet when the output is not a terminal: then only conclusions are printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING

from escalera.apps.cli import gauges
from escalera.core.ladder import steps
from escalera.core.ladder.caps import Left
from escalera.domain.distillation import Distilled
from escalera.domain.event import Decided, Duelled, Event, Priced, Raced, RouterFitted
from escalera.domain.hosting import HostedJob
from escalera.domain.optimiser import Rewritten
from escalera.domain.reading import EmbeddingsWeighed
from escalera.domain.screening import Screened
from escalera.domain.sweep import Suggested
from escalera.domain.training import RateTried, Trained
from escalera.engine.observer import Observer, Quiet

if TYPE_CHECKING:
    from rich.console import RenderableType


def watching(*, quiet: bool) -> AbstractContextManager[Observer]:
    """An observer as a context: a console, or nobody (and then nothing of it is loaded)."""
    return nullcontext(Quiet()) if quiet else Watcher()


class Watcher:
    """An observer that draws on a console; used as a context."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        self._console = Console(stderr=True, highlight=False, emoji=False)
        watcher = self

        class InLines(Progress):
            """How far it is, and below what it stands at: one line would not hold them."""

            def get_renderables(self) -> Iterator[RenderableType]:
                yield from super().get_renderables()
                for said in watcher.below():
                    yield Text(f"  {said}", no_wrap=True, overflow="ellipsis")

        self._said = self._left = ""
        self._gauges = gauges.Gauges()
        self._progress = InLines(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", visible=False)

    def __enter__(self) -> Watcher:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def began(self, step: steps.Step) -> None:
        """Name what is being done."""
        said = _doing(step)
        if isinstance(step, steps.Price):
            self._print(f"next rung {step.title}: {_price(step.event)}")
        self._gauges.began(step)
        self._said = ""
        self._progress.update(self._task, description=said, completed=0, visible=bool(said))

    def progressed(self, what: str, done: int, total: int) -> None:
        """Move the bar, and say what it stands at."""
        self._gauges.progressed(what)
        self._said = self._gauges.words()
        self._progress.update(self._task, completed=done, total=total, visible=True)

    def appended(self, event: Event) -> None:
        """Print conclusions."""
        self._gauges.appended(event)
        said = _concluded(event)
        if said:
            self._print(said)

    def afforded(self, left: Left) -> None:
        """Say what the caps leave."""
        self._left = gauges.left(left)

    def below(self) -> tuple[str, ...]:
        """What a training stands at, and what the caps leave, a line each."""
        return tuple(part for part in (self._said, self._left) if part)

    def _print(self, said: str) -> None:
        self._console.print(said, markup=False, soft_wrap=True)


@contextmanager
def working(said: str) -> Iterator[None]:
    """Say what is being done while it lasts; nothing where the output is not a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(said):
        yield


# Below: private.


def _doing(step: steps.Step) -> str:
    match step:
        case steps.Evaluate():
            what = {
                "screen": f"screening prompts for {step.task.replace('_', ' ')}",
                "duel": f"a duel of prompts for {step.task.replace('_', ' ')}",
                "race": f"racing candidates for {step.task.replace('_', ' ')}",
                "confirm": f"confirming {step.task.replace('_', ' ')} on fresh items",
                "teach": f"a teacher answers train items of {step.task.replace('_', ' ')}",
                "checkpoint": f"what was learned so far, on {step.task.replace('_', ' ')}",
                "pilot": "a pilot that prices the rung",
            }[step.purpose]
            return f"{step.rung}: {what}"
        case steps.Rewrite() | steps.Optimise():
            who = step.optimiser if isinstance(step, steps.Optimise) else "the proposer"
            return f"search: {who} works on the prompt for {step.task.replace('_', ' ')}"
        case steps.Train() | steps.TryRate() | steps.Distil() | steps.Suggest():
            return _training(step)
        case steps.Merge():
            return "merge: merging adapters"
        case steps.FitRouter():
            return "learning which query type a message is"
    return ""


def _training(step: steps.Train | steps.TryRate | steps.Distil | steps.Suggest) -> str:
    if isinstance(step, steps.Distil):
        return f"putting answers to {step.task.replace('_', ' ')} together"
    if isinstance(step, steps.Suggest) and step.sweep.way == "evolution":
        return f"merge: weights for plan {step.number} of {step.sweep.trials} (CMA-ES)"
    if isinstance(step, steps.Suggest):
        return f"sweep: levers for trial {step.number} of {step.sweep.trials - 1}"
    if isinstance(step, steps.TryRate):
        return f"{step.rung}: trying the learning rate {step.trial.rate:.1e}"
    taught = ", ".join(
        f"{part.examples} {part.task.replace('_', ' ')}" for part in step.recipe.ingredients
    )
    return f"{step.rung}: training on {taught}"


def _concluded(event: Event) -> str:
    match event:
        case Screened() | Duelled() | Rewritten():
            return f"   {event.task.replace('_', ' ')}{_searched(event)}"
        case RouterFitted():
            found = event.accuracy
            interval = f"[{found.lower:.3f}, {found.upper:.3f}]"
            kept = "" if event.assured is None else f", refuses at most {1 - event.assured:.3f}"
            said = f"router learned: right on {found.value:.3f} {interval} of the messages{kept}"
            return said + _weighed(event.embeddings)
        case Decided():
            return f"{'   ' if event.task else '=> '}{event.words}"
        case (
            RateTried()
            | Trained()
            | HostedJob()
            | Distilled()
            | Suggested(values=())
            | Raced(rung="merge")
        ):
            return f"   {_made(event)}"
    return ""


def _weighed(found: EmbeddingsWeighed | None) -> str:
    """What embeddings add to a router that may read them."""
    if found is None:
        return ""
    if found.gain is None:
        return f"; too few to weigh embeddings of {found.model}: reads none"
    gain, reads = found.gain, "reads them" if found.share > 0 else "reads none"
    added = f"{gain.value:+.3f} [{gain.lower:+.3f}, {gain.upper:+.3f}]"
    return f"; embeddings of {found.model} add {added}: {reads}"


def _searched(event: Screened | Duelled | Rewritten) -> str:
    match event:
        case Screened():
            return _screened(event)
        case Duelled():
            return _duelled(event)
        case Rewritten():
            count = len(event.rewrites)
            said = f"{count} prompt{'' if count == 1 else 's'}" if count else "nothing better"
            return f": {event.optimiser} proposes {said}"


def _screened(event: Screened) -> str:
    """What each operator adds, best first."""
    pairs = zip(event.factors, event.effects, strict=True)
    best = sorted(pairs, key=lambda pair: -pair[1].value)
    said = ", ".join(f"{name} {effect.value:+.2f}" for name, effect in best)
    how = "alone" if event.stage == "toggles" else "together"
    return f", operators {how}: {said}"


def _duelled(event: Duelled) -> str:
    found = event.figure
    interval = f"[{found.lower:+.2f}, {found.upper:+.2f}]"
    how = "goes on" if event.accepted else "is dropped"
    return f", round {event.round}: {found.value:+.2f} {interval}, {how}"


def _made(event: RateTried | Trained | HostedJob | Distilled | Suggested | Raced) -> str:
    match event:
        case HostedJob():
            return f"job {event.job} {event.state} at {event.endpoint}{_dollars(event)}"
        case Distilled():
            said = f"{len(event.kept)} of {event.asked} answers of {event.model} are taught"
            return f"{event.task.replace('_', ' ')}: {said}, those that score {event.least:g}"
        case RateTried():
            said = "diverges" if event.loss is None else f"leaves a loss of {event.loss:.4f}"
            return f"learning rate {event.rate:.1e} for {event.share:.0%} of the steps {said}"
        case Trained():
            return _trained(event)
        case Suggested():
            return f"merge: {steps.UNSEARCHED}"
        case Raced():
            count, stay = len(event.entrants), len(event.survivors)
            goes = "1 goes on" if stay == 1 else f"{stay} go on"
            return f"{count} merges raced on {event.items} items of each type, {goes}"


def _trained(event: Trained) -> str:
    if event.job:
        return f"job {event.job} made {event.made}{_dollars(event)}"
    paused = "" if event.steps == event.planned else f", {event.steps} of {event.planned}"
    what = "adapter" if event.recipe.trainable.factors else "weights"
    return f"{what} {event.adapter[:12]} trained in {event.seconds:.0f} s{paused}"


def _dollars(event: HostedJob | Trained) -> str:
    if event.micro_dollars is None:
        return ", price unknown"
    most = "at most " if isinstance(event, HostedJob) and event.state == "begun" else ""
    return f", {most}${event.micro_dollars / 1e6:.4f}"


def _price(event: Priced) -> str:
    minutes = "" if event.minutes is None else f", about {event.minutes:.1f} min"
    if event.minutes_range is not None:
        minutes += " ({:.1f} to {:.1f})".format(*event.minutes_range)
    money = ""
    if event.micro_dollars is not None and event.micro_dollars_range is not None:
        low, high = event.micro_dollars_range
        money = f", ${event.micro_dollars / 1e6:.4f} ({low / 1e6:.4f} to {high / 1e6:.4f})"
    trained = f", {event.training_tokens} training tokens" if event.training_tokens else ""
    return f"up to {event.calls} calls{trained}{money}{minutes}"
