"""Run contrib's own test suites against our instrumentations and say why a test fails.

    python -m tests.peers.contrib_suites CHECKOUT [--write docs/conformance/instrumentation.md]

CHECKOUT is a clone of github.com/open-telemetry/opentelemetry-python-contrib. What the suites themselves need
is fetched by uv into a temporary folder. A failure that no rule below explains makes the run fail.
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


HOOKS = "asks for hooks or options in code that we do not offer (a span processor does that for any library)"
OLD = "expects the conventions of before 1.23, contrib's default; ours are the stable ones, `dup` adds a part"
EVENTS = "expects a span for each ASGI `send` and `receive`; ours makes one span a request"
HEADERS = "expects header attributes with `_` for `-`; the stable conventions keep the header's name"
ONE = "instruments one client or application and expects others untouched; ours instruments the library"
INTERNALS = "looks into contrib's own classes, entry points or log lines"
SYNTHETIC = "expects `user_agent.synthetic.type`, an attribute in development, which we leave to the backend"
NAMES = "expects the first word of the statement as the span's name; ours is `db.query.summary`"
METRICS = "expects metrics of the instrumentor; ours are made by `setup_metrics`, not by the instrumentation"
PARENT = (
    "expects an INTERNAL span below a span that is current; a request is a SERVER span wherever it comes from"
)
CLOSED = "expects the text or parameters with their values; ours never records literals"

AGENT = "expects `user_agent.original` on client spans, which the conventions leave to the user to ask for"
PLACE = "adds a middleware later, so outside of ours, and expects what it raises in our span"
SUPPRESSED = "expects a request untraced where HTTP clients are suppressed"
ROWS = "expects a span for each row of a cursor; ours makes one for each batch that crosses the wire"
EMPTY = "expects a span for a pipeline that sends nothing"

RULES = (
    Rule(METRICS, name=r"not_foundbasic_new_semconv"),
    Rule(OLD, name=r"host_fastapi_call|exception_span_recording|not_foundbasic$"),
    Rule(PLACE, name=r"middleware_exceptions"),
    Rule(SUPPRESSED, suite="asgi", name=r"suppress_http"),
    Rule(ROWS, name=r"cursor_span_creation"),
    Rule(EMPTY, name=r"empty_pipeline"),
    Rule(AGENT, suite="requests", name=r"(exception|http_method)_new_semconv"),
    Rule(HOOKS, suite="requests", name=r"excluded_urls_explicit"),
    Rule(INTERNALS, name=r"background_task_span_parents|prepared_statement_instr|suppress.*pipeline"),
    Rule(HOOKS, name=r"hook|override_span_name|capture_parameters|exclude_internal|Fallback|default_span"),
    Rule(SYNTHETIC, name=r"synthetic|[Uu]ser_?[Aa]gent"),
    Rule("expects the response propagator of contrib, which is not part of the API", name=r"traceresponse"),
    Rule(PARENT, name=r"mark_span_internal|error_handler_context"),
    Rule(HEADERS, error=r"header\.\w*_|REDACTED"),
    Rule(HEADERS, name=r"custom.*headers|CustomHeaders|headers_in_span|headers_captured|header_capture"),
    Rule(EVENTS, suite="asgi|fastapi", error=r"\b[1-3] != [2-9]\b|not enough values"),
    Rule(METRICS, name=r"[Mm]etric|exemplar|histogram"),
    Rule(CLOSED, suite="asyncpg", error=r"SELECT \?|SELECT 1"),
    Rule(NAMES, suite="asyncpg", error=r"'(SELECT|INSERT|UPDATE|PREPARE)[^']*' != '|name"),
    Rule(
        OLD,
        error=r"http\.(method|url|status_code|target|scheme|host)|db\.(statement|system'|redis)|net\.\w+|1\.(11|21)\.0"
        r"|network\.(transport|peer)|unexpectedly None|NoneType.*iterable|None != '(SET|GET|WATCH|MULTI)",
    ),
    Rule(
        ONE, name=r"client|session|_app\b|uninstrument|instrument_app|only|multiple|mulitple|duplicat|proxy"
    ),
    Rule(INTERNALS, error=r"_get_tracer|_tracer|Calls not found|no logs|isinstance|identical|Mock|entry"),
    Rule(INTERNALS, name=r"entry_point|installed|no_instrumentation|AutoInstrumentation|schema_url"),
    Rule(OLD, name=r"default|both_semconv|_dup"),
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


def run(suite: str, checkout: Path, folder: Path) -> list[tuple[str, str, str]]:
    """Each test's name, outcome (passed, failed or skipped) and error."""
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
    )
    found: dict[str, tuple[str, str, str]] = {}
    for case in ET.parse(written).iter("testcase"):  # noqa: S314 - pytest wrote it
        name = f"{case.get('classname', '').rsplit('.', 1)[-1]}.{case.get('name')}"
        outcome, error = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, error = "failed", f"{child.get('message')}\n{child.text}"
            elif child.tag == "skipped":
                outcome = "skipped"
        # A subtest that fails comes as a case of its own with the name of its test.
        if found.get(name, ("", "", ""))[1] != "failed":
            found[name] = name, outcome, error
    return list(found.values())


def assertion(error: str) -> str:
    """The lines of a traceback that say what went wrong."""
    return "\n".join(line for line in error.splitlines() if line.startswith("E ")) or error[:500]


def report(results: dict[str, list[tuple[str, str, str]]]) -> tuple[str, int]:
    """The tables as Markdown, and how many failures have no explanation."""
    lines = ["| suite | tests | passed | explained | unexplained | skipped |", "|---|---|---|---|---|---|"]
    why: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    unknown: list[str] = []
    for suite, cases in results.items():
        failed = [(name, assertion(error)) for name, outcome, error in cases if outcome == "failed"]
        odd = 0
        for name, error in failed:
            rule = next((rule for rule in RULES if rule.explains(suite, name, error)), None)
            if rule is None:
                odd += 1
                unknown.append(f"- {suite}: `{name}`: {error.splitlines()[0][:120] if error else ''}")
            else:
                why[rule.reason][suite].append(name)
        passed = sum(outcome == "passed" for _, outcome, _ in cases)
        skipped = sum(outcome == "skipped" for _, outcome, _ in cases)
        lines.append(f"| {suite} | {len(cases)} | {passed} | {len(failed) - odd} | {odd} | {skipped} |")
    lines.append("")
    for reason, suites in sorted(why.items(), key=lambda entry: -sum(map(len, entry[1].values()))):
        count = sum(map(len, suites.values()))
        lines += [f"### {count} fail because the suite {reason}", ""]
        for suite, names in suites.items():
            lines.append(f"- {suite}: {', '.join(f'`{name}`' for name in sorted(names))}")
        lines.append("")
    if unknown:
        lines += ["### Unexplained", "", *unknown, ""]
    return "\n".join(lines) + "\n", len(unknown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
