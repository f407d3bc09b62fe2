"""Every project file that a gateway was given, by number, and which one is in use.

A version is written whole before it is named as the one in use; naming it is one rename, so that a
reader sees the old one or the new one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from escalera.errors import InputError, StoreUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A version: its number from 1 on, and its text."""

    number: int
    text: str


class Configurations:
    """The versions in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> Configuration | None:
        """The version in use; None where there is none yet.

        Raises `InputError` where there is none of its number, and `StoreUnavailable`.
        """
        file = self._folder / "current"
        try:
            said = _read(file)
        except FileNotFoundError:
            return None
        if not said.strip().isdecimal():
            raise StoreUnavailable(
                store=str(file),
                problem=f"says {said[:20]!r}, and is to hold the number of the version in use",
                remedy=f"Write one of {self.numbers()} into it, and reload",
            )
        return self.version(int(said))

    def version(self, number: int) -> Configuration:
        """A version by its number. Raises `InputError` where there is none, `StoreUnavailable`."""
        try:
            text = _read(self._file(number))
        except FileNotFoundError:
            raise InputError(f"there is no version {number}; there are {self.numbers()}") from None
        return Configuration(number=number, text=text)

    def numbers(self) -> list[int]:
        """The numbers of all versions, the oldest first."""
        return sorted(int(file.stem) for file in self._folder.glob("[0-9]*.toml"))

    def next(self) -> int:
        """The number of the version that will be added next."""
        return max((int(file.stem) for file in self._folder.glob("[0-9]*.*")), default=0) + 1

    def add(self, text: str) -> Configuration:
        """A version with *text*, which is put to use; the one in use where it has that text."""
        now = self.current()
        if now is not None and now.text == text:
            return now
        self._folder.mkdir(parents=True, exist_ok=True)
        found = Configuration(number=self.next(), text=text)
        _write(self._file(found.number), text)
        self.use(found.number)
        return found

    def use(self, number: int) -> Configuration:
        """Put a version to use. Raises `InputError` where there is none."""
        found = self.version(number)
        _write(self._folder / "current", str(number))
        return found

    def refuse(self, number: int, *, instead: int | None) -> None:
        """Put *instead* to use, None for no version: *number* could not be served.

        It is none of the versions any more, so that nobody goes back to it; its text stays, and its
        number is not given again.
        """
        if instead is None:
            (self._folder / "current").unlink(missing_ok=True)
        else:
            self.use(instead)
        file = self._file(number)
        file.replace(file.with_suffix(".refused"))

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.toml"


# Below: private.


def _read(file: Path) -> str:
    """What a file says. Raises `FileNotFoundError`, and `StoreUnavailable`."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise StoreUnavailable(
            store=str(file),
            problem=f"cannot be read ({error})",
            remedy="Look whether it is there and whole, and whether this process may read it",
        ) from error


def _write(file: Path, text: str) -> None:
    """Write a file that is there whole or not at all; only its owner may read it."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
