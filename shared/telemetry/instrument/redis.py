"""Client spans for redis: commands, pipelines and transactions, sync, asyncio and cluster; values never."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.trace import TracerProvider

from ..cost import REDIS
from ..otlp.attributes import Prepared
from . import client, semconv
from .imports import forget, when_imported
from .operations import Operation, Operations
from .patch import Patches
from .semconv import Attributes

_MAX_SHAPES = 1024
_MAX_ARGUMENTS = 10
"""Arguments that are shown as `?`; a longer command ends in `...`."""
_MAX_COMMANDS = 20
_SHAPES = "_shared_telemetry_shapes"
"""Attribute of a connection pool or cluster client under which its prepared attributes are kept."""

# The second word says what the command does.
_WITH_SUBCOMMAND = frozenset(
    {"ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE"}
    | {"OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO"}
)

_patches = Patches()
_provider: TracerProvider | None = None
_record: client.RecordDuration | None = None
_operations: Operations | None = None


def instrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Trace every redis client, those made before included.

    Args:
        tracer_provider: takes the place of the global provider.
    """
    global _provider
    _provider = tracer_provider
    when_imported("redis", _patch)


def uninstrument() -> None:
    """Put redis back as it was."""
    forget("redis", _patch)
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
    import redis
    import redis.asyncio
    import redis.asyncio.client
    import redis.asyncio.cluster
    import redis.client
    import redis.cluster

    _operations = operations = Operations("redis", REDIS, _provider, _status_code, _record)
    calls = _Calls(operations)
    sync, asynchronous = redis.client, redis.asyncio.client
    on_wire: list[tuple[Any, str, Any, Any]] = [
        (sync.Redis, "execute_command", operations.sync, calls.command),
        (redis.cluster.RedisCluster, "execute_command", operations.sync, calls.command),
        (asynchronous.Redis, "execute_command", operations.asynchronous, calls.command),
        (redis.asyncio.cluster.RedisCluster, "execute_command", operations.asynchronous, calls.command),
        # A pipeline's execute_command only queues.
        (sync.Pipeline, "immediate_execute_command", operations.sync, calls.command),
        (asynchronous.Pipeline, "immediate_execute_command", operations.asynchronous, calls.command),
        (sync.Pipeline, "execute", operations.sync, calls.pipeline),
        (redis.cluster.ClusterPipeline, "execute", operations.sync, calls.pipeline),
        (asynchronous.Pipeline, "execute", operations.asynchronous, calls.pipeline),
        (redis.asyncio.cluster.ClusterPipeline, "execute", operations.asynchronous, calls.pipeline),
    ]
    for owner, method, wrap, describe in on_wire:
        _patches.replace(owner, method, functools.partial(wrap, describe))


class _Calls:
    """What commands and pipelines do, by their words."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._old_too = semconv.old_database_too()

    def command(self, target: Any, args: Sequence[Any], _: Any) -> Operation:
        """Name and attributes of a command: its words, and a `?` for each argument."""
        shapes = _shapes_of(target)
        # Most commands are one plain word, known by it and the number of arguments.
        word = args[0]
        shape = shapes.get((word, len(args))) if type(word) is str else None
        if shape is None:
            key = _key(args)
            shape = shapes.get(key)
            if shape is None:
                operation, text = _describe(args)
                attributes = Prepared(self._attributes(target, operation, text))
                shape = _keep(shapes, key, Operation(self._operations, operation, attributes))
        return shape

    def pipeline(self, target: Any, _: Sequence[Any], __: Any) -> Operation | None:
        """Name and attributes of a pipeline or transaction; None when there is nothing to send."""
        stack = _stack(target)
        if not stack and not getattr(target, "watching", False):
            return None
        transaction = getattr(target, "transaction", None)
        if not isinstance(transaction, bool):
            transaction = getattr(target, "is_transaction", False) is True
        batch = (
            "MULTI" if transaction or getattr(target, "explicit_transaction", False) is True else "PIPELINE"
        )
        commands = [_arguments(command) for command in stack]
        shapes = _shapes_of(target)
        key = (batch, len(commands), *map(_key, commands[:_MAX_COMMANDS]))
        shape = shapes.get(key)
        if shape is None:
            described = [_describe(args) for args in commands]
            operations = {operation for operation, _ in described}
            name = f"{batch} {operations.pop()}" if len(operations) == 1 else batch
            text = "\n".join(text for _, text in described[:_MAX_COMMANDS])
            attributes = self._attributes(target, name, text)
            if len(commands) > 1:
                attributes["db.operation.batch.size"] = len(commands)
            shape = _keep(shapes, key, Operation(self._operations, name, Prepared(attributes)))
        return shape

    def _attributes(self, target: Any, operation: str, text: str) -> Attributes:
        attributes: Attributes = {
            "db.system.name": "redis",
            "db.operation.name": operation,
            "db.query.text": text,
            **_server(target),
        }
        if self._old_too:
            attributes |= {"db.system": "redis", "db.statement": text}
        return attributes


def _shapes_of(target: Any) -> dict[Any, Operation]:
    owner = getattr(target, "connection_pool", None) or target
    shapes: dict[Any, Operation] | None = getattr(owner, _SHAPES, None)
    if shapes is None:
        shapes = {}
        setattr(owner, _SHAPES, shapes)
    return shapes


def _keep(shapes: dict[Any, Operation], key: Any, shape: Operation) -> Operation:
    if len(shapes) >= _MAX_SHAPES:
        shapes.clear()
    shapes[key] = shape
    return shape


def _server(target: Any) -> Attributes:
    pool = getattr(target, "connection_pool", None)
    options = getattr(pool, "connection_kwargs", None) or {}
    if not options:
        node = _default_node(target)
        return {} if node is None else {"server.address": node.host, "server.port": node.port}
    attributes: Attributes = {"db.namespace": str(options.get("db") or 0)}
    if options.get("path"):
        attributes["server.address"] = options["path"]
    elif options.get("host"):
        attributes["server.address"] = options["host"]
        attributes["server.port"] = options.get("port") or 6379
    return attributes


def _default_node(target: Any) -> Any:
    """A cluster's first contact: the node that answers is not known before the command is sent."""
    cluster = getattr(target, "cluster_client", target)
    try:
        return cluster.get_default_node()
    except AttributeError:
        return None


def _stack(target: Any) -> Sequence[Any]:
    """The queued commands; a cluster's pipeline keeps them in the strategy that will run them."""
    stack = getattr(target, "command_stack", None)
    if stack is None:
        stack = getattr(target, "_command_stack", None)
    if not stack:
        for name in ("_execution_strategy", "execution_strategy"):
            strategy = getattr(target, name, None)
            stack = (
                getattr(strategy, "command_queue", None) or getattr(strategy, "_command_queue", None) or stack
            )
    return stack or ()


def _arguments(command: Any) -> Sequence[Any]:
    """The arguments of a queued command, which is a tuple of them and options, or an object of a cluster."""
    args: Sequence[Any] = getattr(command, "args", None) or command[0]
    return args


def _key(args: Sequence[Any]) -> Any:
    word = args[0]
    # Only words that may be part of the name tell two commands apart; an argument must not fill the table.
    if (
        isinstance(word, str)
        and word.upper() in _WITH_SUBCOMMAND
        and len(args) > 1
        and isinstance(args[1], str)
    ):
        return word, args[1][:40], min(len(args), _MAX_ARGUMENTS + 2)
    return word if isinstance(word, str | bytes) else str(word), min(len(args), _MAX_ARGUMENTS + 2)


def _describe(args: Sequence[Any]) -> tuple[str, str]:
    """Operation name and text of a command."""
    word = args[0]
    name = (word.decode("latin-1") if isinstance(word, bytes) else str(word)).upper()[:80]
    words: Iterable[Any] = args[1:]
    if name in _WITH_SUBCOMMAND and len(args) > 1 and isinstance(args[1], str) and args[1].isalpha():
        name = f"{name} {args[1].upper()}"
        words = args[2:]
    marks = ["?" for _ in words]
    if len(marks) > _MAX_ARGUMENTS:
        marks = [*marks[:_MAX_ARGUMENTS], "..."]
    return name, " ".join([name, *marks])


def _status_code(error: BaseException) -> str | None:
    """The prefix of an error that the server answered, such as WRONGTYPE; the client strips a plain ERR."""
    if type(error).__name__ != "ResponseError":
        return None
    first = str(error).split(" ", 1)[0]
    return first if first.isupper() and first.isalpha() else "ERR"
