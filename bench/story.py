"""Does the running example tell its story for every seed? A climb per seed, and a table.

    python bench/story.py --seeds 0 1 2 3 4 --into build/bench/story

A seed draws the shop's data, the order of the items, the worked examples and the training order;
the base model is the same. Each row says whether the five claims of the example hold, with the
figures from the climb's own report. Writes the table to bench/results/story.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from escalera.apps.workspace import load
from escalera.core.evidence import Evidence

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "support"
TASKS = ("feedback", "recommendations", "order_changes")


def main() -> None:
    """Climb once per seed and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results" / "story.md")
    given = parser.parse_args()
    into = given.into.resolve()  # the example writes its data from its own folder
    rows = [told(seed, into / f"seed-{seed}") for seed in given.seeds]
    table = "\n".join([*HEAD, *rows])
    print(table)
    given.output.write_text(f"# The running example over {len(rows)} seeds\n\n{table}\n")


HEAD = [
    "| seed | the contract adds (orders) | best prompting F / R / O | LoRA on orders F / R / O "
    "| falls by | mixture F / R / O | merge F / R / O | route F / R / O | decided | minutes |",
    "|---|---|---|---|---|---|---|---|---|---|",
]


def told(seed: int, folder: Path) -> str:
    """One climb as a row of the table."""
    reused = folder.exists()
    prepare(seed, folder)
    began = time.monotonic()
    workspace = load(folder)
    document = workspace.climb().document
    minutes = (time.monotonic() - began) / 60
    found = {entry["label"]: entry["cells"] for entry in document["candidates"]}
    best = found.get("examples") or found["prompt"]
    falls = [
        f"{cell['task']} {interval(cell['difference'])} {cell['comparison']}"
        for cell in found.get("lora", [])
        if cell["difference"] and cell["comparison"] == "worse"
    ]
    columns = [
        str(seed),
        wording(workspace.evidence()),
        scores(best),
        scores(found.get("lora")),
        "; ".join(falls) or "nothing",
        *(scores(found.get(rung)) for rung in ("mixture", "merge", "route")),
        f"{document['verdict']['served']} ({document['verdict']['reason']})",
        "reused" if reused else f"{minutes:.1f}",
    ]
    return f"| {' | '.join(columns)} |"


def prepare(seed: int, folder: Path) -> None:
    """The example's project with data of another seed; a folder that exists is continued."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    made = [sys.executable, "-m", "base_model.shop_data"]
    subprocess.run(
        [*made, "--seed", str(seed), "--out", str(folder / "data")], cwd=EXAMPLE, check=True
    )
    shutil.copytree(EXAMPLE / "model", folder / "model")
    project = (EXAMPLE / "escalera.toml").read_text()
    (folder / "escalera.toml").write_text(
        re.sub(r"^seed = \d+", f"seed = {seed}", project, flags=re.MULTILINE)
    )


def scores(cells: list[dict[str, Any]] | None) -> str:
    """Scores of the three tasks, with a star where the bar is shown to be met."""
    if cells is None:
        return "not built"
    by_task = {cell["task"]: cell for cell in cells}
    return " / ".join(
        f"{by_task[t]['score']['value']:.2f}{'*' if by_task[t]['adequacy'] == 'adequate' else ''}"
        for t in TASKS
    )


def interval(figure: dict[str, float]) -> str:
    """A difference with its interval."""
    return f"{figure['value']:+.2f} [{figure['lower']:+.2f}, {figure['upper']:+.2f}]"


def wording(evidence: Evidence) -> str:
    """What telling the output contract adds to the mean score of order changes, with 80 %."""
    effects = {
        name: effect
        for event in evidence.screened
        if (event.task, event.stage) == ("order_changes", "factorial")
        for name, effect in zip(event.factors, event.effects, strict=True)
    }
    found = effects["contract"]
    return f"{found.value:+.2f} [{found.lower:+.2f}, {found.upper:+.2f}]"


if __name__ == "__main__":
    main()
