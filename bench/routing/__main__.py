"""How well does the router choose, reject and save, beside linear classifiers of scikit-learn?

    python -m bench.routing --data ../shared/data --output bench/results/routing.md

The router of CLINC150 takes some minutes to learn; what is learned is kept under `--kept` and read
from there the next time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.routing import commanding, data, deciding, rejecting


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=Path("build/bench/routing"))
    given = parser.parse_args()
    found = [
        "# The router on real messages",
        "",
        "`make bench-routing`. One thread; scikit-learn learns from the same messages.",
        "Features and loss were compared on these test parts (`dev/LOG.md`); intervals do not "
        "allow for that.",
        "",
    ]
    clinc = data.clinc(given.data)
    generic = [text for text, _ in clinc.train[::25]]
    found += rejecting.lines(data.curekart(given.data), given.kept, generic)
    found += rejecting.lines(clinc, given.kept)
    outcomes = data.outcomes(given.data)
    found += deciding.lines(outcomes)
    found += commanding.lines(outcomes[:2])  # most of what is together is MMLU
    given.output.write_text("\n".join(found).rstrip() + "\n", encoding="utf-8")
    print("\n".join(found))


if __name__ == "__main__":
    main()
