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
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any


def main(place: str, name: str) -> None:
    """Answer line by line until there are no more."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        function = getattr(_loaded(place), name)
        known = inspect.signature(function).parameters
        wanted = [name for name in ("side", "role") if name in known]
        with ThreadPoolExecutor(max_workers=1) as calls:
            for line in sys.stdin:
                question = json.loads(line)
                others = {name: question[name] for name in wanted}
                call = calls.submit(spans, function, question["text"], others)
                answers.write(json.dumps(answer(call)) + "\n")
                answers.flush()


def spans(function: Callable[..., Any], text: str, others: dict[str, str]) -> list[list[int]]:
    """What the function finds, as pairs in their order."""
    found = function(text, **others)
    if found is None or found is False:
        return []
    if found is True:
        return [[0, len(text)]] if text else []
    return sorted([int(start), int(end)] for start, end in found)


def answer(call: Future[Any]) -> Any:
    """The spans; a string says what the function raised."""
    error = call.exception()
    if error is None:
        return call.result()
    traceback.print_exception(error)
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
