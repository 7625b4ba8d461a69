"""What may be said of an SQL statement: summary, operation, collection, and its text without literals."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAX_SUMMARY = 255
_MAX_TEXT = 32_768
"""Characters of a statement that are looked at; the rest is cut off."""

_LEXEME = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<literal> [eE]'(?:[^'\\]|''|\\.)*(?:'|\Z) | [bBxXnN]?'(?:[^']|'')*(?:'|\Z)
                 | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
                 | (?<![\w$])(?:0[xXoObB][\da-fA-F_]+ | \d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?
                               | \.\d+(?:[eE][+-]?\d+)?) )
    | (?P<name>    (?:"(?:[^"]|"")*"|[^\W\d][\w$]*)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[^\W\d][\w$]*))* )
    | (?P<space>   \s+ )
    | (?P<mark>    \$\d+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)

_QUERY_VERBS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})
"""Verbs that begin a query wherever they stand, in a subquery too."""
_CLAUSE_VERBS = frozenset({"DELETE", "INSERT", "UPDATE"})
_BEFORE_CLAUSE = frozenset({"DO", "FOR", "KEY", "ON", "OR", "THEN"})
"""Words after which these verbs are part of a clause: FOR UPDATE, ON DELETE, DO UPDATE, THEN INSERT."""
_BEFORE_TARGET = frozenset({"FROM", "JOIN", "INTO", "USING"})
_TARGET_AT_ONCE = frozenset({"UPDATE", "TRUNCATE", "COPY", "LOCK", "ANALYZE", "CALL"})
_SCHEMA_VERBS = frozenset({"CREATE", "ALTER", "DROP"})
_OBJECTS = frozenset(
    {"DATABASE", "FUNCTION", "INDEX", "SCHEMA", "SEQUENCE", "TABLE", "TRIGGER", "TYPE", "VIEW"}
)
_FILLERS = frozenset({"CONCURRENTLY", "EXISTS", "IF", "LATERAL", "NOT", "ONLY", "TABLE"})
_ENDS_LIST = frozenset({"GROUP", "LIMIT", "ON", "ORDER", "RETURNING", "SET", "VALUES", "WHERE"})


_AROUND_DOT = re.compile(r"\s*\.\s*")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is recorded of a statement.

    Attributes:
        summary: verbs and targets in order, the span's name: `SELECT orders SELECT users`.
        operation: the first verb in capitals, empty when the text has none.
        collection: the table, when the statement is about exactly one.
        text: the text as the application wrote it, fit to record when its values are parameters.
        sanitized: the same with every literal replaced by `?` and without comments.
    """

    summary: str
    operation: str
    collection: str | None
    text: str
    sanitized: str


def describe(text: str) -> Statement:
    """Read a statement once; callers keep the answer by text."""
    text = text[:_MAX_TEXT].strip()
    reader = _Reader()
    clean: list[str] = []
    for match in _LEXEME.finditer(text):
        lexeme = match.group()
        if match["comment"] is not None:
            clean.append(" ")
            continue
        clean.append(lexeme if match["literal"] is None else "?")
        if match["name"] is not None:
            reader.name(lexeme)
        elif match["mark"] is not None:
            reader.mark(lexeme)
    distinct = set(reader.targets)
    return Statement(
        summary=_joined(reader.summary),
        operation=reader.summary[0].split(" ", 1)[0] if reader.summary else "",
        collection=next(iter(distinct)) if len(distinct) == 1 else None,
        text=text,
        sanitized="".join(clean).strip(),
    )


class _Reader:
    """Follows a statement name by name and collects its verbs and targets."""

    def __init__(self) -> None:
        self.summary: list[str] = []
        self.targets: list[str] = []
        # Whether a query runs at each level of parentheses: EXTRACT(day FROM x) names no table.
        self._queries = [False]
        self._before = ""
        self._at_start = True
        self._wants_target = False
        self._in_list = False

    def name(self, lexeme: str) -> None:
        """Take an identifier or a keyword."""
        word = lexeme.upper()
        if word == "WITH" and self._at_start:
            self._at_start = False
        elif self._at_start or (word in _QUERY_VERBS and self._begins_query(word)):
            self._verb(word)
        elif word in _BEFORE_TARGET:
            self._wants_target = self._queries[-1] and self._before != "DISTINCT"
            self._in_list = False
        elif (
            word in _OBJECTS and not self.targets and self.summary[-1:] and self.summary[-1] in _SCHEMA_VERBS
        ):
            self.summary[-1] = f"{self.summary[-1]} {word}"
            self._wants_target = True
        elif self._wants_target and word not in _FILLERS:
            self._target(_AROUND_DOT.sub(".", lexeme))
        elif word in _ENDS_LIST:
            self._in_list = False
        self._before = word

    def mark(self, lexeme: str) -> None:
        """Take a character that is no name."""
        if lexeme == "(":
            self._queries.append(False)
            self._wants_target = False
        elif lexeme == ")" and len(self._queries) > 1:
            self._queries.pop()
        elif lexeme == ";":
            self._at_start, self._wants_target, self._in_list = True, False, False
            self._queries = [False]
        elif lexeme == ",":
            self._wants_target = self._in_list
        self._before = lexeme

    def _begins_query(self, word: str) -> bool:
        return not self._wants_target and not (word in _CLAUSE_VERBS and self._before in _BEFORE_CLAUSE)

    def _verb(self, word: str) -> None:
        self.summary.append(word)
        self._queries[-1] = word in _QUERY_VERBS
        self._wants_target = word in _TARGET_AT_ONCE
        self._at_start = self._in_list = False

    def _target(self, name: str) -> None:
        self.summary.append(name)
        self.targets.append(name)
        self._wants_target = False
        self._in_list = self._in_list or self._before in ("FROM", ",")


def _joined(parts: list[str]) -> str:
    joined = " ".join(parts)
    if len(joined) <= _MAX_SUMMARY:
        return joined
    # Cut between two names: half a table's name would be another table.
    return joined[: _MAX_SUMMARY + 1].rsplit(" ", 1)[0][:_MAX_SUMMARY]
