"""The runner of queries, outside of the jail."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import sql_runner

SCRIPT = """
CREATE TABLE singer (name TEXT, age INTEGER, photo BLOB);
INSERT INTO singer VALUES ('Joe', 52, x'00ff'), ('Rose', 41, NULL), ('Tribal', 25, NULL);
"""
TARGET = "SELECT name FROM singer WHERE age > 30"


def run(reply, *, target=TARGET, script=SCRIPT, most=100):
    return sql_runner.run({"script": script, "target": target, "reply": reply, "most": most})


def test_rows_of_both_queries():
    """As plain values; bytes are marked."""
    found = run("SELECT age, photo FROM singer WHERE name = 'Joe'")
    assert found == {"wanted": [["Joe"], ["Rose"]], "found": [[52, {"blob": "00ff"}]]}


def test_one_row_too_many_is_enough():
    """More need not be carried."""
    assert len(run("SELECT 1 FROM singer a, singer b, singer c")["found"]) == 3


@pytest.mark.parametrize(
    "reply",
    [
        "DELETE FROM singer",
        "INSERT INTO singer VALUES ('x', 1, NULL)",
        "DROP TABLE singer",
        "CREATE TABLE x (y)",
        "ATTACH DATABASE 'other.db' AS other",
        "PRAGMA query_only = OFF",
        "VACUUM INTO 'copy.db'",
        "SELECT 1; SELECT 2",
        "SELECT load_extension('x')",
        "SELECT nothing FROM singer",
        "I do not know",
        "",
    ],
)
def test_what_is_no_reading_query_is_an_error(reply):
    """And changes nothing: the words of SQLite instead of rows, or none at all."""
    found = run(reply)["found"]
    assert isinstance(found, str) or found == []


def test_recursion_and_functions_are_reading():
    """Common table expressions that name themselves, and what SQLite computes."""
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2)"
    assert run(f"{numbers} SELECT max(x) FROM n")["found"] == [[2]]


def test_mistakes_of_the_user_are_told_apart():
    """A script or a target that does not run is not the reply's fault."""
    assert "syntax error" in run("SELECT 1", script="CREATE TABEL x")["script"]
    assert "no such column" in run("SELECT 1", target="SELECT x FROM singer")["target"]
    assert run("SELECT 1", most=1)["target"] == "it finds too many rows"
