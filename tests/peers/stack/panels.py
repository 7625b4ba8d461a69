"""Every query of every panel and rule, asked of the real servers and of the nest."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx

from docker.grafana import dashboards
from temponest.client.prometheus import Prometheus
from tests.docker.files import DOCKER, read

from .addresses import Addresses

# What Grafana fills in. Its interval is four times that at which samples come.
VARIABLES = {"$__rate_interval": "1m", "$service": ".*"}
COMPARED = re.compile(r"\s+[<>=]=?\s+[\d.]+\s*$")
# About servers that the nest has not beside it, and about what exists only once it happens.
OF_THE_STACK = {"alert StackServerDown", "alert CollectorRefuses", "alert TailSamplingTooSmall"}
OF_FAILURES = {"alert CollectorLosesData"}


def expressions() -> Iterator[tuple[str, str]]:
    """Every PromQL expression with the place it comes from."""
    for title, panels in dashboards.DASHBOARDS.values():
        for panel in panels:
            if panel.kind != "traces":
                yield from ((f"{title}, {panel.title}", text) for text, _ in panel.queries)
    for group in read(DOCKER / "prometheus/rules.yml")["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]


def filled(text: str) -> str:
    """A query as Grafana sends it."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return text


def run(at: Addresses) -> list[str]:
    """Ask all; prints a table and returns the places that have no data though they should.

    Rules over the stack's own servers have no data on the nest, which is one server.
    """
    servers = {"Prometheus": at.url("prometheus", 9090), "the nest": at.url("nest", 9090)}
    empty = []
    print("| panel or alert | series in Prometheus | in the nest |\n|---|---|---|")
    for place, text in expressions():
        counts = []
        for name, url in servers.items():
            server = Prometheus(url)
            # An alert is silent when all is well; what it compares is there all the same.
            found = server.query(filled(text)) or server.query(re.sub(COMPARED, "", filled(text)))
            finite = sum(any(value == value for _, value in one.samples) for one in found)
            counts.append(str(finite))
            if (
                not finite
                and (name == "Prometheus" or place not in OF_THE_STACK)
                and place not in OF_FAILURES
            ):
                empty.append(f"{place}: {' '.join(filled(text).split())} has no data on {name}")
        print(f"| {place} | {' | '.join(counts)} |", flush=True)
    for language, text in dashboards.queries():
        if language == "traceql":
            counts = []
            for name in ("tempo", "nest"):
                now = int(time.time())
                params: dict[str, str | int] = {"q": filled(text), "start": now - 3600, "end": now}
                reply = httpx.get(f"{at.url(name, 3200)}/api/search", params=params, timeout=30)
                found_traces = reply.raise_for_status().json().get("traces") or []
                counts.append(str(len(found_traces)))
                if not found_traces:
                    empty.append(f"{text} finds nothing in {name}")
            print(f"| {text.replace('|', chr(92) + '|')} | {' | '.join(counts)} |")
    return empty
