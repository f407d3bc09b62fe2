"""How long does it take to fold a million scores, and what do they weigh?

    python bench/runner/folding.py --events 1000000 --into build/bench/runner

Times the folding of answers that come in slices, as they do from a journal that is read: they are
made outside the clock, and no list of all of them is kept, through which Python's collector would
walk again and again. Then a thousand more. Memory is that of another process, which folds the same.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from process import Figures

from escalera.core.evidence import Evidence, fold
from escalera.domain.event import Observed
from escalera.domain.message import Usage

SYSTEMS, AFTER, SLICE = 10, 1000, 10_000


def main() -> None:
    """Fold, and say how long it took."""
    given = arguments()
    if given.weigh:
        before = megabytes()
        evidence = fold(answers(given.events))
        print(megabytes() - before, evidence.spent.calls)
        return
    evidence, events = Evidence(), answers(given.events + AFTER)
    whole = sum(applied(evidence, some) for some in slices(events, given.events))
    after = applied(evidence, list(events))
    command = [sys.executable, __file__, "--weigh", "--events", str(given.events)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    found = {
        "events": given.events,
        "seconds": whole,
        "milliseconds_per_thousand_after": after * 1000,
        "megabytes": float(said[0]),
    }
    Figures(given.into / "figures.json").add("folding", "escalera", found)


def slices(events: Iterator[Observed], count: int) -> Iterator[list[Observed]]:
    """The first *count* events, some at a time."""
    for begin in range(0, count, SLICE):
        yield list(islice(events, min(SLICE, count - begin)))


def applied(evidence: Evidence, events: list[Observed]) -> float:
    """Seconds of processor time to fold *events* in."""
    began = time.process_time()
    for event in events:
        evidence.apply(event)
    return time.process_time() - began


def answers(count: int) -> Iterator[Observed]:
    """Answers of ten systems to as many items each, every one with strings of its own."""
    for n in range(count):
        item, system = divmod(n, SYSTEMS)
        digest = hashlib.sha256(b"%d" % item).hexdigest()
        yield Observed(
            system=hashlib.sha256(b"system %d" % system).hexdigest(),
            item=f"confirm-{item}",
            item_digest=digest,
            repeat=0,
            task="words",
            split="confirm",
            cluster=f"confirm-{item}",
            scorer="exact",
            score=float(n % 3 > 0),
            reason=None,
            request=digest[:32],
            bought=True,
            reply=f"word{item}",
            finish="stop",
            attempts=1,
            usage=Usage(prompt_tokens=20, completion_tokens=1),
            micro_dollars=22,
            revision="mock",
            seconds=0.05,
        )


def megabytes() -> float:
    """The largest memory of this program until now; `getrusage` would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--weigh", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
