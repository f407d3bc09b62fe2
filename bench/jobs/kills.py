"""Kill what works on finetuning jobs, and the gateway, and see what becomes of the jobs.

    python -m bench.jobs.kills --kills 20 --into build/bench/jobs --output FILE
    python -m bench.jobs.kills --kills 20 --into build/bench/jobs --output FILE --forked

Eight jobs of one wish but for their seeds are done undisturbed. Then they are asked for anew; at
random moments while they run, SIGKILL goes to the gateway, to the process of the jobs, or to both,
and what was killed is started again. Compared are the artifacts: their digests are those of every
byte. How far a job was kept when it was killed, and the first that is kept of it then, is read from
its checkpoint. With --forked there is no gateway, and only the process of the jobs is killed.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from bench.jobs import forked, seen, served


def main() -> None:
    """Kill, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, default=Path("build/bench/jobs"))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--forked", action="store_true", help="without a gateway")
    asked = parser.parse_args()
    shutil.rmtree(asked.into, ignore_errors=True)
    began, way = time.monotonic(), forked if asked.forked else served
    undisturbed = way.undisturbed(asked.into / "undisturbed")
    kills, disturbed, starts = way.disturbed(asked.into / "disturbed", asked.kills, asked.seed)
    seconds = time.monotonic() - began
    how = f"--kills {asked.kills} --seed {asked.seed}{' --forked' if asked.forked else ''}"
    text = seen.table(kills, undisturbed, disturbed, starts, how=how, seconds=seconds)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
