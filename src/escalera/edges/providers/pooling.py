"""How the vectors of a text's tokens become one: what a Sentence Transformers folder says of it.

Such a folder is an encoder with its tokenizer, and perhaps `modules.json` and
`1_Pooling/config.json`. Loads no model library.
"""

from __future__ import annotations

import json
from pathlib import Path

from escalera.errors import InputError

MODULES = {"Transformer", "Pooling", "Normalize"}
"""Of Sentence Transformers; the last does not change the angle between vectors."""


def takes_first(folder: Path) -> bool:
    """Whether the vector is that of the first token; else it is the mean of all.

    The mean where nothing is said (Reimers and Gurevych 2019, arXiv 1908.10084). Raises
    `InputError` for another way, and for a module whose vectors would be others.
    """
    _only_known_modules(folder / "modules.json")
    file = folder / "1_Pooling" / "config.json"
    if not file.is_file():
        return False
    ways = {
        name
        for name, on in json.loads(file.read_text(encoding="utf-8")).items()
        if name.startswith("pooling_mode_") and on
    }
    if ways == {"pooling_mode_cls_token"}:
        return True
    if ways <= {"pooling_mode_mean_tokens"}:
        return False
    raise InputError(
        f"{str(file)!r} asks for {', '.join(sorted(ways))}; the mean of the tokens and the first "
        "token are known. Choose another embedding model, or serve this one by an endpoint."
    )


# Below: private.


def _only_known_modules(file: Path) -> None:
    if not file.is_file():
        return
    kinds = {module["type"].rpartition(".")[2] for module in json.loads(file.read_bytes())}
    if kinds - MODULES:
        raise InputError(
            f"{str(file)!r} names {', '.join(sorted(kinds - MODULES))}; known are "
            f"{', '.join(sorted(MODULES))}. Serve this model by an endpoint instead."
        )
