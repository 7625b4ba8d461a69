"""Run the W3C Trace Context suite against a FastAPI and httpx service with our middleware.

    python -m tests.peers.w3c_trace_context CHECKOUT

CHECKOUT is a clone of github.com/w3c/trace-context. What the suite itself needs (aiohttp) is fetched by uv
into its cache, not into this environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from temponest.demo.ports import free_ports

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^(test_\w+) \((\S+)\)(?:\n.*)? \.\.\. (ok|FAIL|ERROR|skipped.*)$", re.MULTILINE)


def main(checkout: str) -> int:
    """Print a table of results; the exit code is the number of failures."""
    port, harness = free_ports(2)
    address = f"http://127.0.0.1:{port}/"
    service = subprocess.Popen(  # noqa: S603 - our own service
        [sys.executable, "-m", "uvicorn", "tests.peers.w3c_service:app", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address)
        suite = subprocess.run(  # noqa: S603 - the suite that was asked for
            [
                str(Path(sys.executable).with_name("uv")),
                *("run", "--no-project", "--quiet", "--with", "aiohttp", "--with", "setuptools"),
                *("python", "test.py", address),
            ],
            cwd=Path(checkout) / "test",
            env=os.environ
            | {
                "HARNESS_PORT": str(harness),
                "HARNESS_TIMEOUT": "5",
                "SPEC_LEVEL": "2",
                "STRICT_LEVEL": "2",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        service.terminate()
        service.wait(10)
    return report(suite.stdout + suite.stderr)


def wait_for(address: str) -> None:
    """Wait until the service answers, whatever it answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(address)  # noqa: S310 - an http address of ours
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def report(output: str) -> int:
    """Print what passed and what did not; returns how many did not."""
    results = {f"{kind.split('.')[1]}.{name}": result for name, kind, result in LINE.findall(output)}
    failed = sorted(name for name, result in results.items() if result in ("FAIL", "ERROR"))
    skipped = sorted(name for name, result in results.items() if result.startswith("skipped"))
    if not results:
        sys.stdout.write(output)
        return 1
    passed = len(results) - len(failed) - len(skipped)
    sys.stdout.write(f"W3C Trace Context: {passed} passed, {len(failed)} failed, {len(skipped)} skipped\n")
    for name in failed:
        sys.stdout.write(f"  failed: {name}\n")
    for name in skipped:
        sys.stdout.write(f"  skipped: {name}\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
