"""The page of results, from the figures that the parts left."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from bench.merge import equality
from bench.merge.synthetic import SIZES

GOALS = {"linear": 5, "slerp": 5, "task_arithmetic": 5, "ties": 10, "karcher": 40}


def page(folder: Path, *, date: str) -> str:
    """All parts that were run."""
    made = [make(_read(folder, name)) for name, make in _PARTS.items() if _read(folder, name)]
    return "\n\n".join([_HEAD.format(date=date), *made]) + "\n"


_HEAD = """# Merging beside mergekit and PEFT

    make bench-merge MERGE_PEER=PYTHON

mergekit 0.1.5 and PEFT 0.21.2 in an environment of their own, PyTorch 2.13.0 (CPU). Random models
in the shape of Llama, bfloat16, changes a tenth of the weights' size; {date}. Two shared cores
under other load, one thread, so seconds are of the processor, and tools take turns. Outputs are
bfloat16; mergekit computes in float32 or, as it does by default, in bfloat16, Escalera always in
float32."""


def _read(folder: Path, name: str) -> Any:
    file = folder / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def _commands(rows: list[dict[str, Any]]) -> str:
    about = (
        "The commands that people type, `escalera merge` and `mergekit-yaml`, from their start to "
        f"their end; models of {SIZES['290M'].bytes / 1e6:.0f} MB each, a base and two models. "
        "Reading, writing and (ours) a digest of every tensor included; mergekit writes no card "
        "and copies no tokenizer. Ratios are the median of the rounds; own memory is the peak of "
        "what is not shared with files."
    )
    return "\n".join(["## Processor time and memory", "", about, "", *_rows(rows)])


def _speed(rows: list[dict[str, Any]]) -> str:
    about = "The same without start and imports: what merging itself takes."
    return "\n".join(["## Merging alone", "", about, "", *_rows(rows)])


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| method | mergekit computes in | rounds | ours, s | mergekit, s | ratio "
        "| lowest, highest | goal | ours, MB | mergekit, MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    missed = []
    for key in dict.fromkeys((row["method"], row["dtype"]) for row in rows):
        held = [row for row in rows if (row["method"], row["dtype"]) == key]
        ratios = sorted(row["theirs"]["cpu"] / row["ours"]["cpu"] for row in held)
        goal = GOALS.get(key[0])
        if median(ratios) < (goal or 0):
            missed.append(f"{key[0]} ({key[1]})")
        lines.append(
            f"| {key[0]} | {key[1]} | {len(held)} | {_middle(held, 'ours', 'cpu'):.2f} "
            f"| {_middle(held, 'theirs', 'cpu'):.2f} | **{median(ratios):.1f}** "
            f"| {ratios[0]:.1f}, {ratios[-1]:.1f} | {goal or ''} "
            f"| {_middle(held, 'ours', 'anon') / 1e6:.0f} "
            f"| {_middle(held, 'theirs', 'anon') / 1e6:.0f} |"
        )
    if missed:
        lines += ["", f"Below the goal: {', '.join(missed)}."]
    return lines


def _middle(rows: list[dict[str, Any]], tool: str, key: str) -> float:
    return median(row[tool][key] for row in rows)


def _start(found: dict[str, Any]) -> str:
    lines = [
        "## Start",
        "",
        "Best of five, of the whole process.",
        "",
        "| command | wall, s | processor, s |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {took['wall']:.2f} | {took['cpu']:.2f} |" for name, took in found.items()
    ]
    return "\n".join(lines)


def _equal(found: dict[str, Any]) -> str:
    lines = [
        "## Equality",
        "",
        "Models of 7 million parameters: numbers of the output (bfloat16) that differ from "
        "mergekit's in float32; by more than the last bit; and beyond rounding, which is the last "
        f"bit and {equality.ROUNDINGS} of float32's roundings of the largest number that went in "
        "(where numbers cancel, what is left is small beside its own error). At a threshold: where "
        "a change (with SCE a variance) is exactly as large as the threshold; we keep all such, "
        "mergekit some of them, as its sorting happens to leave them. From float64: how many of "
        "ours, and of mergekit's in float32, are beyond rounding from what mergekit says in "
        "float64.",
        "",
        "| method | differ | share | by more than the last bit | beyond rounding "
        "| at a threshold | ours from float64 | mergekit's from float64 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['differ']:,} | {row['differ'] / row['numbers']:.1e} | {row['more']:,} "
        f"| {row['beyond']:,} | {_held(row)} | {row['ours, exact']['beyond']:,} "
        f"| {row['theirs, exact']['beyond']:,} |"
        for name, row in found.items()
    ]
    if "sce" in found:
        lines += ["", _SCE]
    return "\n".join(lines)


_SCE = (
    "SCE weighs each model by the changes that it keeps, so that what is kept at a threshold moves "
    "the other numbers of a tensor, too."
)


def _held(row: dict[str, Any]) -> str:
    return f"{row['at ties']:,}" if "at ties" in row else ""


def _chance(found: dict[str, Any]) -> str:
    lines = [
        "## Random methods",
        "",
        "Five seeds each: the distance of two merges, in units of how far a merge is from the "
        "base. One seed is a lottery; what can agree is the distance between seeds, and the means.",
        "",
        "| method | two of ours | two of mergekit's | one of each | means of five |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['ours']:.3f} | {row['theirs']:.3f} | {row['between']:.3f} "
        f"| {row['means']:.3f} |"
        for name, row in found.items()
    ]
    lines += [
        "",
        "Means of five unrelated merges each would be sqrt(2/5)/sqrt(2) = .447 of that apart.",
    ]
    return "\n".join(lines)


def _memory(rows: list[dict[str, Any]]) -> str:
    lines = [
        "## Memory by size",
        "",
        "Peak of own memory, MB; the interpreter and NumPy are included.",
        "",
        "| method | threads | " + " | ".join(f"{b / 1e6:,.0f} MB" for b in _sizes(rows)) + " |",
        "|---|---|" + "---|" * len(_sizes(rows)),
    ]
    for key in dict.fromkeys((row["method"], row["threads"]) for row in rows):
        held = {row["bytes"]: row for row in rows if (row["method"], row["threads"]) == key}
        cells = [f"{held[b]['anon'] / 1e6:.0f}" if b in held else "" for b in _sizes(rows)]
        lines.append(f"| {key[0]} | {key[1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _sizes(rows: list[dict[str, Any]]) -> list[int]:
    return sorted({row["bytes"] for row in rows})


def _same(found: dict[str, Any]) -> str:
    lines = [
        "## The same numbers in any way",
        "",
        "Digests of all tensors for 1 to 4 threads, blocks of 32, 64 and 256 thousand numbers, and "
        "one file or many.",
        "",
        "| method | ways | different results |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {row['ways']} | {row['results'] - 1} |" for name, row in found.items()]
    return "\n".join(lines)


def _killed(found: dict[str, Any]) -> str:
    return (
        "## Kills\n\n"
        f"{found['kills']} SIGKILLs at random moments over {found['merges']} merges (DARE-TIES, "
        f"120 MB models, two threads); {found['continued']} runs went on from what was there; "
        f"**{found['different']}** merges ended in other bytes than an undisturbed one, or left "
        "something behind."
    )


def _factors(found: dict[str, Any]) -> str:
    ours, svd = found["ours"], found["svd"]
    lines = [
        "## Adapters",
        "",
        "One layer of 2048 x 2048, two adapters of rank 16 with weights .6 and .4, merged at rank "
        "16. The error is the relative Frobenius distance to the sum of the products.",
        "",
        "| way | processor, s | error |",
        "|---|---|---|",
        f"| PEFT, `svd` | {svd['cpu']:.3f} | {svd['error']:.4f} |",
        f"| PEFT, `linear` | | {found['linear']['error']:.4f} |",
        f"| ours, `linear` | {ours['cpu']:.5f} | {ours['error']:.4f} (told: {ours['told']:.4f}) |",
        "",
        f"Ratio of times: **{svd['cpu'] / ours['cpu']:.0f}** (goal 500). One adapter of weight 1 "
        "comes out with this relative error:",
        "",
        "| kind | PEFT `linear` | PEFT `svd` | PEFT `cat` | ours |",
        "|---|---|---|---|---|",
    ]
    for kind, ways in found["identity"].items():
        cells = [
            f"{value:.1e}" if isinstance(value := ways[way], float) else "refused"
            for way in ("linear", "svd", "cat")
        ]
        ours_is = "0, the same bytes" if found["same bytes"][kind] else "other bytes"
        lines.append(f"| {kind} | " + " | ".join(cells) + f" | {ours_is} |")
    return "\n".join(lines)


_PARTS = {
    "commands": _commands,
    "speed": _speed,
    "start": _start,
    "equal": _equal,
    "chance": _chance,
    "memory": _memory,
    "same": _same,
    "killed": _killed,
    "factors": _factors,
}
