"""How a table that cannot be read is told."""

from __future__ import annotations

from typing import Protocol

from escalera.errors import InputError


class Refusal(Protocol):
    """An error of the tree that names file, place, problem and remedy."""

    def __call__(self, *, file: str, place: str = "", problem: str, remedy: str) -> InputError:
        """The error, to be raised."""
