"""SQLite files in which MLflow keeps runs: what is in them is looked at before MLflow opens them.

MLflow makes its tables in any SQLite file that it is given, also in one of somebody else.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

OWN = "experiments"
"""A table that every store has; others use `alembic_version`, too."""


def unfit(path: Path) -> str | None:
    """Why MLflow must not open *path*, or None: a new file, an empty one, or a store."""
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as store:
            rows = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = sorted(name for (name,) in rows)
    except sqlite3.Error as error:
        return str(error)
    if not tables or OWN in tables:
        return None
    return f"it holds the table {tables[0]!r}, and none of MLflow's"
