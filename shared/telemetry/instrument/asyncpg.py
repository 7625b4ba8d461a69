"""Client spans for asyncpg: queries, prepared statements, cursors and COPY; parameters are never recorded."""

from __future__ import annotations

import functools
from collections.abc import Awaitable
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.trace import TracerProvider, get_current_span

from ..cost import ASYNCPG
from ..otlp.attributes import Prepared
from ..trace.context import activate, deactivate
from . import client, semconv, sql
from .imports import forget, when_imported
from .operations import Operation, Operations
from .patch import Patches
from .semconv import Attributes

_MAX_STATEMENTS = 1024
_MAX_CACHED_TEXT = 8192
_MAX_DATABASES = 256

_patches = Patches()
_provider: TracerProvider | None = None
_record: client.RecordDuration | None = None
_operations: Operations | None = None


def instrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Trace every asyncpg connection, those of pools and those made before included.

    Args:
        tracer_provider: takes the place of the global provider.
    """
    global _provider
    _provider = tracer_provider
    when_imported("asyncpg", _patch)


def uninstrument() -> None:
    """Put asyncpg back as it was."""
    forget("asyncpg", _patch)
    _patches.undo()


def record_durations(record: client.RecordDuration | None) -> None:
    """Have each operation's duration recorded; None stops it."""
    global _record
    _record = record
    if _operations is not None:
        _operations.measure(record)


def _patch() -> None:
    global _operations
    if _patches:
        return
    from asyncpg.connection import Connection
    from asyncpg.cursor import BaseCursor
    from asyncpg.pool import Pool
    from asyncpg.prepared_stmt import PreparedStatement

    _operations = operations = Operations("asyncpg", ASYNCPG, _provider, _status_code, _record)
    calls = _Calls(operations)

    def wrap(owner: Any, describe: Any, *methods: str) -> None:
        for name in methods:
            _patches.replace(owner, name, functools.partial(operations.asynchronous, describe))

    # A pool's proxies look the method up in the class of the connection, so these see every call once.
    wrap(Connection, calls.query, "execute", "fetch", "fetchval", "fetchrow")
    wrap(Connection, calls.many, "executemany", "fetchmany")
    wrap(Connection, calls.prepare, "prepare")
    wrap(PreparedStatement, calls.prepared, "fetch", "fetchval", "fetchrow", "fetchmany", "executemany")
    # One span for each batch of rows that crosses the wire, not for each row.
    wrap(BaseCursor, calls.cursor, "_bind_exec", "_bind", "_exec")
    wrap(Connection, calls.copied_table, "copy_from_table", "copy_to_table", "copy_records_to_table")
    # It runs statements of its own on the way, which are the driver's affair.
    _patches.replace(Connection, "copy_from_query", _silence)
    wrap(Connection, calls.copied_query, "copy_from_query")
    _patches.replace(Pool, "_acquire", calls.acquire)


def _silence(original: Any) -> Any:
    """Run the original with instrumentation suppressed."""

    @functools.wraps(original)
    async def silent(*args: Any, **kwargs: Any) -> Any:
        token = attach(client.suppressing())
        try:
            return await original(*args, **kwargs)
        finally:
            detach(token)

    return silent


class _Database:
    """What is the same for all statements on one database, and the statements seen on it."""

    __slots__ = ("_base", "_old_too", "_operations", "statements")

    def __init__(self, operations: Operations, base: Attributes, *, old_too: bool) -> None:
        self._operations = operations
        self._base = base
        self._old_too = old_too
        self.statements: dict[tuple[str, str], Operation] = {}

    def describe(self, text: str, sort: str) -> Operation:
        """A statement's operation, kept for the next time."""
        name, attributes = self._described(text, sort)
        described = Operation(self._operations, name, attributes)
        if len(text) <= _MAX_CACHED_TEXT:
            if len(self.statements) >= _MAX_STATEMENTS:
                self.statements.clear()
            self.statements[text, sort] = described
        return described

    def _described(self, text: str, sort: str) -> tuple[str, Prepared]:
        attributes = self._base.copy()
        if sort == "copy table":
            attributes |= {
                "db.query.summary": f"COPY {text}",
                "db.operation.name": "COPY",
                "db.collection.name": text,
            }
            return f"COPY {text}", Prepared(attributes)
        statement = sql.describe(text)
        summary, operation = statement.summary, statement.operation
        if sort == "prepare":
            summary, operation = f"PREPARE {summary}".rstrip(), "PREPARE"
        elif sort.startswith("copy"):
            summary, operation = f"COPY {summary}".rstrip(), "COPY"
        if summary:
            attributes["db.query.summary"] = summary
            attributes["db.operation.name"] = operation
        if statement.collection is not None:
            attributes["db.collection.name"] = statement.collection
        # The text of a statement whose values are parameters is no secret; any other text loses its literals.
        shown = statement.sanitized if sort.endswith("literals") else statement.text
        attributes["db.query.text"] = shown
        if self._old_too:
            attributes |= {"db.system": "postgresql", "db.statement": shown}
        return summary or "postgresql", Prepared(attributes)


class _Calls:
    """What the methods of connections, statements and cursors do, by their arguments."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._old_too = semconv.old_database_too()
        self._databases: dict[tuple[Any, str], _Database] = {}

    def query(self, connection: Any, args: Any, options: Any) -> Operation | None:
        """The four methods that nearly all statements go through."""
        text = args[0] if args else options["query"]
        # The statement by which a pool cleans a connection up is the driver's affair.
        if text is connection._reset_query:
            return None
        return self._operation(connection, text, "parameters" if len(args) > 1 else "literals")

    def many(self, connection: Any, args: Any, options: Any) -> Operation:
        """A statement that is run for many sets of parameters."""
        return self._operation(connection, args[0] if args else options["command"], "parameters")

    def prepare(self, connection: Any, args: Any, options: Any) -> Operation:
        """A statement that is only prepared."""
        return self._operation(connection, args[0] if args else options["query"], "prepare")

    def prepared(self, statement: Any, _: Any, __: Any) -> Operation:
        """A run of a prepared statement."""
        return self._operation(statement._connection, statement._query, "parameters")

    def cursor(self, cursor: Any, _: Any, __: Any) -> Operation:
        """A batch of rows."""
        sort = "parameters" if cursor._args else "literals"
        return self._operation(cursor._connection, cursor._query, sort)

    def copied_table(self, connection: Any, args: Any, options: Any) -> Operation:
        """COPY of a table."""
        table, schema = args[0] if args else options["table_name"], options.get("schema_name")
        return self._operation(connection, f"{schema}.{table}" if schema else table, "copy table")

    def copied_query(self, connection: Any, args: Any, options: Any) -> Operation:
        """COPY of a statement's rows."""
        sort = "copy parameters" if len(args) > 1 else "copy literals"
        return self._operation(connection, args[0] if args else options["query"], sort)

    def acquire(self, original: Any) -> Any:
        """Taking a connection out of a pool: a span where that has to wait, nothing otherwise."""

        @functools.wraps(original)
        def traced(pool: Any, timeout: float | None) -> Any:
            if _has_connection(pool) or not get_current_span().is_recording():
                return original(pool, timeout)
            return self._wait(original(pool, timeout))

        return traced

    async def _wait(self, acquiring: Awaitable[Any]) -> Any:
        span = self._operations.tracer.start_span(
            "acquire connection", attributes={"db.system.name": "postgresql"}
        )
        token = activate(span)
        try:
            return await acquiring
        except BaseException as error:
            client.fail(span, error)
            raise
        finally:
            deactivate(token)
            span.end()

    def _operation(self, connection: Any, text: str, sort: str) -> Operation:
        """What a statement does.

        Args:
            connection: what it runs on.
            text: the statement, or a table's name.
            sort: whether values stand in the text ("literals") or are "parameters"; "prepare"; for COPY one
                of "copy table", "copy literals", "copy parameters".
        """
        database = self._databases.get((connection._addr, connection._params.database))
        if database is None:
            database = self._database(connection)
        return database.statements.get((text, sort)) or database.describe(text, sort)

    def _database(self, connection: Any) -> _Database:
        key = (connection._addr, connection._params.database)
        if len(self._databases) >= _MAX_DATABASES:
            self._databases.clear()
        base = _base(*key, old_too=self._old_too)
        database = self._databases[key] = _Database(self._operations, base, old_too=self._old_too)
        return database


def _has_connection(pool: Any) -> bool:
    """Whether a connection is there for the taking; True when this version's pool has another shape."""
    try:
        # The pool takes the last one; most often that is connected.
        queue = pool._queue._queue
        return bool(queue) and (
            queue[-1]._con is not None or any(holder._con is not None for holder in queue)
        )
    except AttributeError:
        return True


def _base(address: Any, namespace: str | None, *, old_too: bool) -> Attributes:
    attributes: Attributes = {"db.system.name": "postgresql"}
    if namespace:
        attributes["db.namespace"] = namespace
    host, port = address if isinstance(address, tuple) else (address, None)
    if host:
        attributes["server.address"] = host
    if port:
        attributes["server.port"] = port
    if old_too:
        attributes |= {"db.name": namespace, "net.peer.name": host, "net.peer.port": port}
    return attributes


def _status_code(error: BaseException) -> str | None:
    code = getattr(error, "sqlstate", None)
    return None if code is None else str(code)
