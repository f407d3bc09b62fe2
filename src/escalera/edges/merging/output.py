"""The folder that a merge writes: complete under its name, or not there.

The work lies beside it under a name of its own, with a list of the tensors that are done. A merge
that was killed goes on from that list, after a look at whether the bytes are what was noted; one
that fails takes its work away.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blake3 import blake3

from escalera.core.merging import shards
from escalera.core.merging.compiling import Plan
from escalera.core.merging.shards import Shard
from escalera.edges.merging.execution import Written
from escalera.edges.merging.models import CONFIG, INDEX
from escalera.edges.merging.pieces import Pieces
from escalera.errors import MergeError

LINEAGE = "merge_lineage.json"
_PROGRESS = "progress.jsonl"
_CARRIED = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "vocab.txt", "spiece.model", "merges.txt",
    "chat_template.jinja", "chat_template.json", "generation_config.json",
)  # fmt: skip
"""Files that the output takes from one of its models as they are."""


def work_of(into: Path) -> Path:
    """Where a merge into a folder is in the making."""
    return into.parent / f".{into.name}.merging"


class Output:
    """A folder in the making. `done` holds what an earlier, killed run of the same plan wrote."""

    def __init__(self, into: Path, plan: Plan, layout: Sequence[Shard], key: str) -> None:
        self.into, self._plan, self._layout = into, plan, layout
        self._work = work_of(into)
        self._key = key
        self._held: list[int] = []
        self._begin()
        try:
            self._files = {shard.name: self._file(shard) for shard in layout}
        except OSError as error:
            self.remove()
            raise MergeError(
                f"{str(into)!r} could not be written: {error}. Nothing is left of it."
            ) from error
        self._where = {
            number: (self._files[shard.name], begin)
            for shard in layout
            for number, begin in shard.places
        }
        self.done = self._found()

    def pieces(self, number: int) -> Pieces:
        """Where a task's bytes are written, one after the other."""
        return Pieces(*self._where[number])

    def finished(self, number: int, written: Written) -> None:
        """Note that all bytes of a task are written."""
        line = {
            "task": number,
            "digest": written.digest,
            "strange": written.strange,
            "changed": written.changed,
            "rounded": written.rounded,
        }
        os.write(self._progress, json.dumps(line).encode() + b"\n")

    def complete(self, owner: Path, lineage: Mapping[str, Any]) -> None:
        """Add what belongs to the weights, force all of it to disk and give it its name."""
        if len(self._layout) > 1:
            self._save(INDEX, shards.index(self._plan.tasks, self._layout))
        self._save(CONFIG, self._plan.config)
        for name in _CARRIED:
            if (owner / name).is_file():
                shutil.copyfile(owner / name, self._work / name)
        self._save(LINEAGE, lineage)
        (self._work / _PROGRESS).unlink()
        for path in self._work.iterdir():
            _force(path)
        _force(self._work)
        self.close()
        self._work.rename(self.into)
        _force(self.into.parent)

    def close(self) -> None:
        """Let go of all files; what is done stays for another run."""
        for file in self._held:
            os.close(file)
        self._held.clear()

    def remove(self) -> None:
        """Take everything away."""
        self.close()
        shutil.rmtree(self._work, ignore_errors=True)

    # Below: private.

    def _begin(self) -> None:
        """Go on with the work of the same plan, or begin anew."""
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            path = self._work / _PROGRESS
            self._progress = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._held.append(self._progress)
            fcntl.flock(self._progress, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MergeError(
                f"another process merges into {str(self.into)!r}. "
                "Wait for it, or name another folder."
            ) from error
        except OSError as error:
            raise MergeError(f"{str(self.into)!r} cannot be written: {error}.") from error
        if next(iter(self._lines()), {}).get("key") != self._key:
            for found in self._work.iterdir():
                if found.name != _PROGRESS:
                    found.unlink()
            os.ftruncate(self._progress, 0)
            os.write(self._progress, json.dumps({"key": self._key}).encode() + b"\n")

    def _lines(self) -> list[dict[str, Any]]:
        text = os.pread(self._progress, os.fstat(self._progress).st_size, 0)
        found = []
        for line in text.split(b"\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # the end of a run that was killed while it wrote
        return [line for line in found if isinstance(line, dict)]

    def _file(self, shard: Shard) -> int:
        file = os.open(self._work / shard.name, os.O_RDWR | os.O_CREAT, 0o644)
        self._held.append(file)
        os.ftruncate(file, shard.length)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(
                file, 0, shard.length
            )  # a full disk is found now, and writing is cheap
        os.pwrite(file, shard.head, 0)
        return file

    def _found(self) -> dict[int, Written]:
        found = {}
        for line in self._lines()[1:]:
            number, written = line["task"], Written(**{k: line[k] for k in _FIELDS})
            if self._digest(number) == written.digest:
                found[number] = written
        return found

    def _digest(self, number: int) -> str:
        file, begin = self._where[number]
        whole, end = blake3(), begin + self._plan.tasks[number].bytes
        while begin < end:
            part = os.pread(file, min(1 << 18, end - begin), begin)
            whole.update(part)
            begin += len(part)
        return whole.hexdigest()

    def _save(self, name: str, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        (self._work / name).write_text(text, encoding="utf-8")


_FIELDS = ("digest", "strange", "changed", "rounded")


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
