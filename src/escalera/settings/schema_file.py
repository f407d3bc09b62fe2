"""Reading what an answer must look like: a JSON Schema in a file, or a Pydantic model by its path.

The text keeps the order of the keys: it is the order in which a model is made to write them.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from escalera.errors import ProjectError

_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def load(named: str, *, task: str, project: Path) -> str:
    """The schema that *named* means for *task*, as JSON text without spaces.

    Raises `ProjectError` where it cannot be read.

    *named* is a file, relative to the *project* file, or `package.module:Model`, whose module is
    imported: from the folder of the project file, or from what is installed.
    """
    key = f"tasks.{task}.schema"
    found = _model(named, project, key) if _DOTTED.fullmatch(named) else _file(named, project, key)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


# Below: private.


def _file(named: str, project: Path, key: str) -> Any:
    file = project.parent / named
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ProjectError(
            file=str(project),
            key=key,
            problem=f"names the file {str(file)!r}, which cannot be read ({error.strerror})",
            remedy="Put a JSON Schema there, or name a Pydantic model as 'package.module:Model'",
        ) from error
    except ValueError as error:
        raise ProjectError(
            file=str(project),
            key=key,
            problem=f"names the file {str(file)!r}, which is not JSON: {error}",
            remedy="Write a JSON Schema (draft 2020-12)",
        ) from error


def _model(named: str, project: Path, key: str) -> Any:
    module, _, path = named.partition(":")
    found: Any = _imported(module, project, key, named)
    for name in path.split("."):
        found = getattr(found, name, None)
    describe = getattr(found, "model_json_schema", None)
    if describe is None:
        raise ProjectError(
            file=str(project),
            key=key,
            problem=f"{named!r} is not a Pydantic model (it has no model_json_schema)",
            remedy="Name a class derived from pydantic.BaseModel",
        )
    return describe()


def _imported(module: str, project: Path, key: str, named: str) -> Any:
    folder = str(project.parent.resolve())
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name == "pydantic"
        raise ProjectError(
            file=str(project),
            key=key,
            problem=f"{named!r} cannot be imported: {error}",
            remedy="Install it with: pip install pydantic"
            if missing
            else f"Put the module beside the project file ({folder}), or install its package",
        ) from error
    finally:
        sys.path.remove(folder)
