"""The demo as a process of its own, read as whoever redirects it into a file would."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

from temponest.demo.ports import free_ports
from temponest.demo.process import Process

from .wait import until


def test_into_a_file_the_demo_writes_each_trace_as_it_comes_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    (base,) = free_ports(1)
    log = tmp_path / "demo.log"
    process = Process(
        "the demo",
        [sys.executable, "-m", "temponest", "demo", "--port-base", str(base)],
        log=log,
        stop_signal=signal.SIGINT,
    )
    trace = r"^Trace [0-9a-f]{32}  \d+ spans over temponest-a\w+, temponest-a\w+ in [\d.]+ m?s$"

    def two_traces() -> bool:
        process.check()
        return len(re.findall(trace, log.read_text(), re.MULTILINE)) > 1

    try:
        until(two_traces, "two traces", 120)
    finally:
        process.stop()
    assert "\n  Pages       http://127.0.0.1:" in log.read_text()
    assert log.read_text().endswith("Stopped.\n")
