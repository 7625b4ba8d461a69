"""The nest's own metrics, read by `promtool check metrics`.

    python -m tests.peers.nest_metrics [PATH_OF_PROMTOOL]

Without a path `promtool` is looked for on PATH. Exits with promtool's status.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from temponest.nest.api.observe import Durations
from temponest.nest.ingest.errors import malformed
from temponest.nest.ingest.receiver import Receiver
from temponest.nest.metrics_page import Sources, text
from temponest.nest.store.limits import Limits
from temponest.nest.store.series.store import SeriesStore
from temponest.nest.store.store import Store


def main(arguments: list[str]) -> int:
    """Make a page with every kind of sample and have it checked."""
    promtool = arguments[0] if arguments else shutil.which("promtool")
    if not promtool:
        raise SystemExit("no promtool on PATH; give its path")
    with tempfile.TemporaryDirectory() as name:
        store = Store.open(Path(name))
        series = SeriesStore(Path(name) / "series", disk_bytes=10**9, retention_seconds=0)
        store.start()
        receiver, durations = Receiver(store), Durations()
        receiver.count(malformed("bad"))
        durations.add("tempo", 200, 0.1)
        page = text(Sources(store, series, receiver, durations, Limits()))
        store.close()
    checked = subprocess.run([promtool, "check", "metrics"], input=page.encode(), check=False)  # noqa: S603 - the peer
    print(f"{page.count('# TYPE')} metrics, promtool says {checked.returncode}")
    return checked.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
