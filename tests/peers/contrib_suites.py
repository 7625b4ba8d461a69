"""Run contrib's own test suites against our instrumentations and say why a test fails.

    python -m tests.peers.contrib_suites CHECKOUT [--write docs/conformance/instrumentation.md]

CHECKOUT is a clone of github.com/open-telemetry/opentelemetry-python-contrib. What the suites themselves need
is fetched by uv into a temporary folder. It takes about a minute; a suite that hangs is ended after five. A
failure that no rule below explains makes the run fail, as does a rule that explains nothing any more.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUITES = ("asgi", "fastapi", "asyncpg", "redis", "httpx", "requests")
NEEDED = (
    *("opentelemetry-test-utils==0.66b1", "asgiref", "decorator", "fakeredis", "httpretty", "mocket"),
    *("puremagic", "respx", "sortedcontainers", "wrapt"),
)
LONGEST = 300
"""Seconds that a suite may take; the slowest takes less than 30."""
MARK = "<!-- written by tests/peers/contrib_suites.py -->"


@dataclass(frozen=True)
class Rule:
    """Why tests fail that match: suite, test name and the assertion, each a regular expression."""

    reason: str
    suite: str = ""
    name: str = ""
    error: str = ""

    def explains(self, suite: str, name: str, error: str) -> bool:
        """Whether this is why that test failed."""
        return bool(
            re.search(self.suite, suite) and re.search(self.name, name) and re.search(self.error, error)
        )


HOOKS = (
    "asks for hooks or options in code that we do not offer (processors and views do that for any library)"
)
OLD = "expects the conventions of before 1.23, contrib's default; ours are the stable ones, `dup` adds a part"
OLDER = "expects the schema address of an older version of the stable conventions"
HEADERS = "expects header attributes with `_` for `-`; the stable conventions keep the header's name"
ONE = "instruments one client or application and expects others untouched; ours instruments the library"
INTERNALS = "looks into contrib's own classes, entry points or log lines, or replaces spans by mocks"
SYNTHETIC = "expects `user_agent.synthetic.type`, an attribute in development, which we leave to the backend"
NAMES = "expects the first word of the statement as the span's name; ours is `db.query.summary`"
PARENT = (
    "expects an INTERNAL span below a span that is current; a request is a SERVER span wherever it comes from"
)
CLOSED = "expects the text or parameters with their values; ours never records literals"
AGENT = "expects `user_agent.original` on client spans, which the conventions leave to the user to ask for"
PLACE = "expects what is outside of the middleware (later ones, the handler of unhandled errors) in its span"
SUPPRESSED = "expects a request untraced where HTTP clients are suppressed"
ROWS = "expects a span for each row of a cursor; ours makes one for each batch that crosses the wire"
EMPTY = "expects a span for a pipeline that sends nothing"
PIPELINE = "expects a pipeline's span under another name; ours is the conventions' `MULTI` or `PIPELINE`"
EVENTS = "counts contrib's spans for each ASGI `send` and `receive`; ours makes one span a request"
PATH = "expects the path in a span's name where there is no route"
HANDSHAKE = "expects the span of a WebSocket to end with the connection; ours is the handshake's"
AGAIN = "hands the same scope to several requests, which no server does"
SIZE = "expects header lengths as sizes of bodies, the response's for the request, too; ours counts bytes"
PEER = "expects the host's name as `network.peer.address`, or the default port left out"
CLASS = "expects the bare class of an exception as `error.type` or as the status' description"
BACKGROUND = "expects contrib's name for the span of a background task"
PROPAGATOR = "expects the response propagator of contrib, which is not part of the API"

_OLD_NAMES = (
    r"http\.(method|url|status_code|target|scheme|host|flavor)\b|http\.server\.duration"
    r"|db\.(statement|system'|redis)|net\.\w+|network\.transport"
)
RULES = (
    Rule(PROPAGATOR, name=r"traceresponse"),
    Rule(HOOKS, name=r"[Hh]ooks?\b|_hook_|override_span_name|capture_parameters|exclude_internal|Fallback"),
    Rule(HOOKS, name=r"CustomHeaders(Constructor|Parameters)|custom_histogram_boundaries|urls_explicit"),
    Rule(SYNTHETIC, name=r"synthetic|UserAgentSynthetic"),
    Rule(HEADERS, error=r"header\.\w*_|REDACTED"),
    Rule(HEADERS, name=r"request_and_response_headers_captured"),
    Rule(BACKGROUND, name=r"background_task_span_(parents|not_dup)"),
    Rule(PARENT, name=r"mark_span_internal"),
    Rule(PLACE, name=r"unhandled_exception|middleware_exceptions|error_handler_context"),
    Rule(SUPPRESSED, suite="asgi", name=r"suppress_http"),
    Rule(ROWS, name=r"cursor_span_creation"),
    Rule(EMPTY, name=r"empty_pipeline"),
    Rule(PIPELINE, name=r"suppress_instrumentation(_async)?_pipeline"),
    Rule(INTERNALS, name=r"cursor_instrumentation|prepared_statement_instr|entry_point|installed|Logic"),
    Rule(INTERNALS, error=r"_get_tracer|_tracer|'Mock'"),
    Rule(HANDSHAKE, name=r"test_websocket"),
    Rule(PATH, error=r"'GET' != 'GET /|not found in 'GET /user/123"),
    Rule(AGAIN, name=r"asgi_metrics(_new|_both)|fastapi_metrics_(new|both)", error=r"1 != 3"),
    Rule(SIZE, name=r"basic_metric.*_(new|both)_semconv", error=r"25 != 0|1024 != 1"),
    Rule(AGENT, suite="requests", name=r"(exception|http_method)_new_semconv"),
    Rule(OLDER, error=r"schemas/1\.21\.0"),
    Rule(CLASS, name=r"basic_exception", error=r"NoneType.*iterable"),
    Rule(CLASS, name=r"timeout_exception_(new|both)_semconv"),
    Rule(PEER, name=r"http_method_new_semconv"),
    Rule(EVENTS, name=r"AutoInstrumentation\.test_request|AutoInstrumentationHooks\.test_sub_app"),
    Rule(OLD, name=r"sub_app|host_fastapi_call|HostHeaderURL|exception_span_recording|not_foundbasic"),
    Rule(SIZE, name=r"fastapi_metrics", error=r"False is not true"),
    Rule(OLD, name=r"error_type_not_set_on_default"),
    Rule(OLD, name=r"basic_metric_(success|both)", error=r"'s' != 'ms'|1 != 2"),
    Rule(CLOSED, suite="asyncpg", error=r"SELECT \?"),
    Rule(NAMES, suite="asyncpg", error=r"'SELECT t' != 'SELECT'"),
    Rule(OLD, error=_OLD_NAMES + r"|schemas/1\.11\.0|None != '(SET|GET|WATCH)"),
    Rule(ONE, name=r"client|session|uninstrument|instrument_app|mulitple|duplicat|proxy|basic_multiple"),
)


def main(arguments: list[str]) -> int:
    """Print the tables; the exit code says whether a failure has no explanation."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.contrib_suites")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--write", type=Path, help="a Markdown file whose end is replaced by the tables")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="temponest-contrib-") as name:
        folder = Path(name)
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(  # noqa: S603 - packages by name
            [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder / "packages", *NEEDED],
            check=True,
        )
        results = {suite: run(suite, chosen.checkout.resolve(), folder) for suite in SUITES}
    text, unexplained = report(results)
    sys.stdout.write(text)
    if chosen.write is not None:
        kept = chosen.write.read_text().partition(MARK)[0] if chosen.write.exists() else ""
        chosen.write.write_text(f"{kept}{MARK}\n\n{text}")
    return min(unexplained, 1)


@dataclass(frozen=True)
class Case:
    """One test: its name, its outcome (`passed`, `failed` or `skipped`), and whether it came by ours."""

    name: str
    outcome: str
    error: str = ""
    ours: bool = True


def run(suite: str, checkout: Path, folder: Path) -> list[Case]:
    """Run one suite; raises `TimeoutExpired` when it hangs."""
    sys.stderr.write(f"{suite} ...\n")
    packages = [checkout / "instrumentation" / f"opentelemetry-instrumentation-{one}" for one in SUITES]
    shared = [checkout / "opentelemetry-instrumentation", checkout / "util" / "opentelemetry-util-http"]
    paths = [folder / "packages", *(package / "src" for package in (*shared, *packages)), ROOT, HERE]
    written = folder / f"{suite}.xml"
    subprocess.run(  # noqa: S603 - the suite that was asked for
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"),
            *("-p", "contrib_shims", f"--junitxml={written}", "tests"),
        ],
        cwd=packages[SUITES.index(suite)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        check=False,
        timeout=LONGEST,
    )
    found: dict[str, Case] = {}
    for case in ET.parse(written).iter("testcase"):  # noqa: S314 - pytest wrote it
        name = f"{case.get('classname', '').rsplit('.', 1)[-1]}.{case.get('name')}"
        outcome, error = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, error = "failed", f"{child.get('message')}\n{child.text}"
            elif child.tag == "skipped":
                outcome = "skipped"
        said = case.find("properties/property[@name='ours']")
        ours = said is None or said.get("value") == "True"
        # A subtest that fails comes as a case of its own with the name of its test.
        if name not in found or found[name].outcome != "failed":
            found[name] = Case(name, outcome, error, ours)
    return list(found.values())


def assertion(error: str) -> str:
    """The lines of a traceback that say what went wrong."""
    return "\n".join(line for line in error.splitlines() if line.startswith("E ")) or error[:500]


def report(results: dict[str, list[Case]]) -> tuple[str, int]:
    """The tables as Markdown, and how many failures have no explanation or rules nothing to explain."""
    lines = [
        "| suite | tests | of contrib's own code | of ours | passed | explained | unexplained | skipped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    why: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    unknown: list[str] = []
    idle = set(RULES)
    for suite, cases in results.items():
        ours = [case for case in cases if case.ours or case.outcome != "passed"]
        failed = [(case.name, assertion(case.error)) for case in ours if case.outcome == "failed"]
        odd = 0
        for name, error in failed:
            rule = next((rule for rule in RULES if rule.explains(suite, name, error)), None)
            if rule is None:
                odd += 1
                unknown.append(f"- {suite}: `{name}`: {error.splitlines()[0][:120] if error else ''}")
            else:
                idle.discard(rule)
                why[rule.reason][suite].append(name)
        passed, skipped = (sum(case.outcome == one for case in ours) for one in ("passed", "skipped"))
        counts = (len(cases), len(cases) - len(ours), len(ours), passed, len(failed) - odd, odd, skipped)
        lines.append(f"| {suite} | {' | '.join(map(str, counts))} |")
    lines.append("")
    for reason, suites in sorted(why.items(), key=lambda entry: -sum(map(len, entry[1].values()))):
        count = sum(map(len, suites.values()))
        lines += [f"### {count} fail because the suite {reason}", ""]
        for suite, names in suites.items():
            lines.append(f"- {suite}: {', '.join(f'`{name}`' for name in sorted(names))}")
        lines.append("")
    if unknown:
        lines += ["### Unexplained", "", *unknown, ""]
    if idle:
        lines += ["### Rules that explain nothing", "", *(f"- {rule}" for rule in RULES if rule in idle), ""]
    return "\n".join(lines) + "\n", len(unknown) + len(idle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
