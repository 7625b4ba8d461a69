"""The end of a process and its forks: one shared deadline, one list of what has to be sent.

Nothing here waits longer than it is told to, and nothing raises into the application.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

EXIT_SECONDS: Final = 5.0

_log = logging.getLogger("shared.telemetry")
_flushes: list[Callable[[float], None]] = []
_after_fork: list[Callable[[], None]] = []
_told: set[str] = set()
_installed = False
_leaving_until = float("-inf")
_lifespan_task: weakref.ref[Any] | None = None


def report(error: BaseException, where: str) -> None:
    """Tell an internal error: one log line a place; under tests it is raised.

    Args:
        error: what went wrong.
        where: the place, in a few words; a place speaks once in a process.
    """
    if "PYTEST_CURRENT_TEST" in os.environ:
        raise error
    if where not in _told:
        _told.add(where)
        _log.warning("telemetry: %s failed and goes on without: %s: %s", where, type(error).__name__, error)


def on_shutdown(flush: Callable[[float], None]) -> None:
    """Register what must be sent before the process ends.

    Args:
        flush: called with a `time.monotonic()` deadline, newest registration first. It sends all it has by
            then and returns; it may be called more than once.
    """
    _flushes.append(flush)
    _install()


def on_fork(restart: Callable[[], None]) -> None:
    """Register what a forked child must make anew: locks, threads, connections, identity."""
    _after_fork.append(restart)
    _install()


def forget(registered: Callable[..., None]) -> None:
    """Undo `on_shutdown` or `on_fork` for one function; unknown functions are ignored."""
    for registry in (_flushes, _after_fork):
        if registered in registry:
            registry.remove(registered)


def flush(timeout: float = EXIT_SECONDS) -> None:
    """Send everything that waits, traces and metrics within one deadline.

    Args:
        timeout: seconds for all together. Each part gets an equal share of what is left, so that one
            receiver that hangs does not cost the others their last batch.
    """
    deadline = time.monotonic() + timeout
    pending = _flushes[::-1]
    for index, send in enumerate(pending):
        now = time.monotonic()
        share = max(0.0, deadline - now) / (len(pending) - index)
        try:
            send(now + share)
        except Exception as error:  # noqa: BLE001 - the last words of a process must not become its failure
            report(error, "the last export")


def shutdown(timeout: float = EXIT_SECONDS) -> None:
    """Send everything that waits before the process ends; calling it again costs nothing new.

    Args:
        timeout: seconds for traces and metrics together.
    """
    flush(timeout)


async def flush_at_lifespan_shutdown() -> None:
    """Send everything that waits, without blocking the event loop, when the ASGI lifespan ends.

    uvicorn raises SIGTERM again once it is done, so `atexit` does not run: this is the last moment. Both
    middlewares await it in the task of the lifespan; the second finds it done.
    """
    import asyncio  # brings ssl and more, which a script without an event loop never needs

    global _leaving_until, _lifespan_task
    try:
        task: Any = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is None:
        await _flush_on_trio()
        return
    if _lifespan_task is not None and _lifespan_task() is task:
        return
    _lifespan_task = weakref.ref(task)
    _leaving_until = time.monotonic() + EXIT_SECONDS
    await asyncio.get_running_loop().run_in_executor(None, flush)


async def _flush_on_trio() -> None:
    trio = sys.modules.get("trio")
    if trio is None:
        flush()
    else:
        await trio.to_thread.run_sync(flush)


def _install() -> None:
    global _installed
    if _installed:
        return
    _installed = True
    atexit.register(_last_flush)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        # Set up in the child itself: what runs at the end of such a child is in place already.
        _flush_before_multiprocessing_ends(_last_flush)
    try:
        default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        if default and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _on_sigterm)
    except ValueError:  # a subinterpreter may not set handlers; atexit and the lifespan remain
        pass


def _in_child() -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Its children leave by os._exit() after its own finalizers, which it clears first: hence two steps.
        util.register_after_fork(_last_flush, _flush_before_multiprocessing_ends)
    for restart in _after_fork:
        try:
            restart()
        except Exception as error:  # noqa: BLE001 - a fork must succeed with or without telemetry
            report(error, "the restart after a fork")


def _last_flush() -> None:
    """Flush at the end of the process, within what the end of its lifespan has left of the deadline."""
    left = _leaving_until - time.monotonic()
    flush(max(0.0, left) if left > -1.0 else EXIT_SECONDS)


def _flush_before_multiprocessing_ends(flush_at_end: Callable[[], None]) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, flush_at_end, exitpriority=0)


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    """Flush, then end as the default action would have ended the process."""
    del frame
    _last_flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
