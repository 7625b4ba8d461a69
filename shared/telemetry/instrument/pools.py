"""How connection pools of asyncpg and redis are used (semantic conventions, "Database client metrics").

Pools register when they are made and are asked at each collection; borrowing a connection costs nothing.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, CallbackT, MeterProvider, Observation

from ..lifecycle import report
from . import semconv
from .imports import forget, when_imported
from .patch import Patches

_NAME, _STATE = "db.client.connection.pool.name", "db.client.connection.state"
# What redis says for no limit of its own.
_UNLIMITED = 1 << 31

_patches = {"asyncpg": Patches(), "redis": Patches()}
_redis_pools: weakref.WeakSet[Any] = weakref.WeakSet()
# asyncpg's cannot be referenced weakly; a pool leaves when it or its event loop is closed.
_asyncpg_pools: list[Any] = []


class PoolUse(NamedTuple):
    """One pool at one moment; None is what the library does not tell."""

    name: str
    used: int
    idle: int
    most: int | None
    least_idle: int | None


def measure_pools(meter_provider: MeterProvider | None = None) -> None:
    """Observe the pools that are made from now on.

    Args:
        meter_provider: takes the place of the global provider.
    """
    meter = (meter_provider or metrics.get_meter_provider()).get_meter(
        "shared.telemetry.instrument.pools", "", semconv.SCHEMA_URL
    )
    meter.create_observable_up_down_counter(
        "db.client.connection.count",
        [_count],
        "{connection}",
        "The number of connections that are currently in state described by the `state` attribute.",
    )
    meter.create_observable_up_down_counter(
        "db.client.connection.max",
        [_each(lambda use: use.most)],
        "{connection}",
        "The maximum number of open connections allowed.",
    )
    meter.create_observable_up_down_counter(
        "db.client.connection.idle.min",
        [_each(lambda use: use.least_idle)],
        "{connection}",
        "The minimum number of idle open connections allowed.",
    )
    when_imported("asyncpg", _patch_asyncpg)
    when_imported("redis", _patch_redis)


def measure_no_pools() -> None:
    """Put the libraries back as they were and forget their pools."""
    forget("asyncpg", _patch_asyncpg)
    forget("redis", _patch_redis)
    for patches in _patches.values():
        patches.undo()
    _redis_pools.clear()
    _asyncpg_pools.clear()


def _uses() -> Iterable[PoolUse]:
    _asyncpg_pools[:] = [pool for pool in _asyncpg_pools if not (pool._closed or pool._loop.is_closed())]
    asked = [(_of_asyncpg, pool) for pool in _asyncpg_pools] + [(_of_redis, pool) for pool in _redis_pools]
    for ask, pool in asked:
        try:
            use = ask(pool)
        except Exception as error:  # noqa: BLE001 - a pool of an unknown shape is left out
            report(error, "reading a connection pool")
            continue
        if use is not None:
            yield use


def _count(_: CallbackOptions) -> Iterable[Observation]:
    for use in _uses():
        yield Observation(use.used, {_NAME: use.name, _STATE: "used"})
        yield Observation(use.idle, {_NAME: use.name, _STATE: "idle"})


def _each(read: Callable[[PoolUse], int | None]) -> CallbackT:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for use in _uses():
            value = read(use)
            if value is not None:
                yield Observation(value, {_NAME: use.name})

    return observe


def _registering(register: Callable[[Any], None], original: Any) -> Any:
    @functools.wraps(original)
    def made(pool: Any, *args: Any, **options: Any) -> None:
        original(pool, *args, **options)
        register(pool)

    return made


def _patch_asyncpg() -> None:
    from asyncpg.pool import Pool

    if not _patches["asyncpg"]:
        _patches["asyncpg"].replace(Pool, "__init__", functools.partial(_registering, _asyncpg_pools.append))


def _patch_redis() -> None:
    from redis.asyncio.connection import ConnectionPool as AsyncConnectionPool
    from redis.connection import ConnectionPool

    if not _patches["redis"]:
        for pool in (ConnectionPool, AsyncConnectionPool):
            _patches["redis"].replace(pool, "__init__", functools.partial(_registering, _redis_pools.add))


def _of_asyncpg(pool: Any) -> PoolUse | None:
    connected = [holder._con for holder in pool._holders if holder._con is not None]
    if not connected:
        # Closed, or not opened yet: it has no connection and does not know its server.
        return None
    address, database = connected[0]._addr, connected[0]._params.database
    server = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
    idle = pool.get_idle_size()
    return PoolUse(
        f"{server}/{database}", pool.get_size() - idle, idle, pool.get_max_size(), pool.get_min_size()
    )


def _of_redis(pool: Any) -> PoolUse | None:
    options = pool.connection_kwargs
    server = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    used, idle = _redis_sizes(pool)
    most = pool.max_connections if pool.max_connections < _UNLIMITED else None
    return PoolUse(f"{server}/{options.get('db') or 0}", used, idle, most, None)


def _redis_sizes(pool: Any) -> tuple[int, int]:
    """Connections in use and free ones."""
    if hasattr(pool, "_get_in_use_connections"):
        return len(pool._get_in_use_connections()), len(pool._get_free_connections())
    # redis before 7 has no method for it.
    if hasattr(pool, "_in_use_connections"):
        return len(pool._in_use_connections), len(pool._available_connections)
    # Its blocking pool keeps a place for every connection that may be opened.
    idle = sum(place is not None for place in list(pool.pool.queue))
    return len(pool._connections) - idle, idle
