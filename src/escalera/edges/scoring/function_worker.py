"""In a process of its own: calls a user's function for each JSON line, and answers with one.

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
        wanted = _parameters(function)
        with ThreadPoolExecutor(max_workers=1) as calls:
            for line in sys.stdin:
                question = json.loads(line)
                others = {name: question[name] for name in wanted}
                call = calls.submit(function, question["reply"], question["target"], **others)
                answers.write(json.dumps(answer(call)) + "\n")
                answers.flush()


def answer(call: Future[Any]) -> dict[str, Any]:
    """The call's result in the words of the protocol; an exception is a reason."""
    error = call.exception()
    if error is not None:
        traceback.print_exception(error)
        return {"score": None, "reason": f"the function raised {type(error).__name__}: {error}"}
    result = call.result()
    if isinstance(result, tuple) and len(result) == 2:
        return {"score": _number(result[0]), "reason": result[1]}
    return {"score": _number(result), "reason": "the function returned None"}


# Below: private.


def _number(value: Any) -> Any:
    # NumPy's numbers and the like are numbers, too.
    known = value is None or isinstance(value, (bool, int, float, str))
    return value if known or not hasattr(value, "__float__") else float(value)


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


def _parameters(function: Callable[..., Any]) -> list[str]:
    """Of what else a scorer may see, the names that the function has parameters for."""
    known = inspect.signature(function).parameters
    offered = ("item", "finish", "seconds", "micro_dollars")
    return [name for name in offered if name in known]


if __name__ == "__main__":
    main(*sys.argv[1:])
