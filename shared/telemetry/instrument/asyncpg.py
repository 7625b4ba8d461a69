"""Client spans for asyncpg: queries, prepared statements, cursors and COPY; parameters are never recorded."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider, get_current_span

from ..cost import ASYNCPG
from ..lifecycle import report
from ..otlp.attributes import Prepared
from ..trace.context import activate, current, deactivate
from . import client, semconv, sql
from .imports import forget, when_imported
from .patch import Patches
from .semconv import Attributes

_MAX_STATEMENTS = 1024
_MAX_CACHED_TEXT = 8192
_MAX_DATABASES = 256

_patches = Patches()
_provider: TracerProvider | None = None
_record: client.RecordDuration | None = None


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


def _patch() -> None:
    if _patches:
        return
    from asyncpg.connection import Connection
    from asyncpg.cursor import BaseCursor
    from asyncpg.pool import Pool
    from asyncpg.prepared_stmt import PreparedStatement

    calls = _Calls(semconv.tracer("asyncpg", _provider))
    # A pool's proxies look the method up in the class of the connection, so these see every call once.
    for name in ("execute", "fetch", "fetchval", "fetchrow"):
        _patches.replace(Connection, name, calls.query)
    for name in ("executemany", "fetchmany"):
        _patches.replace(Connection, name, functools.partial(calls.wrap, _of_many))
    _patches.replace(Connection, "prepare", functools.partial(calls.wrap, _of_prepare))
    for name in ("fetch", "fetchval", "fetchrow", "fetchmany", "executemany"):
        _patches.replace(PreparedStatement, name, functools.partial(calls.wrap, _of_prepared))
    # One span for each batch of rows that crosses the wire, not for each row.
    for name in ("_bind_exec", "_bind", "_exec"):
        _patches.replace(BaseCursor, name, functools.partial(calls.wrap, _of_cursor))
    for name in ("copy_from_table", "copy_to_table", "copy_records_to_table"):
        _patches.replace(Connection, name, functools.partial(calls.wrap, _of_copied_table))
    # It runs statements of its own on the way, which are the driver's affair.
    _patches.replace(Connection, "copy_from_query", _silence)
    _patches.replace(Connection, "copy_from_query", functools.partial(calls.wrap, _of_copied_query))
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


Described = tuple[Any, str, str]
"""A connection, the statement's text, and the sort of statement (see `_Database`)."""
Describe = Callable[..., Described]


def _of_many(connection: Any, query: str, *_: Any, **__: Any) -> Described:
    return connection, query, "parameters"


def _of_prepare(connection: Any, query: str, *_: Any, **__: Any) -> Described:
    return connection, query, "prepare"


def _of_prepared(statement: Any, *_: Any, **__: Any) -> Described:
    return statement._connection, statement._query, "parameters"


def _of_cursor(cursor: Any, *_: Any, **__: Any) -> Described:
    return cursor._connection, cursor._query, "parameters" if cursor._args else "literals"


def _of_copied_table(connection: Any, table_name: str, *_: Any, **options: Any) -> Described:
    schema = options.get("schema_name")
    return connection, f"{schema}.{table_name}" if schema else table_name, "copy table"


def _of_copied_query(connection: Any, query: str, *args: Any, **_: Any) -> Described:
    return connection, query, "copy parameters" if args else "copy literals"


class _Database:
    """What is the same for all statements on one database, and the statements seen on it."""

    __slots__ = ("_base", "_old_too", "statements")

    def __init__(self, base: Attributes, *, old_too: bool) -> None:
        self._base = base
        self._old_too = old_too
        self.statements: dict[tuple[str, str], tuple[str, Prepared]] = {}

    def describe(self, text: str, sort: str) -> tuple[str, Prepared]:
        """Span name and attributes of a statement, kept for the next time."""
        described = self._described(text, sort)
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
    """The wrappers of one instrumentation, with what they keep from call to call."""

    def __init__(self, tracer: Tracer) -> None:
        self._start_span = tracer.start_span
        self._old_too = semconv.old_database_too()
        self._databases: dict[tuple[Any, str], _Database] = {}

    def query(self, original: Any) -> Any:
        """The same as `wrap` for the four methods that nearly all statements go through."""

        @functools.wraps(original)
        async def traced(connection: Any, query: str, *args: Any, **kwargs: Any) -> Any:
            context = current()
            # The statement by which a pool cleans a connection up is the driver's affair.
            if client.suppressed(context) or query is getattr(connection, "_reset_query", None):
                return await original(connection, query, *args, **kwargs)
            cost = ASYNCPG.begin()
            described = self._describe(connection, query, "parameters" if args else "literals")
            if described is None:
                return await original(connection, query, *args, **kwargs)
            name, attributes = described
            began = perf_counter() if _record is not None else 0.0
            span = self._start_span(name, context, SpanKind.CLIENT, attributes)
            if cost:
                ASYNCPG.end(cost)
            error_type = None
            try:
                return await original(connection, query, *args, **kwargs)
            except BaseException as error:
                error_type = _fail(span, error)
                raise
            finally:
                client.end(span, _record, began, attributes, error_type, ASYNCPG, cost)

        return traced

    def wrap(self, describe: Describe, original: Any) -> Any:
        """A method traced as `describe` tells its connection, statement and sort of statement."""

        @functools.wraps(original)
        async def traced(target: Any, *args: Any, **kwargs: Any) -> Any:
            context = current()
            if client.suppressed(context):
                return await original(target, *args, **kwargs)
            cost = ASYNCPG.begin()
            described = self._describe(*describe(target, *args, **kwargs))
            if described is None:
                return await original(target, *args, **kwargs)
            name, attributes = described
            began = perf_counter() if _record is not None else 0.0
            span = self._start_span(name, context, SpanKind.CLIENT, attributes)
            if cost:
                ASYNCPG.end(cost)
            error_type = None
            try:
                return await original(target, *args, **kwargs)
            except BaseException as error:
                error_type = _fail(span, error)
                raise
            finally:
                client.end(span, _record, began, attributes, error_type, ASYNCPG, cost)

        return traced

    def acquire(self, original: Any) -> Any:
        """Taking a connection out of a pool: a span where that has to wait, nothing otherwise."""

        @functools.wraps(original)
        def traced(pool: Any, timeout: float | None) -> Any:
            if _has_connection(pool) or not get_current_span().is_recording():
                return original(pool, timeout)
            return self._wait(original(pool, timeout))

        return traced

    async def _wait(self, acquiring: Awaitable[Any]) -> Any:
        span = self._start_span("acquire connection", attributes={"db.system.name": "postgresql"})
        token = activate(span)
        try:
            return await acquiring
        except BaseException as error:
            client.fail(span, error)
            raise
        finally:
            deactivate(token)
            span.end()

    def _describe(self, connection: Any, text: str, sort: str) -> tuple[str, Prepared] | None:
        """Span name and attributes; None when this version of asyncpg or this statement is beyond us."""
        try:
            database = self._databases.get((connection._addr, connection._params.database))
            if database is None:
                database = self._database(connection)
            return database.statements.get((text, sort)) or database.describe(text, sort)
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "describing a statement of asyncpg")
            return None

    def _database(self, connection: Any) -> _Database:
        key = (connection._addr, connection._params.database)
        if len(self._databases) >= _MAX_DATABASES:
            self._databases.clear()
        database = self._databases[key] = _Database(_base(*key, old_too=self._old_too), old_too=self._old_too)
        return database


def _has_connection(pool: Any) -> bool:
    """Whether a connection is there for the taking; True when this version's pool has another shape."""
    try:
        return any(holder._con is not None for holder in pool._queue._queue)
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


def _fail(span: Span, error: BaseException) -> str:
    code = getattr(error, "sqlstate", None)
    if code is None:
        return client.fail(span, error)
    if span.is_recording():
        span.set_attribute("db.response.status_code", code)
        span.record_exception(error)
        client.fail_with(span, code)
    return str(code)
