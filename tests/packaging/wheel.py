"""The built wheel in empty environments: the library, every command, the nest with its pages, the demo.

    python tests/packaging/wheel.py                # build it, try 3.11 to 3.14
    python tests/packaging/wheel.py 3.12 3.13      # some versions

Environments hold what `pip install` brings and nothing else: no repository on the path, no Node, no compiler.
A version without an interpreter on this machine is skipped by name. Ends with 1 if anything fails.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.packaging.installed import ROOT, Failed, Installed, build, interpreter
from tests.packaging.project import FILES

VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")
SERVICE: Final = """
import sys
from opentelemetry.trace import SpanKind
from shared.telemetry import get_meter, get_tracer, setup_metrics, setup_tracing, shutdown
setup_tracing(service_name="orders", service_version="1.0.0", environment="test")
setup_metrics(service_name="orders", service_version="1.0.0", environment="test")
for number in range(2):
    with get_tracer(__name__).start_as_current_span("order", kind=SpanKind.SERVER) as span:
        get_meter(__name__).create_counter("orders").add(1)
        print(f"{span.get_span_context().trace_id:032x}")
shutdown()
print(sorted({"grpc", "google.protobuf", "fastapi"} & set(sys.modules)))
"""
AGENT: Final = """
import asyncio, sys
from mcp import Client, StdioServerParameters
async def main():
    async with Client(StdioServerParameters(command=sys.argv[1], args=["mcp", *sys.argv[3:]])) as client:
        print((await client.call_tool("trace_topology", {"trace_id": sys.argv[2]})).content[0].text)
asyncio.run(main())
"""
APP: Final = "from fastapi import FastAPI\n\n\ndef create_app() -> FastAPI:\n    return FastAPI()\n"
PATIENCE: Final = 60.0
"""Seconds until what was sent is in the metrics that the nest derives from it."""


def try_alone(installed: Installed) -> None:
    """The library alone: it records, says how to get the commands, and its types are right for a user."""
    console = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "console"}
    installed.run("python", "-W", "error", "-c", SERVICE, expect="order  server", more=console)
    installed.run("temponest", code=1, expect="pip install 'temponest[nest]'")
    shutil.copy(ROOT / "tests" / "packaging" / "user.py", installed.work / "user.py")
    installed.install("mypy", "pytest", "pytest-asyncio", "fastapi", "httpx")
    installed.run("mypy", "--strict", "user.py", expect="Success: no issues found in 1 source file")
    for name, text in FILES.items():
        (installed.work / name).write_text(text)
    installed.run("python", "-m", "pytest", "-q", expect="4 passed")


def send(installed: Installed, urls: dict[str, str]) -> tuple[str, str]:
    """Send two traces from a process of its own, and give their ids."""
    installed.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = urls["--grpc-port"]
    first, second, loaded = installed.run("python", "-W", "error", "-c", SERVICE).split("\n")[:3]
    if loaded != "[]":
        raise Failed(f"the library loads {loaded}")
    return first, second


def try_nest(installed: Installed) -> None:
    """Every command, on a nest that holds what the library sent."""
    with installed.nest("data") as urls:
        first, second = send(installed, urls)
        names = set(re.findall(r"^  ([a-z]+)  ", installed.run("temponest", "--help"), re.MULTILINE))
        for name in sorted(names):
            installed.run("temponest", name, "--help", expect="Usage: temponest")
        try_questions(installed, urls, first, second)
        try_files(installed, urls, first)
        try_browser(installed, urls, first)
        held = [part for option, url in urls.items() for part in (option, url.rpartition(":")[2])]
        installed.run("temponest", "serve", *held, code=1, expect="is held by")
    for shell in ("bash", "fish", "zsh"):
        installed.run("temponest", "completion", shell, expect="_TEMPONEST_COMPLETE")
    (installed.work / "main.py").write_text(APP)
    (installed.work / "requirements.txt").write_text("fastapi\n")
    installed.run("temponest", "init", "--yes", expect="Written.")
    installed.run("temponest", "init", expect="there is nothing to add")
    installed.run("temponest", "demo", code=1, expect="pip install 'temponest[demo]'")
    installed.run("temponest", "mcp", code=1, expect="pip install 'temponest[mcp]'")


def try_questions(installed: Installed, urls: dict[str, str], first: str, second: str) -> None:
    """The commands that ask for traces and metrics."""
    at = ("--tempo", urls["--tempo-port"], "--prometheus", urls["--prometheus-port"])
    installed.run("temponest", "trace", first, *at, expect="order")
    installed.run("temponest", "search", '{ name = "order" }', *at, expect=second[:8])
    installed.run("temponest", "tail", "--count", "1", "--json", *at, expect=first)
    installed.run("temponest", "services", *at, expect="temponest-orders", patience=PATIENCE)
    installed.run("temponest", "diff", first, second, *at, code=None, expect="temponest-orders order")
    installed.run("temponest", "query", "orders_total", *at, expect="temponest-orders", patience=PATIENCE)
    installed.run("temponest", "top", "--times", "1", *at, expect="temponest-orders")
    installed.run("temponest", "cost", *at, expect="temponest-orders")
    installed.run("temponest", "doctor", "--endpoint", urls["--grpc-port"], *at, expect="read back")
    typed = {
        "_TEMPONEST_COMPLETE": "bash_complete",
        "COMP_WORDS": f"temponest trace --tempo {urls['--tempo-port']} ",
        "COMP_CWORD": "4",
    }
    installed.run("temponest", expect=first, more=typed)


def try_files(installed: Installed, urls: dict[str, str], trace: str) -> None:
    """A trace out of one nest and into another one, and a log line beside it."""
    at = ("--tempo", urls["--tempo-port"])
    for name in ("traces.jsonl", "traces.pb", "traces.parquet"):
        installed.run("temponest", "export", name, "--trace", trace, *at, expect="Exported 1 traces")
        with installed.nest(f"data-{name}") as other:
            endpoint = ("--endpoint", other["--http-port"])
            installed.run("temponest", "import", name, *endpoint, expect="Imported 1 requests")
            installed.run("temponest", "trace", trace, "--tempo", other["--tempo-port"], expect="order")
    record = {"body": {"stringValue": "sold out"}, "traceId": trace, "severityNumber": 13}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "temponest-orders"}}]}
    request = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    line, endpoint = json.dumps(request), ("--endpoint", urls["--http-port"])
    installed.run("temponest", "import", "-", *endpoint, text=line, expect="Imported 1 requests")
    loki = ("--loki", urls["--loki-port"])
    installed.run("temponest", "logs", "--trace", trace, *loki, expect="sold out", patience=PATIENCE)


def try_browser(installed: Installed, urls: dict[str, str], trace: str) -> None:
    """The pages of the nest, the same over its APIs, and a browser that is opened at a trace."""
    tempo, prometheus = urls["--tempo-port"], urls["--prometheus-port"]
    options = ("--tempo", tempo, "--prometheus", prometheus, "--loki", urls["--loki-port"], "--port", "0")
    with installed.running("temponest", "ui", *options, until="The pages are at") as said:
        (pages,) = re.findall(r"The pages are at (\S+)", said)
        for place in (urls["--jaeger-port"], pages):
            if "<script" not in read(f"{place}/"):
                raise Failed(f"there are no pages at {place}")
            read(f"{place}/tempo/api/v2/traces/{trace}")
    browser, opened = installed.work / "browser", installed.work / "opened"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{opened}'\n")
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    address = f"{urls['--jaeger-port']}/trace/{trace}"
    with_browser = {"BROWSER": str(browser)}
    installed.run(
        "temponest", "open", trace, "--pages", urls["--jaeger-port"], expect=address, more=with_browser
    )
    if opened.read_text().strip() != address:
        raise Failed(f"temponest open: the browser got {opened.read_text()!r}")


def read(url: str) -> str:
    """What an address answers."""
    try:
        with urlopen(Request(url, headers={"Accept": "application/json"}), timeout=10) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())
    except OSError as error:
        raise Failed(f"{url}: {error}") from error


def try_mcp(installed: Installed) -> None:
    """An agent that starts the server itself and asks for a trace."""
    with installed.nest("data") as urls:
        first, _ = send(installed, urls)
        at = ("--tempo", urls["--tempo-port"], "--prometheus", urls["--prometheus-port"])
        command = str(installed.bin / "temponest")
        installed.run("python", "-c", AGENT, command, first, *at, expect="temponest-orders order [server]")


def try_demo(installed: Installed) -> None:
    """The demo from nothing: PostgreSQL, Valkey, two services and the nest, one trace over both services."""
    installed.run("temponest", "demo", "--once", expect="temponest-auth")


EXTRAS: Final = {"": try_alone, "nest": try_nest, "mcp": try_mcp, "demo": try_demo}


def main(versions: list[str]) -> int:
    """Try the wheel on each version."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="temponest-wheel-") as name:
        wheel = build(Path(name) / "wheel")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB\n")
        print("| Python | extra | MB | |\n|---|---|---|---|")
        for version in versions:
            python = interpreter(version)
            if python is None:
                print(f"| {version} | | | skipped: no such interpreter here |", flush=True)
                continue
            for extra, attempt in EXTRAS.items():
                folder = Path(name) / f"{version}-{extra or 'alone'}"
                size, said = 0.0, "works"
                try:
                    installed = Installed(python, wheel, extra, folder)
                    size = installed.size()
                    attempt(installed)
                except (Failed, subprocess.TimeoutExpired) as error:
                    failed, said = True, f"FAILED: {error}"
                print(f"| {version} | {extra or 'none'} | {size:.0f} | {said} |", flush=True)
                shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main(sys.argv[1:] or list(VERSIONS)))
