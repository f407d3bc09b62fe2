"""What may be opened as a store of MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from escalera.edges import mlflow_store


def with_tables(path, *names):
    with closing(sqlite3.connect(path)) as store:
        for name in names:
            store.execute(f"CREATE TABLE {name} (a)")
        store.commit()
    return path


def test_a_new_an_empty_and_a_known_store_are_fit(tmp_path):
    """None of them can lose anything."""
    (tmp_path / "empty.db").touch()
    assert mlflow_store.unfit(tmp_path / "new.db") is None
    assert not (tmp_path / "new.db").exists()
    assert mlflow_store.unfit(tmp_path / "empty.db") is None
    assert mlflow_store.unfit(with_tables(tmp_path / "a.db", "experiments", "runs")) is None


def test_the_database_of_somebody_else_is_told(tmp_path):
    """MLflow would make its tables in it, without a question."""
    found = mlflow_store.unfit(with_tables(tmp_path / "shop.db", "orders"))
    assert found == "it holds the table 'orders', and none of MLflow's"


def test_what_is_no_database_is_told(tmp_path):
    """In the words of SQLite."""
    (tmp_path / "text.db").write_text("no database" * 100)
    assert "not a database" in mlflow_store.unfit(tmp_path / "text.db")
