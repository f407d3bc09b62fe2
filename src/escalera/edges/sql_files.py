"""Queries in `.sql` files: one named and described query each, `-- name: what it does` above it."""

from __future__ import annotations

import re
from pathlib import Path


def named(file: Path) -> dict[str, str]:
    """The queries of a file by their names."""
    parts = re.split(r"^-- (\w+):.*$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
