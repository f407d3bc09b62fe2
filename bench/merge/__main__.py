"""Merge by Escalera and by mergekit, on the same models, and write what was measured.

    python -m bench.merge --peer PYTHON --into FOLDER --output bench/results/merge.md

PYTHON is the interpreter of an environment that has mergekit 0.1.5. Random models are written below
FOLDER and removed at the end, unless `--keep`. Each part leaves its figures as JSON in FOLDER;
`--parts` runs some, `--parts table` none. Times are of the processor (one thread), so that a busy
machine counts little; rounds alternate between the tools.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.merge import adapters, equality, kills, recipes, tables
from bench.merge.measuring import merge, whole
from bench.merge.synthetic import SIZES, make


@dataclass(frozen=True)
class Asked:
    """What to run, and where."""

    into: Path
    peer: str
    rounds: int
    size: str
    methods: tuple[str, ...]

    def models(self, size: str) -> Path:
        """Three models of a size, written when they are needed."""
        root = self.into / "models" / size
        make(root, SIZES[size], 3)
        return root

    def recipe(self, method: str, size: str, dtype: str = "float32") -> Path:
        """A recipe on them."""
        file = self.into / "recipes" / f"{method}-{size}-{dtype}.yaml"
        return recipes.write(file, method, self.models(size), dtype=dtype)

    def command(self, tool: str, recipe: Path, into: Path) -> list[str]:
        """What people type; mergekit's without what it does beside a merge."""
        if tool == "ours":
            return [*OURS, str(recipe), "--into", str(into), "--threads", "1"]
        lean = ["--no-copy-tokenizer", "--no-write-model-card", "--quiet"]
        return [str(Path(self.peer).parent / "mergekit-yaml"), str(recipe), str(into), *lean]

    def out(self, name: str) -> Path:
        """Where a merge goes."""
        return self.into / "out" / name

    def keep(self, part: str, found: Any) -> None:
        """Note the figures of a part."""
        (self.into / f"{part}.json").write_text(json.dumps(found, indent=1))


OURS = (sys.executable, "-m", "escalera", "merge")
CRUMBS = ("breadcrumbs", "breadcrumbs_ties")
OFTEN = ("linear", "slerp", "task_arithmetic")
ONCE = ("ties", "karcher", "dare_ties", "nuslerp", "model_stock", "breadcrumbs", "sce", "della")


def commands(asked: Asked) -> None:
    """Processor time and memory of both commands on the large models, from start to end."""

    def run(tool: str, recipe: Path) -> dict[str, Any]:
        shutil.rmtree(asked.out(tool), ignore_errors=True)
        return whole(asked.command(tool, recipe, asked.out(tool)))

    _side_by_side(asked, "commands", run)


def speed(asked: Asked) -> None:
    """The same without start and imports: what merging itself takes."""
    _side_by_side(
        asked, "speed", lambda tool, recipe: merge(tool, recipe, asked.out(tool), peer=asked.peer)
    )


def _side_by_side(asked: Asked, part: str, run: Callable[[str, Path], dict[str, Any]]) -> None:
    """Both tools in turns, by every method, and again."""
    file = asked.into / f"{part}.json"
    rows: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    rows = [row for row in rows if row["method"] not in asked.methods]
    for method in asked.methods:
        for dtype in ("float32", "bfloat16"):
            if dtype == "bfloat16" and method in ONCE[2:]:
                continue
            recipe = asked.recipe(method, asked.size, dtype)
            for _ in range(asked.rounds if method in OFTEN else 1):
                row: dict[str, Any] = {"method": method, "dtype": dtype}
                row |= {tool: run(tool, recipe) for tool in ("ours", "theirs")}
                rows.append(row)
                print(row, flush=True)
                asked.keep(part, rows)
    shutil.rmtree(asked.into / "out", ignore_errors=True)


def equal(asked: Asked) -> None:
    """Differences in the numbers on the small models: from mergekit in float32 and in float64."""
    models, found = asked.models("7M"), {}
    for method in recipes.METHODS:
        if method.startswith(("dare", "della")):
            continue
        out = {}
        for tool, dtype in (("ours", "float32"), ("theirs", "float32"), ("theirs", "float64")):
            out[tool, dtype] = asked.out(f"{method}-{tool}-{dtype}")
            merge(tool, asked.recipe(method, "7M", dtype), out[tool, dtype], peer=asked.peer)
        ours, theirs, exact = out.values()
        row: dict[str, Any] = equality.differences(ours, theirs, models)
        row["ours, exact"] = equality.differences(ours, exact, models)
        row["theirs, exact"] = equality.differences(theirs, exact, models)
        if method in ("ties", *CRUMBS):
            gamma = 0.01 if method in CRUMBS else 0.0  # what both tools cut by default
            row |= equality.at_thresholds(ours, theirs, models, 0.3, gamma)
        if method == "sce":
            row |= equality.at_variances(ours, theirs, models, 0.3)
        found[method] = row
        print(method, row, flush=True)
    asked.keep("equal", found)


def chance(asked: Asked) -> None:
    """Five seeds of each random method by both tools: how far apart they are."""
    models, found = asked.models("7M"), {}
    for method in ("dare_linear", "dare_ties", "della"):
        recipe = asked.recipe(method, "7M")
        folders: dict[str, list[Path]] = {"ours": [], "theirs": []}
        for seed in range(5):
            for tool, held in folders.items():
                held.append(asked.out(f"{method}-{tool}-{seed}"))
                merge(tool, recipe, held[-1], "--seed", str(seed), peer=asked.peer)
        found[method] = equality.distances(folders["ours"], folders["theirs"], models / "m0")
        print(method, found[method], flush=True)
    asked.keep("chance", found)


def memory(asked: Asked) -> None:
    """Own memory of a merge, by the size of the models and the number of threads."""
    rows = []
    for size in ("7M", asked.size, "1.2B"):
        methods = ("linear", "ties", "karcher", "sce", "della")
        for method in methods if size != "1.2B" else methods[:2]:
            for threads in (1, 4):
                recipe = asked.recipe(method, size)
                found = merge(
                    "ours", recipe, asked.out("m"), "--threads", str(threads), peer=asked.peer
                )
                length = SIZES[size].bytes
                rows.append({"bytes": length, "method": method, "threads": threads} | found)
                print(rows[-1], flush=True)
                asked.keep("memory", rows)
    shutil.rmtree(asked.into / "models" / "1.2B", ignore_errors=True)


def same(asked: Asked) -> None:
    """Digests of all tensors for every number of threads, block length and shard size."""
    found = {}
    for method in ("linear", "slerp", "ties", "dare_ties", "della"):
        recipe, seen = asked.recipe(method, "7M"), set()
        for threads in (1, 2, 3, 4):
            for chunk in (1 << 15, 1 << 16, 1 << 18):
                for shard in ("5e9", "2e6"):
                    more = ("--threads", str(threads), "--chunk", str(chunk), "--shard", shard)
                    merge("ours", recipe, asked.out("s"), *more, peer=asked.peer)
                    lineage = json.loads((asked.out("s") / "merge_lineage.json").read_text())
                    seen.add(json.dumps(lineage["tensors"], sort_keys=True))
        found[method] = {"ways": 24, "results": len(seen)}
        print(method, found[method], flush=True)
    asked.keep("same", found)


def killed(asked: Asked) -> None:
    """SIGKILL at random moments."""
    found = kills.run(asked.recipe("dare_ties", "60M"), asked.out("kills"), 20)
    print(found, flush=True)
    asked.keep("killed", found)


def start(asked: Asked) -> None:
    """Whole commands that have next to nothing to do, five times each."""
    recipe, into = asked.recipe("linear", "7M"), asked.out("start")
    theirs = asked.command("theirs", recipe, into)
    typed = {
        "escalera merge --help": [*OURS, "--help"],
        "escalera merge --plan": [*OURS, str(recipe), "--plan"],
        "mergekit-yaml --help": [theirs[0], "--help"],
        "escalera merge of 14 MB": asked.command("ours", recipe, into),
        "mergekit-yaml of 14 MB": theirs,
    }
    found: dict[str, Any] = {}
    for name, command in typed.items():
        runs = []
        for _ in range(5):
            shutil.rmtree(into, ignore_errors=True)
            runs.append(whole(command))
        found[name] = {key: min(run[key] for run in runs) for key in ("wall", "cpu")}
        print(name, found[name], flush=True)
    asked.keep("start", found)


def factors(asked: Asked) -> None:
    """Adapters of width 2048: one module by PEFT's way and by ours."""
    found = adapters.run(asked.peer)
    print(found, flush=True)
    asked.keep("factors", found)


PARTS: Mapping[str, Callable[[Asked], None]] = {
    "start": start,
    "equal": equal,
    "chance": chance,
    "same": same,
    "killed": killed,
    "factors": factors,
    "commands": commands,
    "speed": speed,
    "memory": memory,
}


def main() -> None:
    """Run the parts that are asked for, and write the table of all that is known."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--into", type=Path, default=Path("build/bench/merge"))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=tuple(SIZES), default="290M")
    parser.add_argument("--methods", nargs="*", default=[*OFTEN, *ONCE], help="of the part speed")
    parser.add_argument("--parts", nargs="*", default=list(PARTS))
    parser.add_argument("--date", default="")
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    asked = Asked(given.into.resolve(), given.peer, given.rounds, given.size, tuple(given.methods))
    for part in given.parts:
        if part in PARTS:
            PARTS[part](asked)
    if given.output:
        given.output.write_text(tables.page(asked.into, date=given.date), encoding="utf-8")
    if not given.keep:
        shutil.rmtree(asked.into / "models", ignore_errors=True)
        shutil.rmtree(asked.into / "out", ignore_errors=True)


if __name__ == "__main__":
    main()
