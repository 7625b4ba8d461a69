"""`temponest import` into a real Prometheus, and `temponest export` out of it into a nest.

    python -m tests.peers.prometheus_files [PATH_OF_A_PROMETHEUS_BINARY]

Without a path `prometheus` is looked for on PATH; it has to take OTLP (3.0 and newer). Sends metrics of every
type, exports them in each format, imports each into a nest of its own, and compares what that answers with
what a nest answers that was sent the same. Exits 1 when they differ.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx

from temponest.client.prometheus import Prometheus
from temponest.files import otlp_json
from temponest.files.points import EVERY_SERIES
from tests.files.conftest import run
from tests.files.metric_messages import full_metrics

from .prometheus_answers import start_nest, start_prometheus, wait

REPORTS = 5
SECOND = 10**9


def main(arguments: list[str]) -> int:
    """Import, export, compare."""
    binary = arguments[0] if arguments else shutil.which("prometheus")
    if not binary:
        raise SystemExit("no prometheus on PATH; give its path")
    now = time.time_ns() // SECOND * SECOND
    sent = [
        full_metrics(service, now - (REPORTS - number) * 60 * SECOND, grown=number)
        for number in range(REPORTS)
        for service in ("shop", "auth")
    ]
    for request in sent:
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.exponential_histogram.data_points:
                # What Prometheus makes of any.
                point.zero_threshold = 1e-128
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        theirs, their_otlp = start_prometheus(binary, folder, stack)
        source = folder / "sent.jsonl"
        source.write_bytes(b"".join(map(otlp_json.line, sent)))
        _import(source, f"{their_otlp.base_url}/api/v1/otlp")
        with closing(Prometheus(str(theirs.base_url))) as client:
            described = bool(client.metadata())
        print(f"Prometheus {'tells' if described else 'does not tell'} what metrics sent as OTLP are")
        wanted = _through_a_nest(folder / "direct", source, now, stack)
        wrong = False
        for suffix in (".jsonl", ".pb.gz", ".parquet"):
            target = folder / f"found{suffix}"
            _say(run("export", str(target), "--signal", "metrics", "--prometheus", str(theirs.base_url)))
            found = _through_a_nest(folder / f"nest{suffix}", target, now, stack)
            different = [part for part in wanted if wanted[part] != found[part]]
            different = [part for part in different if described or part != "metadata"]
            print(
                f"{suffix}: {len(wanted['samples'])} series, different: {', '.join(different) or 'nothing'}"
            )
            for part in different:
                _show(wanted[part], found[part])
            wrong |= bool(different)
    return int(wrong)


def _import(source: Path, endpoint: str) -> None:
    _say(run("import", str(source), "--endpoint", endpoint))


def _say(done: Any) -> None:
    print(done.stderr.decode().strip())
    if done.returncode:
        raise SystemExit(done.returncode)


def _through_a_nest(folder: Path, source: Path, now: int, stack: ExitStack) -> dict[str, Any]:
    """What a new nest answers after it was sent a file."""
    folder.mkdir()
    api, otlp = start_nest(folder, stack)
    _import(source, str(otlp.base_url))
    wait(lambda: _complete(api, now), "the nest does not find what was imported")
    with closing(Prometheus(str(api.base_url))) as client:
        until = now // 10**6
        samples = client.samples(EVERY_SERIES, until - 3_600_000, until) or []
        # Prometheus says who measured at times of its own.
        infos = [one.labels for one in samples if one.labels["__name__"] == "target_info"]
        others = [one for one in samples if one.labels["__name__"] != "target_info"]
        return {
            "samples": {str(sorted(one.labels.items())): one for one in others},
            "target_info": sorted(map(str, infos)),
            "exemplars": {str(one): one for one in client.exemplars(EVERY_SERIES, until - 3_600_000, until)},
            "metadata": {name: one for name, one in client.metadata().items() if name != "target_info"},
        }


def _complete(api: httpx.Client, now: int) -> bool:
    query = {"query": "gc_pause_milliseconds_count[1h]", "time": str(now / SECOND)}
    found = api.get("/api/v1/query", params=query).json()["data"]["result"]
    return len(found) == 2 and all(len(one["values"]) == REPORTS for one in found)


def _show(wanted: Any, found: Any) -> None:
    if not isinstance(wanted, dict):
        print(f"  sent {wanted}\n  found {found}")
        return
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            print(f"  {key}\n    sent {wanted.get(key)}\n    found {found.get(key)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
