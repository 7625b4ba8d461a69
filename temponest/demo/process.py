"""Child processes of the demo: started in a session of their own, stopped in order, never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

READY_TIMEOUT = (
    60.0  # seconds; the first start, which compiles every module, takes half of it on a busy machine
)
POLL = 0.05  # seconds between two looks at a process that is starting
STOP_TIMEOUT = 10.0  # seconds; the nest and the services promise to be gone in 5


class StartError(Exception):
    """A process ended or did not become ready; the message holds the end of its log."""


class Process:
    """One child process with a log file.

    Args:
        name: what messages call it.
        arguments: the command and its arguments.
        log: file that receives standard output and error.
        environment: complete environment of the process; the parent's when None.
        user: account to run under (only root may change it).
        stop_signal: asks the process to end in an orderly way.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            # A session of its own: Ctrl-C in the terminal reaches the demo alone, which stops all in order.
            self._process = subprocess.Popen(  # noqa: S603 - the arguments are ours
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                user=user,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise StartError when the process has ended."""
        if not self.running():
            raise StartError(f"{self.name} ended with code {self._process.returncode}. {self._last_lines()}")

    def wait_ready(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` says so; when it ends or takes over 60 s, stop it and raise StartError."""
        deadline = time.monotonic() + READY_TIMEOUT
        try:
            while not ready():
                self.check()
                if time.monotonic() > deadline:
                    raise StartError(
                        f"{self.name} is not ready after {READY_TIMEOUT:.0f} s. {self._last_lines()}"
                    )
                time.sleep(POLL)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process: its stop signal first, then SIGKILL to its whole session."""
        if self.running():
            self._process.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(["Its last lines:", *lines]) if lines else "It has printed nothing."
