"""The running example after a climb, with answers from a script instead of a model.

Blocks of the documentation run on it: the project file, the data, the planner, the journal and the
report are the real ones; only what the model would say is made up, so no torch is needed and a
whole climb takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from escalera import wiring
from escalera.domain.dataset import Example
from escalera.domain.message import Request
from escalera.domain.recipe import MergePlan, TrainingPair, TrainingRecipe
from escalera.domain.training import TrainingRun, TrialRun
from escalera.engine import climb
from escalera.engine.observer import Quiet
from escalera.ports import Artifacts, Progress
from escalera.testing import training
from escalera.testing.scripted import ScriptedProvider

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "support"
TASKS = ("feedback", "recommendations", "order_changes")
SKILLS = {
    "base": (0.97, 0.90, 0.30),
    "one task": (0.60, 0.55, 0.95),
    "all tasks": (0.96, 0.89, 0.93),
    "merged": (0.88, 0.80, 0.70),
}
"""The share of right answers per task, by what the adapter was made from."""


@pytest.fixture(scope="session")
def decided_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's root, in which examples/support has been climbed."""
    folder = tmp_path_factory.mktemp("documentation")
    example = folder / "examples" / "support"
    for name in ("data", "model"):
        shutil.copytree(EXAMPLE / name, example / name)
    for name in ("escalera.toml", "README.md"):
        shutil.copy2(EXAMPLE / name, example / name)
    installation = wiring.install(example / "escalera.toml")
    journal = installation.journal()
    ports = installation.ports(journal)
    items = [item for task in installation.project.tasks for item in task.examples]
    answers = _Answers(items={item.input: item for item in items}, artifacts=ports.artifacts)
    ports = replace(
        ports,
        provider=lambda: ScriptedProvider(answers, unit=64, revision="scripted"),
        trainer=_Trainer,
        merger=_Merger,
    )
    climb.run(installation.project, ports=ports, observer=Quiet(), version="0.1.0")
    journal.close()
    return folder


@dataclass(frozen=True)
class _Answers:
    """Right on a fixed share of the items of each task; the same items for every system."""

    items: Mapping[str, Example]
    artifacts: Artifacts

    def __call__(self, request: Request) -> str:
        item = self._item(request.messages[-1].content)
        if item is None:
            return "nothing that was measured"
        share = SKILLS[self._made_from(request.adapter)][TASKS.index(item.task)]
        drawn = int.from_bytes(hashlib.blake2b(item.id.encode(), digest_size=4).digest(), "big")
        return item.target if drawn / 2**32 < share else "{}"

    def _item(self, content: str) -> Example | None:
        """The item whose input stands in the frame of a prompt."""
        lines = content.removeprefix("Message:\n").split("\n")
        found = (self.items.get("\n".join(lines[:end])) for end in range(len(lines), 0, -1))
        return next((item for item in found if item is not None), None)

    def _made_from(self, adapter: str | None) -> str:
        if adapter is None:
            return "base"
        return str(json.loads((self.artifacts.path(adapter) / "made.json").read_text())["from"])


class _Trainer:
    """Writes down what it was taught."""

    def train(
        self,
        recipe: TrainingRecipe,
        pairs: Sequence[TrainingPair],
        *,
        into: Path,
        progress: Progress,
        until: float = 1.0,
    ) -> TrainingRun:
        """No weights, a falling loss."""
        made = "one task" if len(recipe.ingredients) == 1 else "all tasks"
        (into / "made.json").write_text(json.dumps({"from": made, "recipe": recipe.digest}))
        progress("train", 1, 1)
        losses = [2 / step for step in range(1, 1 + round(18 * until))]
        return training.told(losses, examples=len(pairs), planned=18)

    def forget(self, recipe: TrainingRecipe) -> None:
        """Nothing is kept."""

    def trial(
        self, recipe: TrainingRecipe, pairs: Sequence[TrainingPair], *, share: float
    ) -> TrialRun:
        """A loss that is lowest at a rate of 0.001."""
        rate = recipe.levers.learning_rate or 0.0
        return TrialRun(loss=1 + abs(math.log10(rate) + 3), tokens=10)


class _Merger:
    """Writes down that it merged."""

    def merge(self, plan: MergePlan, adapters: Sequence[Path], *, into: Path) -> None:
        """No weights."""
        (into / "made.json").write_text(json.dumps({"from": "merged", "plan": plan.digest}))
