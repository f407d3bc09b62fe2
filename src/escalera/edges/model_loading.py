"""What all who load a model of Transformers share: one after another, and what may go wrong."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from escalera.errors import EscaleraError

LOADING = threading.Lock()
"""Transformers replaces functions of torch while it loads: one load at a time in a process."""
UNLOADABLE = (OSError, ValueError, KeyError, ImportError, SafetensorError)
"""What it raises for a folder that holds no model, another kind of one, or half a file."""
_NO_OBJECT = (TypeError, AttributeError)
"""What it raises for a file that holds something else than an object."""
_FALSE_ALARMS = (
    # PEFT 0.21 reads a property that Transformers 5.23 renamed.
    ("`is_gradient_checkpointing`", FutureWarning),
    # It says so of layers like those of GPT-2, and then does what is right for them.
    ("fan_in_fan_out is set to False", UserWarning),
    # It looks for the weights of experts among the modules; they get the rank of their pattern.
    (r".*_pattern keys did not match any targeted module", RuntimeWarning),
)
_OBJECTS = ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json")


@contextmanager
def unalarmed() -> Iterator[None]:
    """Without PEFT's warnings of what is right as it is; hold `LOADING`."""
    with warnings.catch_warnings():
        for message, category in _FALSE_ALARMS:
            warnings.filterwarnings("ignore", message, category)
        yield


@contextmanager
def refused_as(refusal: Callable[[Path, str], EscaleraError], folder: Path) -> Iterator[None]:
    """Whatever a library raises for the files of *folder*, as what *refusal* makes of the reason.

    The reason names the file, where it is one that is not what it should be.
    """
    try:
        yield
    except (*UNLOADABLE, *_NO_OBJECT) as error:
        raise refusal(folder, _damaged(folder) or str(error)) from error
    except Exception as error:
        if type(error) is not Exception:  # tokenizers has no class of its own for a damaged file
            raise
        raise refusal(folder, f"{str(folder / 'tokenizer.json')!r}: {error}") from error


# Below: private.


def _damaged(folder: Path) -> str | None:
    """The first of the folder's files that is no JSON object; libraries do not always say which."""
    for file in (folder / name for name in _OBJECTS):
        try:
            whole = not file.is_file() or isinstance(json.loads(file.read_bytes()), dict)
        except ValueError as error:
            return f"{str(file)!r} is not JSON: {error}"
        if not whole:
            return f"{str(file)!r} does not hold an object"
    return None
