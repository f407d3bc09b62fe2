"""In a process of its own: searches replies for patterns, a JSON line for each. Run as a script."""

from __future__ import annotations

import json
import re
import sys
from typing import Any


def main() -> None:
    """Answer line by line until there are no more."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(found(json.loads(line))) + "\n")
        sys.stdout.flush()


def found(question: dict[str, Any]) -> str | bool | None:
    """What the group of the last match holds; without a group, whether there is a match."""
    flags = re.MULTILINE | re.DOTALL | (re.NOFLAG if question["case"] else re.IGNORECASE)
    compiled = re.compile(question["pattern"], flags)
    if not compiled.groups:
        return compiled.search(question["reply"]) is not None
    last = None
    for match in compiled.finditer(question["reply"]):
        last = match
    return None if last is None else last[1]


if __name__ == "__main__":
    main()
