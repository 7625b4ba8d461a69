"""Jaeger's own storage fixtures, asked through both of its APIs.

    python -m tests.peers.jaeger_queries PATH_OF_A_JAEGER_CHECKOUT

Loads `internal/storage/integration/fixtures` (traces and queries with the traces they must find) of the
checkout into a store and compares what versions 1 and 3 find. Prints a table and every difference; exits 1
if there is one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from temponest.nest.api import jaeger
from temponest.nest.api.params import rfc3339_ns
from temponest.nest.model.signal import Signal
from temponest.nest.store.store import Store
from tests.conformance.payload import protobuf
from tests.nest.serving import serving

FIXTURES = Path("internal") / "storage" / "integration" / "fixtures"


def ids_of(trace: dict[str, Any]) -> set[str]:
    """The trace ids in OTLP JSON, 32 digits."""
    return {
        span["traceId"].rjust(32, "0")
        for group in trace["resourceSpans"]
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    }


def ask_v1(client: httpx.Client, query: dict[str, Any]) -> set[str]:
    """Trace ids that version 1 finds."""
    params = {
        "service": query["ServiceName"],
        "operation": query["OperationName"],
        "tags": json.dumps({key: _text(value) for key, value in (query.get("Tags") or {}).items()}),
        "minDuration": f"{query['DurationMin']}ns",
        "maxDuration": f"{query['DurationMax']}ns" if query["DurationMax"] else "",
        "start": str(_micros(query["StartTimeMin"])),
        "end": str(_micros(query["StartTimeMax"])),
        "limit": str(query["NumTraces"]),
    }
    reply = client.get("/api/traces", params=params).raise_for_status().json()
    return {trace["traceID"].rjust(32, "0") for trace in reply["data"]}


def ask_v3(client: httpx.Client, query: dict[str, Any]) -> set[str]:
    """Trace ids that version 3 finds."""
    params = {
        "query.serviceName": query["ServiceName"],
        "query.operationName": query["OperationName"],
        "query.attributes": json.dumps(
            {key: _text(value) for key, value in (query.get("Tags") or {}).items()}
        ),
        "query.durationMin": f"{query['DurationMin']}ns",
        "query.durationMax": f"{query['DurationMax']}ns" if query["DurationMax"] else "",
        "query.startTimeMin": query["StartTimeMin"],
        "query.startTimeMax": query["StartTimeMax"],
        "query.searchDepth": str(query["NumTraces"]),
    }
    reply = client.get("/api/v3/trace-summaries", params=params).raise_for_status().json()
    return {summary["traceId"] for summary in reply["summaries"]}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _micros(text: str) -> int:
    return rfc3339_ns(text, "fixture") // 1_000


def main(arguments: list[str]) -> int:
    """Print the table; 0 when every query finds what Jaeger's storages must find."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    fixtures = Path(arguments[0]) / FIXTURES
    traces = {
        path.stem: json.loads(path.read_text()) for path in sorted((fixtures / "traces").glob("*.json"))
    }
    asked = alike_v1 = alike_v3 = 0
    differences = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder))
        store.start()
        for trace in traces.values():
            store.append(Signal.TRACES, protobuf(trace).SerializeToString()).result()
        store.flush()
        with serving(jaeger.create_app(store.spans)) as client:
            for case in json.loads((fixtures / "queries.json").read_text()):
                wanted = set().union(*(ids_of(traces[name]) for name in case["ExpectedFixtures"]))
                first, third = ask_v1(client, case["Query"]), ask_v3(client, case["Query"])
                asked += 1
                alike_v1 += first == wanted
                alike_v3 += third == wanted
                if not first == third == wanted:
                    differences.append(f"{case['Caption']}: wanted {wanted}, v1 {first}, v3 {third}")
        store.close()
    print("| queries | found alike in v1 | found alike in v3 |\n|---|---|---|")
    print(f"| {asked} | {alike_v1} | {alike_v3} |")
    print("\n".join(differences))
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
