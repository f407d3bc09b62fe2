"""The tables of what `run.py`, `random_kills.py`, `caps.py` and `folding.py` have measured.

    python bench/runner/table.py --from build/bench/runner --date 2026-11-21

Writes bench/results/runner.md. A figure that was not measured is missing from it, never made up.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from process import Figures

ROOT = Path(__file__).resolve().parents[2]
OURS, COMMON, STEADY = "escalera", "1000", "5000"
"""Ours; the size that all are run at; the size at which the slope of ours is out of the noise."""

COMMANDS = """\
```
python bench/runner/run.py --into build/bench/runner --inspect-python PATH --promptfoo PATH \\
    --lm-eval-python PATH --dspy-python PATH
python bench/runner/random_kills.py --into build/bench/runner
python bench/runner/random_kills.py --into build/bench/runner --command climb --kills 100
python bench/runner/caps.py --into build/bench/runner
python bench/runner/caps.py --into build/bench/runner --caps 6 --kills 2 --flying 64 --items 3000
python bench/runner/folding.py --into build/bench/runner
python bench/runner/table.py --from build/bench/runner --date YYYY-MM-DD
```"""

Found = dict[str, dict[str, Any]]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results" / "runner.md")
    given = parser.parse_args()
    found = Figures(given.folder / "figures.json").found
    sections = {
        "about": about,
        "cost": cost,
        "kills": kills,
        "faults": faults,
        "silence": silence,
        "starts": starts,
        "random kills": random_kills,
        "caps": caps,
        "folding": folding,
    }
    lines = [f"# The runner beside other tools, {given.date}", "", *HEAD]
    for name, section in sections.items():
        if name in found:
            lines += ["", *section(found)]
    given.output.write_text("\n".join([*lines, ""]))


HEAD = [
    "One job for every tool: n items with an exact target, one task, temperature 0, 100 calls in",
    "flight where the tool allows, against `bench/runner/mock.py` (another process, answers after",
    "50 ms). Each tool runs as its users run it, with its defaults, durable logs and caches.",
    "Processor time is user and system time of the whole process tree, medians of runs in turn.",
    "Two cores are shared with other work: wall times are upper bounds, processor times compare.",
    "Tools run minutes apart; runs of two in turn, with similar ratios, are in dev/LOG.md.",
    "Rows are of several runs; dev/LOG.md says which were measured before a change.",
    "",
    COMMANDS,
]


def about(found: Found) -> Iterator[str]:
    """Versions and sizes."""
    yield "## Versions and size on disk (whole environment without its installer)"
    yield ""
    yield from head("tool", "version", "MB", "times ours")
    ours = found["about"][OURS]["megabytes"]
    for tool, figures in found["about"].items():
        size = figures["megabytes"]
        yield row(tool, figures["version"], f"{size:.0f}", times(size, ours))


def cost(found: Found) -> Iterator[str]:
    """Slopes, rates and memory."""
    yield "## What a sample costs"
    yield ""
    yield "Marginal: the slope of processor time between 200 samples and the size given. Ours costs"
    yield "so little that 800 samples drown in the noise of a start, so others are compared with"
    yield "its slope to 5,000; memory is compared at 1,000."
    yield ""
    yield from head(
        "tool", "samples", "ms CPU each", "times ours", "wall samples/s", "peak MB", "times ours"
    )
    ours = found["cost"][OURS]
    slopes = ours["slopes"]
    each = slopes.get(STEADY, slopes[max(slopes, key=int)])
    for tool, figures in found["cost"].items():
        for size, slope in figures["slopes"].items():
            at = figures["sizes"][size]
            compared = tool != OURS
            yield row(
                tool,
                size,
                f"{slope:.2f}",
                times(slope, each) if compared else "",
                f"{int(size) / at['wall']:.0f}",
                f"{at['peak']:.0f}",
                times(at["peak"], ours["sizes"][COMMON]["peak"]) if compared else "",
            )


def kills(found: Found) -> Iterator[str]:
    """Calls paid twice."""
    yield "## Killed with SIGKILL in the middle, then continued"
    yield ""
    yield "Calls beyond one per item; 100 calls may be in flight at the kill, and those are lost to"
    yield "any tool. A tool that is busy with itself has fewer in flight, and loses fewer."
    yield ""
    yield from head("tool", "items", "calls wasted (killed at 30, 50, 70 %)", "score afterwards")
    for tool, figures in found["kills"].items():
        wasted = ", ".join(map(str, figures["wasted"]))
        yield row(tool, figures["items"], wasted, ", ".join(map(score, figures["scores"])))


def faults(found: Found) -> Iterator[str]:
    """Transient failures."""
    yield "## A model that is always right, behind 30 % of 429 and 5 % of 500"
    yield ""
    yield from behind(found["faults"])


def silence(found: Found) -> Iterator[str]:
    """Lasting failures."""
    yield "## The same model where some 4 % of the items always get 500"
    yield ""
    yield from behind(found["silence"])


def behind(found: Found) -> Iterator[str]:
    """What was said, and what is missing from it."""
    yield from head(
        "tool", "score", "items in it", "not in it", "scored as wrong", "exit", "calls", "seconds"
    )
    for tool, figures in found.items():
        said, scored = figures["score"], figures["scored"]
        missing = figures["items"] - scored
        right = 0 if said is None else round(said * figures["items"])
        wrong = 0 if said is None else max(0, min(scored, figures["items"]) - right)
        ended = "still asking" if figures["exit"] is None else figures["exit"]
        yield row(
            tool, score(said), scored, missing, wrong, ended, figures["asked"],
            f"{figures['wall']:.0f}",
        )  # fmt: skip


def starts(found: Found) -> Iterator[str]:
    """Processor time of an import and of a command's help."""
    yield "## Seconds of processor time to start"
    yield ""
    yield from head("tool", "import", "help of the evaluating command", "times ours")
    ours = found["starts"][OURS]["help"]
    for tool, figures in found["starts"].items():
        seen = [f"{figures[name]:.2f}" if name in figures else "" for name in ("import", "help")]
        yield row(tool, *seen, times(figures["help"], ours) if "help" in figures else "")
    compare = found["starts"][OURS].get("compare")
    if compare is not None:
        yield ""
        yield f"`escalera compare --help`: {compare:.2f} s."


def random_kills(found: Found) -> Iterator[str]:
    """Ours, killed at random."""
    yield "## Killed at random, again and again (ours)"
    yield ""
    yield from head(
        "command", "kills", "projects", "calls each", "in flight", "most wasted by a kill",
        "mean", "anything lost, changed or different",
    )  # fmt: skip
    for command, figures in found["random kills"].items():
        yield row(
            command,
            *(figures[name] for name in ("kills", "projects", "calls", "flying", "most_wasted")),
            f"{figures['mean_wasted']:.1f}",
            "; ".join(figures["wrong"]) or "nothing",
        )


def caps(found: Found) -> Iterator[str]:
    """Ours, under caps of money."""
    figures = found["caps"][OURS]
    low, high = figures["caps"]
    yield "## A cap of money with 512 calls in flight (ours)"
    yield ""
    yield f"{figures['runs']} caps between {low} and {high} micro-dollars, drawn at random,"
    yield f"{figures['calls']} calls, up to {figures['peak']} in flight, counted and priced by"
    yield "the endpoint. Overshoot:"
    yield f"{max(0, figures['most_over'])} micro-dollars; at most {figures['most_left']} were"
    yield f"left, where the dearest call could have cost {figures['dearest']}."
    if "killed" in found["caps"]:
        figures = found["caps"]["killed"]
        low, high = figures["caps"]
        yield ""
        yield f"{figures['runs']} caps between {low} and {high}, up to {figures['flying']} calls in"
        yield f"flight, each run killed with SIGKILL {figures['kills']} times and continued, calls"
        yield f"that were cut off paid for: overshoot {max(0, figures['most_over'])}, at most"
        yield f"{figures['most_left']} left, where each kill sets aside up to"
        yield f"{figures['flying'] * figures['dearest']}."


def folding(found: Found) -> Iterator[str]:
    """Ours, a million answers."""
    figures = found["folding"][OURS]
    yield "## Folding answers into evidence (ours)"
    yield ""
    yield f"{figures['events']} answers in {figures['seconds']:.2f} s of processor time and"
    yield f"{figures['megabytes']:.0f} MB; a thousand more in"
    yield f"{figures['milliseconds_per_thousand_after']:.1f} ms."


def head(*titles: str) -> Iterator[str]:
    """The first two lines of a table."""
    yield row(*titles)
    yield row(*("---" for _ in titles))


def row(*cells: object) -> str:
    """A line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def times(value: float, ours: float) -> str:
    """How many times ours, with two digits that mean something."""
    ratio = value / ours
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def score(value: float | None) -> str:
    """A score, or that there is none."""
    return "none" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
