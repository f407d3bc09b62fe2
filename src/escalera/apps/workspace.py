"""The verbs of the command line as a small typed library: `escalera.load(path)` and on from there.

Synchronous on the outside, also in a notebook. The command line is a thin layer over it. What one
verb needs and another does not is imported by it: most of the memory of a small run is modules.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera import wiring
from escalera.apps.aside import aside
from escalera.apps.release import version
from escalera.core.evidence import Evidence, fold
from escalera.domain.dataset import Split
from escalera.domain.project import Project, RungName
from escalera.domain.system import Route
from escalera.domain.task import Task
from escalera.domain.verdict import Mode
from escalera.engine.observer import Observer, Quiet
from escalera.errors import EvidenceMissing, InputError
from escalera.ports import Progress
from escalera.wiring import outputs

if TYPE_CHECKING:
    from escalera.apps.calibrated import Calibrated
    from escalera.apps.compared import Comparison
    from escalera.apps.decision import Decision, Reached
    from escalera.apps.diagnosed import Diagnosis
    from escalera.apps.measured import Evaluation
    from escalera.apps.needed import DataNeed, NeedWish
    from escalera.apps.piloted import Piloted, PilotWish
    from escalera.apps.placebo import Trials
    from escalera.apps.prompts import PromptVersion
    from escalera.apps.swept import Sweeping
    from escalera.apps.trying import Trial
    from escalera.core.evaluation.placebo import Settings
    from escalera.domain.scores import ScoreTable
    from escalera.engine.calibrating import DriftWish
    from escalera.engine.measuring import Wanted
    from escalera.engine.serve import Desk


class Workspace:
    """A project with its evidence: climb it, compare its systems, report, serve."""

    def __init__(self, installation: wiring.Installation) -> None:
        self._installation = installation

    @property
    def project(self) -> Project:
        """Tasks, bars, model, policy and budget."""
        return self._installation.project

    @property
    def installation(self) -> wiring.Installation:
        """The project file with everything that it names."""
        return self._installation

    def climb(self, *, observer: Observer | None = None) -> Decision:
        """Climb from whatever is known to a decision; continues a climb that was interrupted."""
        return self._decision(*self._climbed(observer))

    def climb_until(self, rung: RungName, *, observer: Observer | None = None) -> Reached:
        """Climb no further than *rung*, and say how it ended; `climb` goes on from there.

        Raises `InputError` for a rung that the project does not allow.
        """
        from escalera.apps.decision import reached

        allowed = self.project.policy.rungs
        if rung not in allowed:
            raise InputError(
                f"the rung {rung!r} is not climbed here: the project allows {', '.join(allowed)}"
            )
        return reached(rung, self.project, self._climbed(observer, until=rung)[0])

    @aside
    def data_need(
        self, task: str, wish: NeedWish | None = None, *, observer: Observer | None = None
    ) -> DataNeed:
        """Train on parts of a task's examples, and forecast what more of them would do."""
        from escalera.apps import needed

        (found,) = self.tasks(task)
        with closing(self._installation.journal()) as journal:
            ports = self._installation.ports(journal)
            return needed.need(self.project, found, wish, ports=ports, observer=observer)

    @aside
    def pilots(
        self, task: str, wish: PilotWish | None = None, *, observer: Observer | None = None
    ) -> Piloted:
        """Finetune several bases on small parts of a task's examples, and say which to take."""
        from escalera.apps import piloted

        (found,), wish = self.tasks(task), wish or piloted.PilotWish()
        bases = self._installation.bases(*wish.bases)
        with closing(self._installation.journal()) as journal:
            ports = self._installation.ports(journal)
            return piloted.run(self.project, found, bases, wish, ports=ports, observer=observer)

    @aside
    def sweep(self, task: str, *, observer: Observer | None = None) -> Sweeping:
        """Try the levers of `[training.sweep]` for a task, and confirm the best on fresh items."""
        from escalera.apps import swept

        (found,), made = self.tasks(task), self._installation
        sweep = made.tables.training.sweep.sweep(seed=self.project.policy.seed)
        with closing(made.journal()) as journal:
            ports = made.ports(journal)
            return swept.run(self.project, found, sweep, ports=ports, observer=observer)

    @property
    def decision(self) -> Decision:
        """The last decision. Raises `EvidenceMissing` when the climb has not stopped yet."""
        evidence, head = self._read()
        return self._decision(evidence, head)

    def evidence(self) -> Evidence:
        """Everything in the journal, folded."""
        return self._read()[0]

    def diagnose(self, training: str = "last") -> tuple[Diagnosis, ...]:
        """What went wrong in a training of a rung, the last, or one by its recipe's digest."""
        from escalera.apps import diagnosed

        return diagnosed.run(self._installation, self.evidence(), training)

    def prompts(self) -> tuple[PromptVersion, ...]:
        """Every version of every prompt that was tried, with its parent and what is known of it."""
        from escalera.apps import prompts

        return prompts.history(self.project, self.evidence())

    def tasks(self, *names: str) -> tuple[Task, ...]:
        """The tasks called *names*, in that order; without any, all. Raises `InputError`."""
        known = {task.name: task for task in self.project.tasks}
        for name in names:
            if name not in known:
                raise InputError(f"there is no task {name!r}: this project has {sorted(known)!r}")
        return tuple(known[name] for name in names) or self.project.tasks

    @aside
    def evaluate(
        self, *systems: str, wanted: Wanted | None = None, progress: Progress | None = None
    ) -> Evaluation:
        """Measure systems by name on tasks, buying only what the journal does not hold.

        Names are those of `core.ladder.naming`; without any, the base model. `wanted` says which
        tasks, split, items and repeats; without it, all `confirm` items of all tasks.
        """
        from escalera.apps import measured
        from escalera.engine import measuring

        wanted = wanted or measuring.Wanted(tasks=self.project.tasks, split="confirm")
        names = systems or (self.project.model.name,)
        with closing(self._installation.journal()) as journal:
            evidence = fold(journal.events())
            routes = {name: self.route(name, evidence) for name in names}
            asked, told = list(routes.values()), progress or Quiet().progressed
            means = self._installation.means(journal, evidence, asked, told)
            measuring.run(self.project, asked, wanted, means)
        return measured.gather(self.project, routes, wanted, evidence)

    @aside
    def attempt(
        self,
        task: str,
        file: Path,
        *,
        against: Path | None = None,
        items: int = 20,
        progress: Progress | None = None,
    ) -> Trial:
        """The prompt in *file* beside the one before, on the first `search` items of *task*.

        The one before is that of the file *against*, or what the climb put forward last. Buys only
        what the journal does not hold. Raises `EvidenceMissing` where a cap is reached before.
        """
        from escalera.apps import trying

        (wanted,) = self.tasks(task)
        return trying.run(self._installation, wanted, file, against, items, progress)

    def placebo(
        self,
        system: str | None = None,
        *,
        tasks: tuple[Task, ...] = (),
        repeats: int = 1,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Trials:
        """What ways to choose would claim of copies of one system, none of which is better.

        The system's answers to `search` and `confirm` items are bought as in `evaluate` where the
        journal does not hold them. Without a name: the base model; without tasks: all. Raises
        `InputError` for an unknown name, or a task that holds too few items.
        """
        from escalera.apps import placebo
        from escalera.engine.measuring import Wanted

        name, chosen = system or self.project.model.name, tasks or self.project.tasks
        placebo.require_items(chosen)
        for split in placebo.SPLITS:
            wanted = Wanted(tasks=chosen, split=split, repeats=repeats)
            self.evaluate(name, wanted=wanted, progress=progress)
        evidence = self.evidence()
        route, rules = self.route(name, evidence), placebo.rules(self.project.policy)
        trials = (
            placebo.trial(task, route, evidence, repeats=repeats, settings=settings, rules=rules)
            for task in chosen
        )
        return placebo.Trials(system=name, trials=tuple(trials))

    @aside
    def compare(
        self,
        candidate: str,
        incumbent: str,
        *,
        mode: Mode = "group-sequential",
        buy: bool = False,
        common: bool = False,
        progress: Progress | None = None,
    ) -> Comparison:
        """Compare two systems by name ("lora", "served") on `confirm` items.

        On the items that both have answered, read once; or with `buy` as few as settle the
        question: the policy's looks, each asking what it needs, under the caps of the budget. In
        the modes "anytime" and "finite" it may be read at any time, bought or not, and with `buy`
        it ends with the batch that settles it. Such a reading is recorded: it spends alpha. Of a
        finetuned model the looks are at the tasks that it would take over. A task without a score
        of both keeps the gate open, unless only what is in `common` counts.
        """
        from escalera.apps import compared
        from escalera.core.evaluation import reliance
        from escalera.core.ladder import naming
        from escalera.engine import comparing, continuing

        if mode == "group-sequential" and not buy:
            known = self.evidence()
            routes = {name: self.route(name, known) for name in (candidate, incumbent)}
            return compared.once(self.project, known, candidate, incumbent, routes, common=common)
        if not buy:
            self._require_journal()
        journal = self._installation.journal()
        try:
            evidence = fold(journal.events())
            left, right = (self.route(name, evidence) for name in (candidate, incumbent))
            told = progress or Quiet().progressed
            means = self._installation.means(journal, evidence, (left, right), told)
            if mode == "group-sequential":
                tasks = naming.concerned(candidate, self.project, evidence)
                found = comparing.run(self.project, tasks, left, right, means)
            else:
                pair = continuing.Pair(candidate=left, incumbent=right, mode=mode)
                found = continuing.run(self.project, pair, means, buy=buy)
        finally:
            journal.close()
        if not (buy or found.tasks):
            raise compared.nothing_in_common(candidate, incumbent, mode)
        said, names = reliance.warnings(self.project, evidence), (candidate, incumbent)
        return compared.of_found(*names, found, mode=mode, warnings=said, common=common)

    @aside
    def judge(
        self, name: str, wish: DriftWish | None = None, *, progress: Progress | None = None
    ) -> Calibrated:
        """Hold a judge against people's labels; judges what it has not judged yet, under the caps.

        Its calibration is kept, and later labels are held against it; `wish` asks for more. Raises
        `EvidenceMissing` without a label.
        """
        from escalera.apps import calibrated

        told = progress or Quiet().progressed
        return calibrated.run(self._installation, name, wish, progress=told)

    def labels_form(self, name: str, *systems: str, count: int, split: Split = "confirm") -> str:
        """A file of labels to be filled in: random items with the answers of *systems*.

        Without a system: what is served. Raises `EvidenceMissing` where they answered nothing.
        """
        from escalera.apps import calibrated
        from escalera.engine import calibrating

        panel = calibrated.panel_of(self.project, name)

        def routes(evidence: Evidence) -> list[Route]:
            return [self.route(system, evidence) for system in systems or ("served",)]

        with closing(self._installation.journal()) as journal:
            drawn = calibrating.draw(self.project, panel, journal, routes, split=split, count=count)
        return calibrated.form(drawn, split=split)

    def report(self, into: Path | None = None) -> Path:
        """Write the decision report as one HTML file and return where it is.

        Raises `InputError` when there is no writing there.
        """
        from escalera.apps.report import page

        file = self.report_file(into)
        outputs.write(file, page.render(self.decision.document), outputs.PAGE)
        return file

    def report_file(self, into: Path | None = None) -> Path:
        """Where the report is written. Raises `InputError` where that would cost something else."""
        file = into or self._installation.file.parent / "report.html"
        outputs.require(file, outputs.PAGE, project=self._installation.file)
        return file

    def scores(self) -> ScoreTable:
        """Every answer in the journal as a row of scores; systems by the first of their digest."""
        from escalera.apps import answered

        self._require_journal()
        with closing(self._installation.journal(reading=True)) as journal:
            return answered.table(journal, source=f"the journal of {self.project.name!r}")

    def desk(self, *, models_only: bool = False) -> Desk:
        """What `chat` answers with: the decided system, and the base models.

        With *models_only* these alone; otherwise raises `EvidenceMissing` where none was promoted.
        """
        from escalera.apps import chatting

        if models_only:
            return chatting.models(self._installation)
        return chatting.decided(self._installation, self.evidence(), lambda: self.decision.sentence)

    def route(self, name: str, evidence: Evidence) -> Route:
        """The system that a name means (`core.ladder.naming`). Raises `InputError`."""
        from escalera.core.ladder import naming

        models = naming.Models(
            names=tuple(self._installation.tables.models), find=self._installation.base_model
        )
        return naming.resolve(name, self.project, evidence, models)

    @aside
    def _climbed(
        self, observer: Observer | None, *, until: RungName | None = None
    ) -> tuple[Evidence, str]:
        """The evidence when the climb has ended, and the hash of the journal's last event."""
        from escalera.apps import diagnosed
        from escalera.engine import climb

        with closing(self._installation.journal()) as journal:
            if self.project.rewind is not None:
                diagnosed.require_rewind(self.project, fold(journal.events()))
            evidence = climb.run(
                self.project,
                ports=self._installation.ports(journal),
                observer=observer or Quiet(),
                version=version(),
                until=until,
            )
            return evidence, journal.head

    def _require_journal(self) -> None:
        if not self._installation.journal_file.exists():
            raise EvidenceMissing(
                f"there is no journal at {self._installation.journal_file}: run `escalera climb`"
            )

    def _read(self) -> tuple[Evidence, str]:
        self._require_journal()
        with closing(self._installation.journal(reading=True)) as journal:
            return fold(journal.events()), journal.head

    def _decision(self, evidence: Evidence, head: str) -> Decision:
        from escalera.apps import diagnosed
        from escalera.apps.decision import Decision

        built = diagnosed.document(self._installation, evidence, version=version(), head=head)
        return Decision(document=built)


def load(path: str | Path = "escalera.toml") -> Workspace:
    """Open a project by its file, or by the folder that holds `escalera.toml`.

    Raises `InputError` kin for whatever is wrong with the file or the data that it names.
    """
    file = Path(path)
    return Workspace(wiring.install(file / "escalera.toml" if file.is_dir() else file))


def as_json(document: dict[str, Any], *, clocks: bool = True) -> str:
    """The report as JSON with sorted keys; without clock readings, equal climbs are equal bytes."""
    if not clocks:
        from escalera.apps.report.document import without_clocks

        document = without_clocks(document)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
