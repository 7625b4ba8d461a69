"""The same spans in a real Tempo and in the nest, and every request of Grafana's data source to both.

    python -m tests.peers.tempo_requests [PATH_OF_A_TEMPO_BINARY] [--seed N] [--queries N]

Without a path `tempo` is looked for on PATH. Compares searches, names and values of tags, traces by id as
JSON and protobuf, series, and generated TraceQL, without regard to what docs/languages/traceql.md says
differs. Prints counts and every difference; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from temponest.nest.api import tempo
from temponest.nest.model.source import SpanSource
from temponest.nest.model.span import Attributes, Kind, Span, Status
from tests.nest.make import SECOND, span
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving

from .tempo_answers import MINUTE, send, start_tempo, wait

# Ids that begin with no zero: Tempo does not find the others by id in a query.
FIRST_ID = 0x1234567890ABCDEF
_SERVICES = ("web", "shop", "bank", "mail")
_PATHS = ("/orders", "/pay", "/health")


def make_spans(seed: int, base_ns: int) -> list[Span]:
    """Forty traces over four services, with attributes of every type, errors and lost parents."""
    choose = random.Random(seed)  # noqa: S311 - data of a test
    spans: list[Span] = []
    for trace in range(1, 41):
        first = FIRST_ID + trace * 100
        # A lost span has none below it: Tempo sees no structure there.
        lost = trace % 13 == 0
        for number in range(1 if lost else choose.randrange(1, 7)):
            parent = first + choose.randrange(number) if number else 77 * lost
            attributes: Attributes = {
                "size": choose.randrange(100),
                "path": choose.choice(_PATHS),
                "ok": choose.random() < 0.5,
                "ratio": choose.randrange(10) / 8,
            }
            one = span(
                trace,
                first + number,
                parent,
                choose.choice(("GET", "SELECT", "charge")),
                service=choose.choice(_SERVICES),
                kind=choose.choice(list(Kind)),
                status=choose.choice(list(Status)),
                attributes={name: value for name, value in attributes.items() if choose.random() < 0.8},
                resource={"region": choose.choice(("eu", "us"))},
            )
            one.start_ns = base_ns + trace * SECOND + number * 1_000_000
            one.end_ns = one.start_ns + choose.randrange(1, 2000) * 1_000_000
            spans.append(one)
    return spans


class Queries:
    """TraceQL from a seed: filters, structures, pipelines and metrics over the spans above."""

    def __init__(self, seed: int) -> None:
        self._choose = random.Random(seed)  # noqa: S311 - queries of a test

    def search(self) -> str:
        """A query that finds spans."""
        pick = self._choose.choice
        chance = self._choose.random()
        if chance < 0.45:
            return self._filter()
        if chance < 0.65:
            return f"{self._filter()} {pick(['>', '>>', '<', '<<', '~', '&&', '||'])} {self._filter()}"
        if chance < 0.85:
            aggregate = pick(
                ["count()", "avg(duration)", "max(span.size)", "min(duration)", "sum(span.size)"]
            )
            bound = pick(["1", "2"]) if "count" in aggregate else pick(["50", "10"])
            bound = pick(["300ms", "1s"]) if "duration" in aggregate else bound
            return f"{self._filter()} | {aggregate} {pick(['>', '<', '>=', '<='])} {bound}"
        return f"{self._filter()} | select(span.path, resource.region)"

    def metrics(self) -> str:
        """A query that counts or measures them."""
        pick = self._choose.choice
        functions = "rate() count_over_time() min_over_time(duration) max_over_time(span.size)"
        function = pick(f"{functions} sum_over_time(duration) avg_over_time(duration)".split())
        by = pick(["", " by (resource.service.name)", " by (name)", " by (span.path)", " by (status)"])
        found = self._filter()
        while "||" in found or "uration" in found:
            # What a filter names Tempo measures and groups by where the condition on it holds only.
            found = self._filter()
        return f"{found} | {function}{by}"

    def _filter(self) -> str:
        if self._choose.random() < 0.1:
            return "{ }"
        terms = [self._term() for _ in range(self._choose.randrange(1, 4))]
        text = terms[0]
        for term in terms[1:]:
            text = f"({text}) {self._choose.choice(['&&', '||'])} {term}"
        return f"{{ {text} }}"

    def _term(self) -> str:
        pick = self._choose.choice
        return pick(
            [
                f"span.size {pick(['=', '!=', '<', '>=', '>'])} {self._choose.randrange(100)}",
                f"span.ratio {pick(['<', '>='])} {pick(['0.5', '0.25'])}",
                f'span.path {pick(["=", "!="])} "{pick(_PATHS)}"',
                f'span.path {pick(["=~", "!~"])} "{pick(["/p.*", "/.*s", "none"])}"',
                f'.path = "{pick(_PATHS)}"',
                f"span.ok = {pick(['true', 'false'])}",
                f'resource.service.name {pick(["=", "!="])} "{pick(_SERVICES)}"',
                f'resource.region = "{pick(["eu", "us"])}"',
                f'name {pick(["=", "!="])} "{pick(["GET", "SELECT"])}"',
                f"status {pick(['=', '!='])} {pick(['ok', 'error', 'unset'])}",
                f"kind {pick(['=', '!='])} {pick(['server', 'client', 'internal'])}",
                f"duration {pick(['<', '>'])} {pick(['100ms', '1s', '1.5s'])}",
                f"traceDuration {pick(['<', '>'])} {pick(['500ms', '1500ms'])}",
                f'rootName {pick(["=", "!="])} "GET"',
                f'rootServiceName = "{pick(_SERVICES)}"',
                f"span.{pick(['size', 'path', 'nothing'])} {pick(['=', '!='])} nil",
            ]
        )


def _requests(spans: list[Span], base_ns: int, seed: int, count: int) -> list[tuple[str, dict[str, str]]]:
    window = {"start": str(base_ns // SECOND - 60), "end": str(base_ns // SECOND + 120)}
    ids = sorted({one.trace_id.hex() for one in spans})[:5]
    tags = "span.size .size span.path span.ok span.ratio resource.service.name name status kind statusMessage"
    listed: list[tuple[str, dict[str, str]]] = [
        ("/api/search/tags", window),
        *(("/api/v2/search/tags", {"scope": scope, **window}) for scope in ("", "span", "resource")),
        *((f"/api/v2/search/tag/{tag}/values", window) for tag in tags.split()),
        *((f"/api/search/tag/{tag}/values", window) for tag in ("size", "path", "service.name", "name")),
        *(
            ("/api/v2/search/tag/resource.service.name/values", {"q": query, **window})
            for query in (
                '{ name = "GET" }',
                '{ name = "GET" && span.path = }',
                "{ status = error",
                "{ }",
                "",
            )
        ),
        *(("/api/traces/" + one, {}) for one in ids),
        *(("/api/v2/traces/" + one, {}) for one in ids),
        ("/api/traces/abcdef", {}),
        ("/api/traces/xyz", {}),
        ("/api/search", {"tags": "service.name=web", "limit": "100", **window}),
        ("/api/search", {"minDuration": "1s", "limit": "100", **window}),
        ("/api/search", {"q": "{ span.size > ", **window}),
        ("/api/search", {"q": "{ 1 = `a` }", **window}),
        ("/api/metrics/query_range", {"q": "{ } | rate(", "step": "10s", **window}),
    ]
    queries = Queries(seed)
    searches = {"limit": "100", "spss": "100", **window}
    listed += [("/api/search", {"q": queries.search(), **searches}) for _ in range(count)]
    for _ in range(count // 2):
        query = queries.metrics()
        listed.append(("/api/metrics/query_range", {"q": query, "step": "10s", **window}))
        listed.append(("/api/metrics/query", {"q": query, **window}))
    return listed


class Client(Protocol):
    """Asks one of both."""

    def get(self, path: str, *, params: dict[str, str]) -> Any:
        """The reply, as far as it has `is_error`, `status_code` and `json()`."""
        ...


def _listening(source: SpanSource) -> AbstractContextManager[httpx.Client]:
    return serving(tempo.create_app(source))


def _ask(client: Client, path: str, params: dict[str, str]) -> Any:
    reply = client.get(path, params=params)
    if reply.is_error:
        return reply.status_code
    answer = reply.json()
    if path.startswith("/api/search") and "traces" in answer and "tags" in params:
        # A search by tags lists spans here, and traces alone there.
        return sorted(one["traceID"] for one in answer["traces"])
    if path.startswith("/api/search") and "minDuration" in params:
        return sorted(one["traceID"] for one in answer["traces"])
    if path == "/api/metrics/query_range":
        return _series(answer, int(params["start"]) // 10 * 10_000)
    if path == "/api/metrics/query":
        # Nothing counted is a series without a value there, and none here.
        answer["series"] = [one for one in answer.get("series") or () if one.get("value")]
    return _plain(answer)


def _series(answer: dict[str, Any], start_ms: int) -> Any:
    found = {}
    for one in answer.get("series") or ():
        samples = {
            sample["timestampMs"]: float(f"{sample['value']:.9g}")
            for sample in one.get("samples") or ()
            if sample.get("value") and int(sample["timestampMs"]) > start_ms
        }
        if samples:
            found[json.dumps(_plain(one["labels"]))] = samples
    return found


def _plain(value: Any) -> Any:
    """A document without order, empty values, counters of the search, and names of spans in its results."""
    if isinstance(value, dict):
        skipped = {"metrics", "exemplars"}
        if "durationNanos" in value:
            # Of a span in a search each shows the attributes that it happened to read.
            skipped |= {"name", "attributes"}
        if "tags" in value:
            # The nest lists one intrinsic more.
            value = {**value, "tags": [tag for tag in value["tags"] if tag != "span:childCount"]}
        return {
            key: _plain(one)
            for key, one in sorted(value.items())
            if key not in skipped and one not in (None, "", [], {}, 0, 0.0, False)
        }
    if isinstance(value, list):
        return sorted((_plain(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _protobuf(client: httpx.Client, trace_id: str) -> Any:
    reply = client.get(f"/api/traces/{trace_id}", headers={"accept": "application/protobuf"})
    spans = [
        span.SerializeToString(deterministic=True)
        for resource in TracesData.FromString(reply.content).resource_spans
        for scope in resource.scope_spans
        for span in _sorted_attributes(scope.spans)
    ]
    return reply.headers["content-type"], sorted(spans)


def _sorted_attributes(spans: Any) -> Any:
    for one in spans:
        ordered = sorted(one.attributes, key=lambda attribute: attribute.key)
        del one.attributes[:]
        one.attributes.extend(ordered)
    return spans


def main(
    arguments: list[str],
    asking: Callable[[httpx.Client], Client] = lambda client: client,
    listening: Callable[[SpanSource], AbstractContextManager[httpx.Client]] = _listening,
) -> int:
    """Print the counts and differences; 0 when both answer alike.

    Args:
        arguments: of the command line.
        asking: what asks, made of an HTTP client.
        listening: the nest's API over some spans.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?", default=shutil.which("tempo"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=200)
    chosen = parser.parse_args(arguments)
    if not chosen.binary:
        print("tempo is not on PATH; give its path")
        return 2
    base_ns = (time.time_ns() // MINUTE - 5) * MINUTE
    spans = make_spans(chosen.seed, base_ns)
    traces = {one.trace_id for one in spans}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        theirs, otlp = start_tempo(chosen.binary, folder, stack)
        send(otlp, spans)
        everything = {"q": "{ }", "limit": "100", "start": str(base_ns // SECOND - 60)}
        everything["end"] = str(base_ns // SECOND + 120)
        wait(
            lambda: (
                len(theirs.get("/api/search", params=everything).json().get("traces") or []) == len(traces)
            ),
            "tempo does not search what was sent",
        )
        ours = stack.enter_context(listening(MemorySource(spans)))
        asked_of = asking(theirs), asking(ours)
        differences = []
        requests = _requests(spans, base_ns, chosen.seed, chosen.queries)
        for path, params in requests:
            one, other = (_ask(client, path, params) for client in asked_of)
            if one != other:
                texts = [json.dumps(answer)[:700] for answer in (one, other)]
                differences.append(
                    f"{path} {params.get('q') or params}\n  tempo {texts[0]}\n  nest  {texts[1]}"
                )
        differences += [
            f"protobuf of {one.hex()}"
            for one in traces
            if _protobuf(theirs, one.hex()) != _protobuf(ours, one.hex())
        ]
    asked = len(requests) + len(traces)
    print(f"{asked - len(differences)} of {asked} requests answered alike")
    print("\n".join(differences))
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
