"""Does the climb find the right way to combine what was finetuned?

    python -m bench.combine --output bench/results/combine.md

A shop with three query types, of which one fails under every prompt, and one needs worked examples.
Variants differ in what is paid for: quality, time, traffic, and in how far tasks spoil each other
when they are trained together. The planner itself climbs in memory; each answer is right with
the rate of its system, drawn anew by every seed, the same luck for all systems. The right decision
follows from the true rates. The exit code is 1 where a variant is decided right in fewer than 95 %.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from multiprocessing import Pool
from pathlib import Path

from bench.decisions.tables import percent, table

from escalera.domain.dataset import Example
from escalera.domain.event import Event, Observed
from escalera.domain.project import ModelPrice, Policy, Project
from escalera.domain.service import Service
from escalera.domain.system import System
from escalera.testing import playbook

TASKS = ("orders", "recommendations", "feedback")
BARS = {"orders": 0.75, "recommendations": 0.8, "feedback": 0.8}
ITEMS = {"train": 12, "search": 60, "confirm": 600}
MARGIN = 0.06
LEAST = 0.95
PER_WORD = 0.004
"""Seconds of a call per word of its prompt."""

Rates = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One case: rates of what answers, terms, shares of the traffic, and the right decision."""

    name: str
    says: str
    right: str
    service: Service
    rates: Mapping[str, Rates]
    shares: Rates
    value: float = 20.0
    """Of a point of score a month, for each task."""


def _rates(orders: float, recommendations: float, feedback: float) -> Rates:
    return dict(zip(TASKS, (orders, recommendations, feedback), strict=True))


PROMPTED = {"plain": _rates(0.5, 0.6, 0.93), "shots": _rates(0.55, 0.93, 0.93)}
TUNED = {"orders": _rates(0.93, 0.5, 0.7), "others": _rates(0.5, 0.92, 0.93)}
RELATED = {"mixture": _rates(0.91, 0.915, 0.92), "merge": _rates(0.88, 0.9, 0.9)}
APART = {"mixture": _rates(0.91, 0.72, 0.85), "merge": _rates(0.9, 0.91, 0.915)}
EVEN = _rates(0.3, 0.4, 0.3)

VARIANTS = (
    Variant(
        name="quality pays",
        says="every point is worth much, time does not matter: each type gets what is best for it",
        right="route",
        service=Service(calls=20_000, artefact_month=5.0),
        rates=PROMPTED | TUNED | RELATED,
        shares=EVEN,
        value=200.0,
    ),
    Variant(
        name="calls have to be short",
        says="worked examples take too long; the tasks are related, so one training does for all",
        right="mixture",
        service=Service(calls=20_000, artefact_month=5.0, seconds=0.03),
        rates=PROMPTED | TUNED | RELATED,
        shares=EVEN,
    ),
    Variant(
        name="much traffic",
        says="most calls are of the type that needs worked examples: their words cost more than "
        "they bring",
        right="mixture",
        service=Service(calls=8_000_000, artefact_month=5.0),
        rates=PROMPTED | TUNED | RELATED,
        shares=_rates(0.15, 0.7, 0.15),
        value=5.0,
    ),
    Variant(
        name="tasks in each other's way",
        says="trained together they spoil each other, and worked examples take too long: adapters "
        "trained apart and merged remain",
        right="merge",
        service=Service(calls=20_000, artefact_month=5.0, seconds=0.03),
        rates=PROMPTED | TUNED | APART,
        shares=EVEN,
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every variant with every seed, print and write the table."""
    given = _parser().parse_args(arguments)
    jobs = [(n, seed) for n in range(len(VARIANTS)) for seed in range(given.seeds)]
    with Pool(given.workers) as pool:
        found = pool.starmap(decided, jobs, chunksize=2)
    of = {variant.name: Counter[str]() for variant in VARIANTS}
    for (n, _), rung in zip(jobs, found, strict=True):
        of[VARIANTS[n].name][rung] += 1
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    text = page(of, f"`python -m bench.combine --seeds {given.seeds}`, {today}.")
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n", encoding="utf-8")
    met = all(share(of, variant) >= LEAST for variant in VARIANTS)
    return 0 if met else 1


def share(of: Mapping[str, Counter[str]], variant: Variant) -> float:
    """How often the right system was chosen."""
    return of[variant.name][variant.right] / max(of[variant.name].total(), 1)


def page(of: Mapping[str, Counter[str]], command: str) -> str:
    """One row per variant."""
    rows = [
        (
            variant.name,
            variant.says,
            variant.right,
            percent(share(of, variant)),
            ", ".join(f"{rung} {many}" for rung, many in of[variant.name].most_common()),
        )
        for variant in VARIANTS
    ]
    head = ("variant", "what it is about", "right", "found", "decided")
    return f"# Mixture, separate models or a merge\n\n{command}\n{_SETTING}\n\n{table(head, rows)}"


def decided(number: int, seed: int) -> str:
    """The rung that one climb serves, or how it ended where it serves none."""
    variant = VARIANTS[number]
    project = _project(variant)
    book, rates = playbook.Playbook(project), variant.rates
    while (step := book.next()) is not None:
        new = playbook.perform(
            step,
            project=project,
            evidence=book.evidence,
            answers=lambda system, item: _answer(rates, seed, system, item),
        )
        book.feed(*map(_timed, new))
    ended = book.evidence.stopped[-1]
    return ended.rung if ended.route is not None else f"none ({ended.reason})"


# Private.

_SETTING = """
Three query types; orders fail under every prompt (true rates 0.50, with worked examples 0.55),
recommendations need worked examples (0.60, with them 0.93). LoRA on orders alone harms the others.
600 `confirm` items for each type, margin 0.06, a word of a prompt takes 4 ms and costs 10
micro-dollars. The planner climbs; the right decision follows from the true rates
(`bench/combine/__main__.py`)."""


def _answer(rates: Mapping[str, Rates], seed: int, system: System, item: Example) -> float:
    digest = blake2b(f"{seed}/{item.id}/{item.task}".encode(), digest_size=8).digest()
    luck = int.from_bytes(digest, "big") / 2**64
    return float(luck < rates[_kind(system)][item.task])


def _kind(system: System) -> str:
    """Whose rates a system answers at."""
    adapter = system.adapter or ""
    if not adapter:
        return "shots" if system.prompt.shots or system.prompt.selections else "plain"
    if adapter.startswith("merge"):
        return "merge"
    if "," in adapter:
        return "mixture"
    return "orders" if "(orders" in adapter else "others"


def _timed(event: Event) -> Event:
    if not isinstance(event, Observed):
        return event
    return replace(event, seconds=PER_WORD * event.usage.prompt_tokens)


def _project(variant: Variant) -> Project:
    tasks = [
        replace(
            playbook.task(name, bar=BARS[name], margin=MARGIN, items=ITEMS),
            value_per_point=variant.value,
        )
        for name in TASKS
    ]
    policy = Policy(
        query_type="declared",
        rungs=("prompt", "examples", "lora", "mixture", "merge", "route"),
        looks=(0.5, 1.0),
        operators=("role", "instruction", "contract"),
    )
    made = playbook.project(
        *tasks, policy=policy, price=ModelPrice(prompt=10_000_000, completion=10_000_000)
    )
    weighed = [replace(task, share=variant.shares[task.name]) for task in made.tasks]
    return replace(made, tasks=tuple(weighed), service=variant.service)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.combine")
    parser.add_argument("--output", type=Path, help="file to write the table to")
    parser.add_argument("--seeds", type=int, default=40, help="of every variant")
    parser.add_argument("--workers", type=int, default=2)
    return parser


if __name__ == "__main__":
    sys.exit(main())
