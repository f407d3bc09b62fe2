"""Functional correctness of SQL."""

from __future__ import annotations

import pytest

from escalera.edges.scoring import sandbox, sql
from escalera.edges.scoring.sql import Sql, is_ordered, same_rows
from escalera.errors import BadOption

pytestmark = pytest.mark.skipif(
    not set(sandbox.NEEDS["full"]) <= sandbox.measures(), reason="the kernel lacks a measure"
)

# Tables and questions in the manner of Spider's concert_singer (Yu et al. 2018).
SCRIPT = """
CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, country TEXT, age INTEGER);
INSERT INTO singer VALUES
  (1, 'Joe Sharp', 'Netherlands', 52), (2, 'Timbaland', 'United States', 32),
  (3, 'Justin Brown', 'France', 29), (4, 'Rose White', 'France', 41),
  (5, 'John Nizinik', 'France', 43), (6, 'Tribal King', 'France', 25);
"""
OPTIONS = Sql(script="shop.sql")


@pytest.fixture
def shop(bench):
    """A folder with the script."""
    (bench.folder / "shop.sql").write_text(SCRIPT, encoding="utf-8")
    return bench


@pytest.mark.parametrize(
    ("target", "reply", "wanted"),
    [
        ("SELECT count(*) FROM singer", "select COUNT(id) as how_many from singer;", 1),
        ("SELECT count(*) FROM singer", "SELECT 6.0", 1),
        ("SELECT count(*) FROM singer", "SELECT '6'", 0),
        ("SELECT name FROM singer", "SELECT name FROM singer ORDER BY name DESC", 1),
        ("SELECT name FROM singer ORDER BY age DESC", "SELECT name FROM singer ORDER BY age", 0),
        (
            "SELECT name FROM singer ORDER BY age DESC",
            "```sql\nSELECT name FROM singer ORDER BY -age\n```",
            1,
        ),
        ("SELECT avg(age) FROM singer", "SELECT sum(age) * 1.0 / count(*) FROM singer", 1),
        ("SELECT DISTINCT country FROM singer", "SELECT country FROM singer", 0),
        ("SELECT name, age FROM singer", "SELECT age, name FROM singer", 0),
        ("SELECT name FROM singer WHERE age > 99", "SELECT id FROM singer WHERE id < 0", 1),
        ("SELECT count(*) FROM singer", "DROP TABLE singer", 0),
        ("SELECT count(*) FROM singer", "SELECT count(*) FROM singers", 0),
        ("SELECT count(*) FROM singer", "There are six singers.", 0),
    ],
)
def test_a_query_is_right_when_it_finds_the_same(shop, answer, target, reply, wanted):
    """Order matters only where the target asks for one."""
    found = shop.score("sql", OPTIONS, answer(reply, target))
    assert (found.value, found.reason) == (wanted, None)


def test_a_query_without_an_end_is_wrong(shop, answer):
    """Stopped by the limit of processor time."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    options = Sql(script="shop.sql", seconds=1)
    assert shop.score("sql", options, answer(endless, "SELECT 1")).value == 0.0


def test_a_target_that_does_not_run_is_unscored(shop, answer):
    """It is no mistake of the reply's."""
    found = shop.score("sql", OPTIONS, answer("SELECT 1", "SELECT colour FROM singer"))
    assert found.value is None
    assert found.reason == "the target cannot be run: no such column: colour"


def test_a_script_is_looked_at_before_anything_is_spent(shop):
    """Where it is missing, or does not run; and its content is part of the identity."""
    before = shop.chosen("sql", OPTIONS).identity
    (shop.folder / "shop.sql").write_text(SCRIPT + "-- changed\n", encoding="utf-8")
    assert shop.chosen("sql", OPTIONS).identity != before
    with pytest.raises(BadOption, match=r"script: names the file .*none\.sql', which cannot be"):
        shop.chosen("sql", Sql(script="none.sql"))
    (shop.folder / "shop.sql").write_text("CREATE TABEL x;", encoding="utf-8")
    with pytest.raises(BadOption, match=r"script: .* does not run: near \"TABEL\""):
        shop.chosen("sql", OPTIONS)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT a FROM t", False),
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order\n  by a limit 3", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("SELECT 'ORDER BY' FROM t -- ORDER BY a", False),
        ('SELECT "x (", a FROM t /* ( */ ORDER BY a', True),
        ("SELECT a FROM orders", False),
        ("SELECT 'it''s ( ' FROM t ORDER BY 1", True),
    ],
)
def test_which_queries_say_an_order(query, wanted):
    """Outside of parentheses, texts and comments."""
    assert is_ordered(query) is wanted


@pytest.mark.parametrize(
    ("found", "wanted", "ordered", "same"),
    [
        ([[1], [2]], [[2], [1]], False, True),
        ([[1], [2]], [[2], [1]], True, False),
        ([[1], [1]], [[1]], False, False),
        ([[0.1 + 0.2]], [[0.3]], True, True),
        ([[None]], [[""]], True, False),
        ([[{"blob": "00"}]], [["00"]], True, False),
        ("no such table", [], False, False),
        ([], [], True, True),
    ],
)
def test_results_that_are_equal(found, wanted, ordered, same):
    """Bags or lists of rows."""
    assert same_rows(found, wanted, ordered=ordered) is same


def test_the_query_in_a_reply():
    """The last block: models think aloud before."""
    assert sql.query(" SELECT 1 ") == "SELECT 1"
    assert sql.query("First\n```sql\nSELECT 1\n```\nbetter:\n```\nSELECT 2\n```") == "SELECT 2"
