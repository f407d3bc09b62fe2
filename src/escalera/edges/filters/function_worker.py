"""In a process of its own: calls a user's filter for each JSON line, and answers with one.

Run as a script, with the standard library only: `python function_worker.py FILE_OR_MODULE NAME`.
What the function prints goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(place: str, name: str) -> None:
    """Answer line by line until there are no more."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        function = getattr(_loaded(place), name)
        known = inspect.signature(function).parameters
        wanted = [name for name in ("side", "role") if name in known]
        for line in sys.stdin:
            answers.write(json.dumps(answer(function, json.loads(line), wanted)) + "\n")
            answers.flush()


def answer(function: Callable[..., Any], question: dict[str, Any], wanted: list[str]) -> Any:
    """The spans that the function finds; a string says what it raised."""
    text = question["text"]
    try:
        found = function(text, **{name: question[name] for name in wanted})
        if found is None or found is False:
            return []
        if found is True:
            return [[0, len(text)]] if text else []
        return sorted([int(start), int(end)] for start, end in found)
    except BaseException as error:
        traceback.print_exception(error)
        if not isinstance(error, Exception):
            raise
        return f"the function raised {type(error).__name__}: {error}"


# Below: private.


def _loaded(place: str) -> Any:
    file = Path(place)
    sys.path.insert(0, str(file.parent if place.endswith(".py") else Path.cwd()))
    if not place.endswith(".py"):
        return importlib.import_module(place)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
