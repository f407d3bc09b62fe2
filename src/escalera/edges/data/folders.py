"""Folders of data sets as the Hugging Face `datasets` library lays them out; no hub is asked.

Written by `save_to_disk`: `state.json` names Arrow files, and `dataset_dict.json` the folders of
several splits. Or as on the hub: Parquet, JSON lines or CSV files whose names, or whose folders'
names, say their split; a split in a form that is not read is refused. The licence is that of
`dataset_info.json`, where it names one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.core.data.rows import SPLIT_NAMES
from escalera.errors import DataError

UNREAD = (".json", ".arrow", ".gz", ".zst", ".bz2", ".xz", ".zip", ".xlsx")
"""Endings of files with rows that are not read where they lie loose in a folder."""
SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv", ".tsv")
LARGEST_NOTE = 16_000_000
"""Bytes of a file that describes a data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a folder, with what the folder says of its rows."""

    file: Path
    said: dict[str, str]


def parts(folder: Path) -> list[Part]:
    """The files of a data set, in order. Raises `DataError` where there is none."""
    several = _note(folder / "dataset_dict.json").get("splits")
    if isinstance(several, list):
        names = [Path(str(name)).name for name in several]
        found = [part for name in names for part in _saved_split(folder / name, name)]
    elif (folder / "state.json").exists():
        found = _saved(folder, folder.name if folder.name in SPLIT_NAMES else "")
    else:
        found = _loose(folder)
    if not found:
        problem = "is a folder without a data set"
        remedy = "Name one that `save_to_disk` wrote, or one with Parquet, JSONL or CSV files"
        raise DataError(file=str(folder), problem=problem, remedy=remedy)
    return found


# Below: private.

_SPLIT = re.compile(rf"(?:^|[-_.])({'|'.join(SPLIT_NAMES)})(?:[-_.]|$)")


def _saved_split(folder: Path, split: str) -> list[Part]:
    """The files of a split that the data set names. Raises `DataError` where it is not there."""
    if not (folder / "state.json").exists():
        problem, remedy = f"lacks the split {split!r}, which it names", "Copy or save it again"
        raise DataError(file=str(folder.parent), problem=problem, remedy=remedy)
    return _saved(folder, split)


def _saved(folder: Path, split: str) -> list[Part]:
    """The Arrow files that a saved data set names."""
    said = _said(folder, split)
    named = _note(folder / "state.json").get("_data_files", [])
    names = [str(entry.get("filename")) for entry in named if isinstance(entry, dict)]
    for name in names:
        if Path(name).name != name:
            problem, remedy = f"names the file {name!r}, which lies outside", "Save it again"
            raise DataError(file=str(folder / "state.json"), problem=problem, remedy=remedy)
    return [Part(file=folder / name, said=said) for name in names]


def _loose(folder: Path) -> list[Part]:
    seen = sorted(
        file
        for file in folder.rglob("*")
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    for file in seen:
        if file.suffix.lower() in UNREAD and _SPLIT.search(file.name):
            problem = f"holds {file.relative_to(folder).as_posix()!r}, which would not be read"
            remedy = f"Write it as one of {', '.join(SUFFIXES)}, or move it out of the folder"
            raise DataError(file=str(folder), problem=problem, remedy=remedy)
    return [
        Part(
            file=file,
            said=_said(folder, _split_of(file.relative_to(folder).with_suffix(""))),
        )
        for file in seen
        if file.suffix.lower() in SUFFIXES
    ]


def _said(folder: Path, split: str) -> dict[str, str]:
    info = _note(folder / "dataset_info.json")
    said = {"split": split, "licence": info.get("license"), "source": info.get("homepage")}
    return {key: value for key, value in said.items() if isinstance(value, str) and value}


def _split_of(path: Path) -> str:
    """The split that a file's name says, such as `train-00000-of-00001`, or else its folder's."""
    for name in reversed(path.parts):
        if found := _SPLIT.search(name):
            return found[1]
    return ""


def _note(file: Path) -> dict[str, Any]:
    """A JSON object beside the data; an empty one where there is no such file."""
    if not file.exists():
        return {}
    with file.open("rb") as stream:
        text = stream.read(LARGEST_NOTE + 1)
    try:
        found = json.loads(text[:LARGEST_NOTE])
    except (ValueError, RecursionError) as error:
        problem, remedy = f"is not JSON ({error})", "Save the data set again"
        raise DataError(file=str(file), problem=problem, remedy=remedy) from error
    return found if isinstance(found, dict) else {}
