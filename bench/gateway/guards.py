"""What guards find, what they blame wrongly, and what they cost.

    python -m bench.gateway.guards --data ../shared/data --output bench/results/guards.md \
        --peer-python PATH

The peer's interpreter has `presidio-analyzer`, NumPy and msgspec; without it its columns are empty.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.gateway import costs, finding, injections, topics


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--peer-python")
    given = parser.parse_args()
    found = [
        "# Guards: what they find, and what they cost",
        "",
        "`make bench-guards`. Texts and their licences are described where the data lie; only "
        "figures are kept here.",
        "",
        *finding.lines(given.data, given.peer_python),
        "",
        *injections.lines(given.data),
        "",
        *topics.lines(given.data),
        "",
        *costs.lines(given.data, given.peer_python),
    ]
    given.output.write_text("\n".join(found).rstrip() + "\n", encoding="utf-8")
    print("\n".join(found))


if __name__ == "__main__":
    main()
