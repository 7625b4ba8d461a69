"""Our commands and pages over the real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx

from temponest.demo.ports import free_ports
from temponest.demo.process import Process
from temponest.demo.programs import wait_ready

from .addresses import Addresses
from .arrivals import AGENTS, AUTH

FAILED = f'{{ resource.service.name = "{AGENTS}" && status = error }}'
RATE = "sum by (job) (rate(http_server_request_duration_seconds_count[1m]))"


def _temponest(at: Addresses, *words: str, code: int = 0) -> str:
    tempo, prometheus = at.url("tempo", 3200), at.url("prometheus", 9090)
    result = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "temponest", *words, "--tempo", tempo, "--prometheus", prometheus],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "140"},
    )
    assert result.returncode <= code, f"temponest {' '.join(words)}:\n{result.stdout}{result.stderr}"
    return result.stdout


def _lines(text: str, *wanted: str) -> str:
    assert all(word in text for word in wanted), text
    return f"{len(text.splitlines())} lines"


def search(at: Addresses) -> str:
    """`temponest search` lists failed traces."""
    return _lines(_temponest(at, "search", FAILED), AGENTS)


def trace(at: Addresses) -> str:
    """`temponest trace` draws one of them."""
    (first, *_) = json.loads(_temponest(at, "search", FAILED, "--json"))
    return _lines(_temponest(at, "trace", _trace_id(first)), AGENTS)


def _trace_id(found: dict[str, Any]) -> str:
    return next(str(found[key]) for key in ("trace_id", "traceID", "traceId") if key in found)


def services(at: Addresses) -> str:
    """`temponest services` has requests, errors and p95 of both."""
    found = json.loads(_temponest(at, "services", "--json"))
    for name in (AGENTS, AUTH):
        assert found[name]["requests_per_second"] > 0, found
        assert 0 < found[name]["p95_seconds"] < 10, found
    return f"{len(found)} services"


def query(at: Addresses) -> str:
    """`temponest query` draws a series a service."""
    return _lines(_temponest(at, "query", RATE), AGENTS, AUTH)


def top(at: Addresses) -> str:
    """`temponest top` shows both services."""
    return _lines(_temponest(at, "top", "--times", "1"), AGENTS, AUTH)


def cost(at: Addresses) -> str:
    """`temponest cost` shows both services."""
    return _lines(_temponest(at, "cost"), AGENTS, AUTH)


def tail(at: Addresses) -> str:
    """`temponest tail` prints a trace that comes while it waits."""
    return _lines(_temponest(at, "tail", "--count", "1"), "temponest-")


def doctor(at: Addresses) -> str:
    """`temponest doctor` reads back what it sends, whichever server it sends to."""
    for receiver in ("jaeger", "collector"):
        endpoint = at.url(receiver, 4317)
        out = _temponest(at, "doctor", "--json", "--wait", "25", "--endpoint", endpoint, code=1)
        # The doctor also warns of the program that loses spans, which is there for that.
        trips = [one for one in json.loads(out)["findings"] if one["check"] == "round trip"]
        assert len(trips) == 2, f"{receiver}:\n{out}"
        assert all("read back from" in one["what"] for one in trips), f"{receiver}:\n{out}"
    return "traces and metrics are read back through both"


def pages(at: Addresses) -> str:
    """`temponest ui` serves the pages and passes on what they ask."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "temponest", "ui", "--port", str(port)]
    command += ["--tempo", at.url("tempo", 3200), "--prometheus", at.url("prometheus", 9090)]
    process = Process("the pages", command, log=at.folder / "ui.log")
    try:
        wait_ready(process, f"http://127.0.0.1:{port}/here.json")
        base = f"http://127.0.0.1:{port}"
        found = (
            httpx.get(f"{base}/tempo/api/search", params={"q": FAILED, "limit": 5}).raise_for_status().json()
        )
        assert found["traces"], found
        answer = (
            httpx.get(f"{base}/prometheus/api/v1/query", params={"query": RATE}).raise_for_status().json()
        )
        assert answer["data"]["result"], answer
    finally:
        process.stop()
    return f"{len(found['traces'])} traces, {len(answer['data']['result'])} series"


CHECKS = (search, trace, services, query, top, cost, tail, doctor, pages)
