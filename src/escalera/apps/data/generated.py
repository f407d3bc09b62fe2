"""`data generate`: examples that a model of the project writes, as far as they may be taught."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from escalera.apps.data import filters, loading
from escalera.core.data import diversity, generating, sifting, wording, writing
from escalera.core.data.diversity import Diversity
from escalera.core.data.generating import Draft
from escalera.core.data.rows import Row
from escalera.core.data.sifting import Sieve
from escalera.core.evidence import fold
from escalera.core.ladder.caps import MILLION, Caps, Cost
from escalera.core.spent import Spent
from escalera.domain.generation import Generated, Style
from escalera.domain.judge import Panel
from escalera.domain.project import Budget
from escalera.domain.system import Branch, Route, System
from escalera.domain.task import Task
from escalera.engine import generating as buying
from escalera.engine.generating import Generator, Writer
from escalera.errors import InputError, MissingExtra
from escalera.ports import Progress
from escalera.wiring import Installation, data_sets

SPARE = 1.25
"""So many times the wanted rows are written, of which the least different go."""
AT_ONCE = 16
"""Calls between which is looked how many drafts stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be written: how many rows of which task, by which system.

    `answers` is the system that answers what was written, where the writer does not: None where it
    does. `judge` is a judge of the project that grades targets, and `least` the grade that is
    enough. At most `calls` calls are made to the writer; None follows from the number.
    """

    task: str
    by: str
    number: int
    style: Style = "rows"
    answers: str | None = None
    judge: str | None = None
    least: float = 0.5
    near: float = wording.NEAR
    shots: int = 6
    rows: int = 5
    temperature: float = 1.0
    seed: int = 0
    calls: int | None = None
    licence: str = ""

    @property
    def most(self) -> int:
        """Calls to the writer, at most: three times those that would do if every draft stayed."""
        each = 1 if self.style == "inputs" else self.rows
        return self.calls or 3 * math.ceil(SPARE * self.number / each) + 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What came of it: calls, drafts, why drafts went, and the rows that were written."""

    wanted: int
    calls: int
    drafts: int
    unreadable: int
    reasons: Mapping[str, int]
    written: int
    before: Diversity
    after: Diversity
    languages: Mapping[str, int] | None
    cost: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        said = ", ".join(f"{count} {rule}" for rule, count in self.reasons.items()) or "none"
        lines = [
            f"{self.written} of {self.wanted} rows written, from {self.drafts} drafts in "
            f"{self.calls} replies ({self.unreadable} things in them were no draft)",
            f"left out: {said}",
            f"diversity: {_diverse(self.after)}; before the least different went: "
            f"{_diverse(self.before)}",
        ]
        if self.languages is not None:
            told = ", ".join(f"{name or 'untold'} {n}" for name, n in self.languages.items())
            lines.append(f"languages: {told or 'none'}")
        money = self.cost["dollars"]
        price = "at a price that is unknown" if money is None else f"for {money:.4f} dollars"
        bought = f"bought now: {self.cost['calls']} calls, {self.cost['tokens']} tokens, {price}"
        return "\n".join([*lines, bought, *self.notes])


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a wish costs at the most, before anything is bought: of the writer alone, and of all."""

    writer: Cost
    others: int
    priced: bool

    def __str__(self) -> str:
        money = f"{self.writer.micro_dollars / MILLION:.4f} dollars" if self.priced else "no price"
        more = f", and at most {self.others} calls for answers and grades" if self.others else ""
        return (
            f"at most {self.writer.calls} calls to the writer, {self.writer.tokens} tokens, "
            f"{money}{more}; the caps of [budget] hold"
        )


def run(
    installation: Installation,
    wish: Wish,
    into: Path,
    *,
    progress: Progress,
    told: Callable[[Estimate], None] = lambda _: None,
    only_estimate: bool = False,
) -> Harvest | None:
    """Write rows to *into*, and what was left out beside it; *told* is the estimate, before.

    With *only_estimate* nothing is bought, and None returned. What the journal holds of an earlier
    run is used. Raises `InputError` kin for an unknown name, a task whose items cannot be shown, or
    a data file of the project as *into*, and `MissingExtra` without the extra `data`: the guard
    against leaks needs it.
    """
    task = _task(installation, wish)
    if data_sets.sketches(wish.near) is None:
        raise MissingExtra(feature="Generating examples", package="rensa", extra="data")
    removed = loading.beside_project(into, installation.file)
    with closing(installation.journal()) as journal:
        evidence = fold(journal.events())
        systems = {
            name: filters.system(installation, evidence, name, task)
            for name in (wish.by, wish.answers)
            if name is not None
        }
        writer = _writer(task, systems[wish.by], wish)
        answering = None if wish.answers is None else systems[wish.answers]
        routes = [
            Route(branches=(Branch(task=task.name, system=system),)) for system in systems.values()
        ]
        means = installation.means(journal, evidence, routes, progress)
        panel = filters.panel(installation, wish.judge, task)
        told(_estimate(writer, wish, means.caps, answers=wish.answers is not None, panel=panel))
        if only_estimate:
            return None
        before = replace(evidence.spent)
        work = _Work(
            installation=installation,
            wish=wish,
            generator=Generator(installation.project, means),
            writer=writer,
            answering=answering,
            panel=panel,
        )
        work.until_enough()
        return work.harvest(into, removed, _cost(before, evidence.spent))


# Below: private.


@dataclass(slots=True, kw_only=True)
class _Work:
    """One wish under way: everything is worked out anew from the replies that there are."""

    installation: Installation
    wish: Wish
    generator: Generator
    writer: Writer
    answering: System | None
    panel: Panel | None
    sieve: Sieve | None = None
    replies: Sequence[Generated] = ()
    unreadable: int = 0
    capped: bool = False

    def until_enough(self) -> None:
        """Ask until enough drafts stay, the calls are used up, or a cap is reached."""
        asked = 0
        while asked < self.wish.most and not self.capped:
            asked = min(asked + AT_ONCE, self.wish.most)
            self.replies = self.generator.replies(self.writer, asked)
            self.capped = len(self.replies) < asked
            self.sieve = self._sifted()
            if len(self.sieve.kept) >= SPARE * self.wish.number:
                break

    def _sifted(self) -> Sieve:
        read = [generating.read(one.reply, one.style) for one in self.replies]
        self.unreadable = sum(one.unreadable for one in read)
        sieve = Sieve(kept=[draft for one in read for draft in one.drafts])
        task, project = self.writer.task, self.installation.project
        if self.wish.style == "rows" and self.answering is None:
            filters.contract(sieve, self.installation, task)
        language = data_sets.language()
        if language is not None:
            spoken = sifting.spoken(generating.showable(task), language)
            sieve.keep("language", lambda draft: sifting.foreign(draft, language, spoken))
        sketches = data_sets.sketches(self.wish.near) or ()
        items = [item for one in project.tasks for item in one.examples]
        found = sifting.alike(sieve.kept, items, sketches=sketches, near=self.wish.near)
        sieve.sort("duplicate or leak", found)
        if self.answering is not None:
            self.capped |= filters.answers(sieve, self.generator, self.answering, task)
            filters.contract(sieve, self.installation, task)
        if self.panel is not None:
            least = self.wish.least
            self.capped |= filters.judge(sieve, self.generator, self.panel, task, least=least)
        return sieve

    def harvest(self, into: Path, removed: Path, cost: Mapping[str, Any]) -> Harvest:
        """Choose the rows, write them and what was left out."""
        sieve = self.sieve or Sieve(kept=[])
        drafts = len(sieve.kept) + len(sieve.gone)
        texts = [draft.input for draft in sieve.kept]
        chosen = set(diversity.spread(texts, self.wish.number))
        found = [None if n in chosen else "others differ more" for n in range(len(texts))]
        sieve.sort("diversity", found)
        language = data_sets.language()
        told = Counter(language(draft.input) for draft in sieve.kept) if language else None
        written = data_sets.write_some(into, [self._row(draft) for draft in sieve.kept])
        data_sets.write_lines(
            removed, ({**asdict(g.draft), "rule": g.rule, "found": g.found} for g in sieve.gone)
        )
        return Harvest(
            wanted=self.wish.number,
            calls=len(self.replies),
            drafts=drafts,
            unreadable=self.unreadable,
            reasons=sieve.reasons(),
            written=written,
            before=diversity.measure(texts),
            after=diversity.measure([draft.input for draft in sieve.kept]),
            languages=None if told is None else dict(told.most_common()),
            cost=cost,
            notes=self._notes(written, removed),
        )

    def _row(self, draft: Draft) -> dict[str, Any]:
        by = self.writer.system.model if self.wish.by == self.writer.system.model else self.wish.by
        answered = "" if self.wish.answers is None else f", answered by {self.wish.answers}"
        row = Row(
            name=buying.name_of(draft),
            split="train",
            input=draft.input,
            target=draft.target,
            licence=self.wish.licence or _licence(self.writer.task),
            source=f"generated by {by}{answered}",
        )
        return writing.document(row, name=row.name)

    def _notes(self, written: int, removed: Path) -> tuple[str, ...]:
        said = [f"what was left out, and why, is in {removed}"]
        if not written:
            said.append(loading.NOTHING)
        if self.capped:
            said.append("a cap of [budget] was reached: raise it and run this again")
        elif written < self.wish.number:
            said.append(f"after {len(self.replies)} calls too few stay: --calls allows more")
        wrote = {one.model for one in (self.writer.system, self.answering) if one is not None}
        if self.panel is not None and wrote & {*self.panel.models}:
            said.append("the judge graded what its own model wrote, and models prefer their own")
        return tuple(said)


def _task(installation: Installation, wish: Wish) -> Task:
    known = {task.name: task for task in installation.project.tasks}
    if wish.task not in known:
        raise InputError(f"there is no task {wish.task!r}: this project has {sorted(known)!r}")
    if not generating.showable(known[wish.task]):
        raise InputError(
            f"{wish.task!r} has no `train` item that is a text with its answer (without turns "
            "before it, and without fields): there is nothing to show to who writes more"
        )
    if wish.style == "inputs" and wish.answers is None:
        raise InputError(
            "inputs alone cannot be taught: name with --answers who answers them, such as the "
            f"model itself (--answers {wish.by})"
        )
    return known[wish.task]


def _writer(task: Task, system: System, wish: Wish) -> Writer:
    return Writer(
        task=task,
        system=system,
        style=wish.style,
        shots=wish.shots,
        rows=wish.rows,
        temperature=wish.temperature,
        seed=wish.seed,
    )


def _estimate(
    writer: Writer, wish: Wish, caps: Caps, *, answers: bool, panel: Panel | None
) -> Estimate:
    counted = replace(caps, budget=Budget(calls=0))
    drafts = wish.most * (1 if wish.style == "inputs" else wish.rows)
    return Estimate(
        writer=counted.worst([writer.call(number) for number in range(wish.most)]),
        others=drafts * (answers + (0 if panel is None else panel.grades)),
        priced=caps.prices[writer.system.model] is not None,
    )


def _licence(task: Task) -> str:
    """The licence of all that was shown, where it is one."""
    found = {item.licence for item in generating.showable(task)}
    return found.pop() if len(found) == 1 else ""


def _cost(before: Spent, after: Spent) -> dict[str, Any]:
    unknown = after.unpriced_calls - before.unpriced_calls
    money = (after.known_micro_dollars - before.known_micro_dollars) / MILLION
    prompt = after.prompt_tokens - before.prompt_tokens
    return {
        "calls": after.calls - before.calls,
        "tokens": prompt + after.completion_tokens - before.completion_tokens,
        "dollars": None if unknown else money,
    }


def _diverse(found: Diversity) -> str:
    if found.likeness is None or found.bigrams is None:
        return "nothing to compare"
    return (
        f"a row is like the nearest other by {found.likeness:.2f}, "
        f"{found.bigrams:.0%} of the pairs of words are different"
    )
