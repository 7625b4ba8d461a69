"""What is read out of SQL: the table of cases is the manual."""

from __future__ import annotations

import pytest

from shared.telemetry.instrument.sql import describe


@pytest.mark.parametrize(
    ("text", "summary", "collection"),
    [
        ("SELECT * FROM users WHERE id = $1", "SELECT users", "users"),
        ("select a from shop.orders o", "SELECT shop.orders", "shop.orders"),
        ("SELECT * FROM orders o JOIN users u ON u.id = o.user_id", "SELECT orders users", None),
        ("SELECT * FROM a x, b AS y, c WHERE x.i, y.i", "SELECT a b c", None),
        ("SELECT * FROM (SELECT * FROM songs) s", "SELECT SELECT songs", "songs"),
        ("SELECT * FROM t LEFT JOIN LATERAL (SELECT 1 FROM x) q ON true", "SELECT t SELECT x", None),
        ("WITH recent AS (SELECT * FROM orders) SELECT 1", "SELECT orders SELECT", "orders"),
        ("INSERT INTO archive SELECT * FROM orders", "INSERT archive SELECT orders", None),
        ("INSERT INTO t VALUES ($1) ON CONFLICT (id) DO UPDATE SET a = 2", "INSERT t", "t"),
        ("UPDATE ONLY t SET a = 1 WHERE b IN (SELECT id FROM z)", "UPDATE t SELECT z", None),
        ("DELETE FROM t USING u WHERE t.i = u.i", "DELETE t u", None),
        ("SELECT * FROM t FOR UPDATE", "SELECT t", "t"),
        ("SELECT extract(day FROM at) FROM visits", "SELECT visits", "visits"),
        ("SELECT count(*) FROM t WHERE a IS DISTINCT FROM b", "SELECT t", "t"),
        ('SELECT * FROM "My Table" . "x"', 'SELECT "My Table"."x"', '"My Table"."x"'),
        ("SELECT /* FROM a */ 1 -- FROM b\nFROM c", "SELECT c", "c"),
        ("CREATE TABLE IF NOT EXISTS t (a int)", "CREATE TABLE t", "t"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX i", "i"),
        ("DROP VIEW v", "DROP VIEW v", "v"),
        ("TRUNCATE TABLE t", "TRUNCATE t", "t"),
        ("BEGIN; SELECT 1 FROM t; COMMIT", "BEGIN SELECT t COMMIT", "t"),
        ("DECLARE c CURSOR FOR SELECT * FROM t", "DECLARE SELECT t", "t"),
        ("SELECT 1", "SELECT", None),
        ("SET LOCAL statement_timeout = 5", "SET", None),
        ("", "", None),
    ],
)
def test_the_summary_names_verbs_and_tables(text: str, summary: str, collection: str | None) -> None:
    statement = describe(text)
    assert (statement.summary, statement.collection) == (summary, collection)


@pytest.mark.parametrize(
    ("text", "sanitized"),
    [
        ("SELECT 'a', 1, 1.5e3, 0xff, -2", "SELECT ?, ?, ?, ?, -?"),
        ("SELECT 'it''s', 'back\\' , t.a1", "SELECT ?, ? , t.a1"),
        ("SELECT E'it\\'s', $$body$$, $fn$it's$fn$", "SELECT ?, ?, ?"),
        ("SELECT 'never closed", "SELECT ?"),
        ("SELECT $1, $2::int4", "SELECT $1, $2::int4"),
        ("SELECT a -- s3cret\nFROM t /* s3cret */", "SELECT a  \nFROM t"),
    ],
)
def test_literals_and_comments_are_left_out(text: str, sanitized: str) -> None:
    assert describe(text).sanitized == sanitized


def test_a_long_summary_is_cut_between_names() -> None:
    tables = ", ".join(f"table_number_{n}" for n in range(100))
    text = f"SELECT * FROM {tables}"  # noqa: S608 - no database sees it
    summary = describe(text).summary
    assert len(summary) <= 255
    assert summary.rsplit(" ", 1)[1] in text.replace(",", "").split()


def test_a_huge_statement_is_read_in_part() -> None:
    assert len(describe("SELECT " + "a, " * 1_000_000).text) <= 32_768
