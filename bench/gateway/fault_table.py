"""The fault matrix as a table: a row for each fault, a column for each kind of answer."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bench.gateway.oracle import WORST

from escalera.testing.upstream import FAULTS

COLUMNS = (
    ("chat", "whole"),
    ("chat", "stream"),
    ("responses", "whole"),
    ("responses", "stream"),
    ("embeddings", "whole"),
)
SHOWN = {"silent": "**silent**", "hang": "**hangs**", "hidden": "**hidden**"}
TITLES = {
    "silent": "silent success",
    "hang": "hang past the deadline",
    "hidden": "caller's error hidden",
    "untyped": "ends without an error of the API",
    "unserved": "fault before the first byte not served by B",
    "untested": "fault not met",
    "right": "right",
}


def load(folder: Path) -> list[dict[str, Any]]:
    """What was found so far, ours first."""
    files = sorted(folder.glob("faults-*.json"))
    found = [json.loads(file.read_text()) for file in files]
    return sorted(found, key=lambda one: (one["system"] != "escalera", one["workers"]))


def violations(folder: Path, system: str) -> int:
    """Cells of *system* that are not right."""
    return sum(
        cell["verdict"] != "right"
        for one in load(folder)
        if one["system"] == system
        for cell in one["cells"]
    )


def show(folder: Path) -> None:
    """Say what is not right, and how much is."""
    for one in load(folder):
        name = f"{one['system']} {one['version']}, {one['workers']} worker(s)"
        for cell in one["cells"]:
            if cell["verdict"] != "right" and one["system"] == "escalera":
                print(f"{name}: {cell['fault']}, {cell['operation']}, {cell['form']}: "
                      f"{cell['verdict']}: {cell['official']['seen']} "
                      f"({cell['official']['said'][:100]}), {cell['raw']['seen']} "
                      f"({cell['raw']['said'][:100]})")  # fmt: skip
        counts = Counter(cell["verdict"] for cell in one["cells"])
        told = ", ".join(f"{counts[kind]} {TITLES[kind]}" for kind in WORST if counts[kind])
        print(f"{name}: {len(one['cells'])} cells: {told}")


def write(folder: Path, output: Path) -> None:
    """The whole matrix as Markdown."""
    found = load(folder)
    lines = [*HEAD.splitlines(), "", *_counts(found), ""]
    for one in found:
        if one["workers"] == min(other["workers"] for other in found):
            lines += [f"## {_title(one)}", "", *_matrix(one), ""]
    output.write_text("\n".join(lines))


HEAD = """# Faults of upstreams behind a gateway

Written by `make faults`. Upstream A fails, upstream B is well; the gateway asks A and may fall back
to B. Each cell was met by OpenAI's Python client and by a reader of bytes; the worse of the two is
shown. **B**: a whole answer from the fallback. **error**: an error of the API, with its status
where the answer had not begun. **A**: a whole answer of the faulty upstream all the same. Wrong are
**silent** (a broken answer that looks whole), **hangs** (past the deadline of 5 s for a request,
2 s added), **hidden** (a mistake of the caller answered by somebody else), *untyped* (an end
without an error of the API), *unserved* (an error although nothing had been said yet and B was
well)."""


# Below: private.


def _title(one: dict[str, Any]) -> str:
    workers = "one worker" if one["workers"] == 1 else f"{one['workers']} workers"
    return f"{one['system']} {one['version']}".strip() + f", {workers}"


def _counts(found: list[dict[str, Any]]) -> list[str]:
    lines = ["| | " + " | ".join(_title(one) for one in found) + " |"]
    lines.append("|---|" + "---|" * len(found))
    lines.append("| cells | " + " | ".join(str(len(one["cells"])) for one in found) + " |")
    for kind in WORST:
        counts = [sum(cell["verdict"] == kind for cell in one["cells"]) for one in found]
        lines.append(f"| {TITLES[kind]} | " + " | ".join(map(str, counts)) + " |")
    slowest = [
        max(max(cell[who]["seconds"] for who in ("official", "raw")) for cell in one["cells"])
        for one in found
    ]
    lines.append("| slowest answer, s | " + " | ".join(f"{one:.1f}" for one in slowest) + " |")
    return lines


def _matrix(one: dict[str, Any]) -> list[str]:
    cells = {(cell["fault"], cell["operation"], cell["form"]): cell for cell in one["cells"]}
    lines = ["| fault | " + " | ".join(f"{op}, {form}" for op, form in COLUMNS) + " |"]
    lines.append("|---|" + "---|" * len(COLUMNS))
    for name in FAULTS:
        row = [_shown(cells.get((name, *column))) for column in COLUMNS]
        if any(row):
            lines.append(f"| {FAULTS[name].about} | " + " | ".join(row) + " |")
    return lines


def _shown(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    verdict = cell["verdict"]
    if verdict in SHOWN:
        return SHOWN[verdict]
    if verdict != "right":
        return f"*{verdict}*"
    official = cell["official"]
    if official["seen"] != "error":
        return str(official["seen"])
    return f"error {official['status']}" if official["status"] else "error event"
