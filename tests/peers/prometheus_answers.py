"""The same metrics in a real Prometheus and in the nest, and the same questions to both.

    python -m tests.peers.prometheus_answers [PATH_OF_A_PROMETHEUS_BINARY] [--seed N] [--queries N]

Without a path `prometheus` is looked for on PATH; it has to take OTLP (3.0 and newer). Metrics of every
kind are sent to both by OTLP; then queries of the list below and generated ones are asked of both, as
instant and as range queries. Samples have to agree to nine digits, errors in kind, warnings and infos in
their words. Prints counts and every difference; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from temponest.demo.ports import LOOPBACK, free_ports
from tests.nest.promql.generate import Generator

from . import prometheus_data
from .prometheus_data import SECOND, STEP, STEPS, WORDS

FEATURES = (
    "promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers"
    ",promql-duration-expr,exemplar-storage"
)
TOLERANCE = 1e-9

# What the generator does not make.
QUERIES = """
sum by (code) (rate(requests_total[1m]))
100 * sum(rate(requests_total{code="500"}[2m])) / sum(rate(requests_total[2m]))
histogram_quantile(0.95, sum by (le, job) (rate(took_seconds_bucket[5m])))
histogram_quantile(0.95, rate(took_seconds_count[5m]))
histogram_quantiles(sum(rate(payload_bytes[2m])), "q", 0.5, 0.9)
histogram_quantile(0.5, {__name__=~"took_seconds_bucket|payload_bytes"})
payload_bytes
payload_bytes / 3
-payload_bytes
payload_bytes > 1
payload_bytes == payload_bytes
payload_bytes + on (instance) group_left requests_total
payload_bytes </ 32
payload_bytes >/ 32
count_values("v", queue_length)
sum(payload_bytes) + sum(payload_bytes)
avg(payload_bytes)
sum_over_time(payload_bytes[1m])
resets(payload_bytes[10m])
changes(payload_bytes[10m])
delta(payload_bytes[1m])
idelta(payload_bytes[1m])
stddev(payload_bytes)
topk(1, payload_bytes)
sum({__name__=~"queue_length|payload_bytes"})
first_over_time(temperature[2m])
mad_over_time(temperature{room="kitchen"}[5m])
ts_of_max_over_time(temperature{room="kitchen"}[5m])
ts_of_min_over_time(temperature{room="kitchen"}[5m])
ts_of_last_over_time(temperature[5m])
double_exponential_smoothing(temperature{room="kitchen"}[5m], 0.5, 0.2)
double_exponential_smoothing(temperature[5m], 0, 0.2)
sort_by_label(temperature, "room", "instance")
sort_by_label_desc(temperature, "room")
sort(queue_length)
sort_desc(temperature{room="kitchen"})
limitk(20, temperature)
bottomk(1, payload_bytes)
limitk(-1e19, temperature)
info(requests_total)
info(queue_length, {region=~".+"})
requests_total[1m] anchored
temperature[1m] smoothed
increase(requests_total[90s] anchored)
rate(requests_total[90s] smoothed)
rate(payload_bytes[90s] smoothed)
temperature smoothed
changes(temperature[1m] anchored)
rate(requests_total[step() + 1m])
max_over_time(temperature[max_of(step(), 1m)])
queue_length offset -step()
queue_length + fill(0) on (instance) temperature{room="attic"}
queue_length + on (instance) fill(0) temperature{room="attic"}
queue_length - on (instance) fill_right(3) temperature{room="attic"}
{"queue_length", job="shop"}
absent(queue_length{job="none", instance=~"x"})
absent_over_time(nothing{a="b"}[5m])
scalar(queue_length{job="bank"})
vector(time())
"a string"
1 + 2 * 3 ^ 2
min_of(1, 2)
start() - end()
queue_length[1m]
queue_length[1m:30s]
day_of_week(vector(0)) + hour() + days_in_month(vector(1709210096))
label_replace(queue_length, "host", "$1", "instance", "(.*)-.*")
label_replace(queue_length, "job", "x", "", "")
label_join(queue_length, "instance", "", "none")
sum by (nothing) (queue_length)
quantile(NaN, queue_length)
quantile(2, queue_length)
clamp(queue_length, 5, 1)
sgn(queue_length)
queue_length % 3
queue_length ^ 0.5
queue_length atan2 2
1 > bool queue_length
queue_length == queue_length{job="shop"}
queue_length * on (job) queue_length
queue_length and on () vector(1)
rate(queue_length)
sum(
foo{bar}
{__name__=~".*"}
rate(requests_total[0s])
topk(NaN, queue_length)
topk(1e20, queue_length)
""".strip().splitlines()


@dataclass(frozen=True)
class Question:
    """A query, asked at one time or over a range."""

    query: str
    params: dict[str, str]

    @property
    def path(self) -> str:
        """Where it is asked."""
        return "/api/v1/query_range" if "step" in self.params else "/api/v1/query"


def main(arguments: list[str]) -> int:
    """Print the counts and differences; 0 when both answer alike."""
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?", default=shutil.which("prometheus"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=500)
    chosen = parser.parse_args(arguments)
    if not chosen.binary:
        print("prometheus is not on PATH; give its path")
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        theirs, their_otlp = start_prometheus(chosen.binary, folder, stack)
        ours, our_otlp = start_nest(folder, stack)
        # Far enough from the full minute that no clock matters; ended before now.
        first_ns = (time.time_ns() // (60 * SECOND) - 12) * 60 * SECOND
        for request in prometheus_data.requests(first_ns, chosen.seed):
            body = request.SerializeToString()
            for client, path in ((their_otlp, "/api/v1/otlp/v1/metrics"), (our_otlp, "/v1/metrics")):
                headers = {"content-type": "application/x-protobuf"}
                client.post(path, content=body, headers=headers).raise_for_status()
        last = first_ns // SECOND + (STEPS - 1) * STEP // SECOND
        wait(lambda: _seen(ours, last), "the nest does not find what was sent")
        wait(lambda: _seen(theirs, last), "prometheus does not find what was sent")
        return _compare(theirs, ours, chosen.seed, chosen.queries, first_ns // SECOND)


def _compare(theirs: httpx.Client, ours: httpx.Client, seed: int, count: int, first: int) -> int:
    generator = Generator(seed, WORDS)
    generated = [generator.query() for _ in range(count)]
    counts: Counter[tuple[str, str]] = Counter()
    differences: list[str] = []
    for source, queries in (("listed", QUERIES), ("generated", generated)):
        for query in queries:
            for question in _questions(query, first):
                one, other = _ask(theirs, question), _ask(ours, question)
                for part, difference in _differences(one, other).items():
                    counts[source, part] += 1
                    if difference:
                        counts[source, f"{part} differ"] += 1
                        differences.append(f"{question.path[8:]} {query}\n  {difference}")
    version = theirs.get("/api/v1/status/buildinfo").json()["data"]["version"] or "(built without a version)"
    print(f"Prometheus {version}, seed {seed}\n")
    print("| queries | answers alike | warnings and infos alike |\n|---|---|---|")
    for source in ("listed", "generated"):
        cells = [
            f"{counts[source, part] - counts[source, f'{part} differ']} of {counts[source, part]}"
            for part in ("answers", "notes")
        ]
        print(f"| {source} | {' | '.join(cells)} |")
    names = [sorted(client.get("/api/v1/label/__name__/values").json()["data"]) for client in (theirs, ours)]
    if names[0] != names[1]:
        differences.append(f"names of metrics\n  {names[0]}\n  {names[1]}")
    print("\n".join(differences))
    return bool(differences)


def _questions(query: str, first: int) -> list[Question]:
    # One time at a sample, one between two, one after all of them.
    times = (first + 300, first + 337, first + STEPS * STEP // SECOND + 120)
    instants = [Question(query, {"query": query, "time": str(time)}) for time in times]
    window = {"start": str(first + 100), "end": str(first + 560), "step": "20"}
    return [*instants, Question(query, {"query": query, **window})]


def _ask(client: httpx.Client, question: Question) -> dict[str, Any]:
    reply = client.post(question.path, data=question.params)
    answer: dict[str, Any] = json.loads(reply.content)
    answer["http"] = reply.status_code
    return answer


def _differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, str]:
    """Of answers, and of what is said beside them; "" where they are alike."""
    if theirs["status"] == "error" or ours["status"] == "error":
        kinds = [
            (one["http"], one.get("errorType", "")) if one["status"] == "error" else one["status"]
            for one in (theirs, ours)
        ]
        texts = [str(one.get("error", one.get("data")))[:200] for one in (theirs, ours)]
        told = f"prometheus {texts[0]}\n  nest {texts[1]}"
        return {"answers": "" if kinds[0] == kinds[1] else f"{kinds}\n  {told}"[:600]}
    notes = [sorted([*one.get("warnings", []), *one.get("infos", [])]) for one in (theirs, ours)]
    said = "" if notes[0] == notes[1] else f"prometheus says {notes[0]}\n  nest says {notes[1]}"
    return {"answers": _data(theirs["data"], ours["data"]), "notes": said}


def _data(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    if theirs["resultType"] != ours["resultType"]:
        return f"prometheus {theirs['resultType']}, nest {ours['resultType']}"
    if theirs["resultType"] in {"scalar", "string"}:
        same = _alike(theirs["result"], ours["result"])
        return "" if same else f"prometheus {theirs['result']}, nest {ours['result']}"
    one, other = (
        {json.dumps(row["metric"], sort_keys=True): row for row in answer["result"]}
        for answer in (theirs, ours)
    )
    if one.keys() != other.keys():
        only = sorted(one.keys() - other.keys())[:3], sorted(other.keys() - one.keys())[:3]
        return f"only in prometheus {only[0]}\n  only in the nest {only[1]}"
    for key, row in one.items():
        if not _alike(row, other[key]):
            return f"{key}\n  prometheus {_shown(row)}\n  nest {_shown(other[key])}"
    return ""


def _shown(row: dict[str, Any]) -> str:
    return str({name: value for name, value in row.items() if name != "metric"})[:400]


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    try:
        left, right = float(one), float(other)
    except (TypeError, ValueError):
        return bool(one == other)
    return (math.isnan(left) and math.isnan(right)) or math.isclose(
        left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE
    )


def start_prometheus(binary: str, folder: Path, stack: ExitStack) -> tuple[httpx.Client, httpx.Client]:
    """A running Prometheus: clients of its API and of its OTLP receiver."""
    (port,) = free_ports(1)
    (folder / "prometheus.yml").write_text("global: {}\n")
    command = [
        binary,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-otlp-receiver",
        f"--enable-feature={FEATURES}",
    ]
    client = _started(command, folder / "prometheus.log", port, "/-/ready", stack)
    return client, client


def start_nest(folder: Path, stack: ExitStack) -> tuple[httpx.Client, httpx.Client]:
    """A running nest: clients of its API and of its OTLP receiver."""
    names = ("grpc", "http", "jaeger", "tempo", "prometheus", "loki")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    command = [str(Path(sys.executable).with_name("temponest")), "serve", "--data", str(folder / "nest")]
    for name, port in ports.items():
        command += [f"--{name}-port", str(port)]
    api = _started(command, folder / "nest.log", ports["prometheus"], "/-/ready", stack)
    otlp = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{ports['http']}", timeout=30))
    return api, otlp


def _started(command: list[str], log: Path, port: int, ready: str, stack: ExitStack) -> httpx.Client:
    stream = stack.enter_context(log.open("w"))
    process = subprocess.Popen(command, stdout=stream, stderr=stream)  # noqa: S603 - the peer, and ourselves
    stack.callback(process.wait)
    stack.callback(process.kill)
    client = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=60))

    def answers() -> bool:
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} ended:\n{log.read_text()[-2000:]}")
        try:
            return client.get(ready).status_code == 200
        except httpx.TransportError:
            return False

    wait(answers, f"{command[0]} is not ready")
    return client


def _seen(client: httpx.Client, last: int) -> bool:
    answer = client.get("/api/v1/query", params={"query": "count(requests_total)", "time": str(last)}).json()
    found = answer["data"]["result"]
    return bool(found) and found[0]["value"][1] == "6"


def wait(holds: Callable[[], bool], complaint: str) -> None:
    """Wait until something holds, and end with the complaint where it does not."""
    deadline = time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(complaint)
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
