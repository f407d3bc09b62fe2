"""Files by content, in one folder: `<root>/<digest>/` and `<root>/scratch/`.

A stored folder is complete or absent: it is copied to scratch, forced to disk and renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from escalera.errors import EvidenceMissing, InputError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


class FolderArtifacts:
    """Content-addressed folders below *root*."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, folder: Path) -> str:
        """Store a copy of *folder*; the digest of its names and contents."""
        files = _files(folder)
        copy = self.scratch()
        try:
            for name in files:
                _copy(folder / name, copy / name)
            digest = _digest(copy, files)
            self._settle(copy, digest)
        finally:
            shutil.rmtree(copy, ignore_errors=True)
        return digest

    def path(self, digest: str) -> Path:
        """Where the folder lies. Raises `EvidenceMissing` when it is not stored."""
        found = self._root / digest
        if _DIGEST.fullmatch(digest) is None or not found.is_dir():
            raise EvidenceMissing(
                f"the artifact {digest!r} is not stored in {str(self._root)!r}. "
                "Restore the folder from a copy, or remove the state folder and climb anew."
            )
        return found

    def scratch(self) -> Path:
        """Return a new empty folder for something in the making."""
        workshop = self._root / "scratch"
        workshop.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=workshop))

    def _settle(self, copy: Path, digest: str) -> None:
        if (self._root / digest).is_dir():
            return
        for below in (*copy.rglob("*/"), copy):
            _force_to_disk(below)
        copy.chmod(0o755)  # mkdtemp makes folders that only their owner can enter
        try:
            copy.rename(self._root / digest)
        except OSError:
            # Another process stored the same content in the meantime.
            if not (self._root / digest).is_dir():
                raise
        _force_to_disk(self._root)


# What is stored, and under which name


def _files(folder: Path) -> tuple[str, ...]:
    """Relative names of all files, sorted; links and special files are refused."""
    if not folder.is_dir() or folder.is_symlink():
        raise InputError(f"{str(folder)!r} is not a folder. Only folders can be stored.")
    names = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise InputError(
                f"{str(folder)!r} holds {name!r}, which is not a plain file. "
                "An artifact must be complete in itself: replace it by the file."
            )
        if path.is_file():
            names.append(name)
    if not names:
        raise InputError(f"{str(folder)!r} holds no file. An empty artifact means nothing.")
    return tuple(sorted(names))


def _digest(folder: Path, names: tuple[str, ...]) -> str:
    """SHA-256 over (length of the name, name, SHA-256 of the content) of every file."""
    whole = hashlib.sha256()
    for name in names:
        label = name.encode()
        with (folder / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        whole.update(len(label).to_bytes(8, "big") + label + content)
    return whole.hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as read, target.open("wb") as write:
        shutil.copyfileobj(read, write, _CHUNK)
        write.flush()
        os.fsync(write.fileno())


def _force_to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
