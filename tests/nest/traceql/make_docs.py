"""Writes `docs/languages/traceql.md` from the case lists: `python -m tests.nest.traceql.make_docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from temponest.nest.traceql.engine import compile_query
from temponest.nest.traceql.errors import TraceQLError
from temponest.nest.traceql.rules.alias_names import RENAMED
from tests.nest.traceql import script

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "languages" / "traceql.md"
TESTS = "../../tests/nest/traceql"

HEAD = """\
# TraceQL

The nest answers [TraceQL as Grafana Tempo documents it](https://grafana.com/docs/tempo/latest/traceql/):
searches at `/api/search`, series at `/api/metrics/query_range` and `/api/metrics/query`. This page is made
from the test cases by `python -m tests.nest.traceql.make_docs`; each heading links to them.

## What a query costs and when it is cut off

- A search reads the newest spans first and stops when it has `limit` traces. It returns them newest first.
- A query may take 30 seconds, and ends when its client leaves. Series may have 11,000 points each and four
  million points together; a query that needs more is refused with 422 and says how to ask for less.
  `compare()` counts 1,000 values of an attribute apart.
- An answer that is not everything says so: `metrics.completedJobs` is below `metrics.totalJobs`, and the
  header `TempoNest-Cut-Off` is `limit` or `time`. Series are then `PARTIAL`, with a message.
- Regular expressions are RE2's and match the whole value: no pattern takes more than linear time.
- A query may be 131,072 characters long and 150 levels deep.

## Where the nest differs from Tempo

| what | Tempo | the nest |
|---|---|---|
| `quantile_over_time` | interpolates between powers of two | exact up to a million values, then to 0.25 % |
| a quantile of an interval without spans | 0 | no sample |
| `histogram_over_time` of a fractional attribute, or of 0 and 1 | not counted | counted |
| spans of a trace that arrived late, or long ago | depends on the block | always part of the trace |
| order of a search | any, unless `most_recent=true` | always newest first |
| 20 and 20.0 | a literal is compared with attributes of its type | compared as numbers everywhere |
| `!` before a comparison: `{ !(span.size = 20) }` | finds nothing | finds what the comparison does not |
| division by zero | the search fails | no match |
| an array of several values and `!=` or `!~` | true where one value differs | true where none is equal |
| `event.x = nil` | true where an event lacks it | true where no event has it |
| `{ span:id = "7" }`, ids of links | whole ids, and none that begins with zeros | leading zeros may lack |
| `span:parentID != ...` on a root | true | false: a root has none |
| structure below a span whose parent has not arrived | not seen | seen |
| `!>`, `!<`, `!<<` and spans whose parent has not arrived | left out | taken as spans without a parent |
| `sum_over_time` and spans without the attribute | begins anew after such a span | leaves it out |
| attributes of spans in search results | those of conditions that held | those that the filters name |
| what an `\\|\\|` filter names, in `by()` or measured | nil or 0 where its own condition fails | its value |
| an aggregate before a structural operator, as in `({ } \\| count() > 1) >> { }` | refused | answered |
| `by()` of a comparison: `by(span.bytes > 25)` | one group where a type differs | a group a result |
| `start` and `end` of a search | to the block, for recent spans | to the nanosecond |
| first sample of `query_range` | at the start, of the step before it | a step after the start |
| exemplars | up to 100 unasked, short trace ids, no span id | as many as are asked for, both ids |
| `compare()` | also roots, child counts, empty texts, attributes that no span has | what spans have |
| `/api/v2/traces/{id}` of a trace that is not there | 200 and an empty trace | 404, as in `/api/traces` |
| names of spans in search results | where the query names them | always |
| `with (sample = ...)` | may read a part | reads everything: the hint is accepted and changes nothing |
| `http.status_code` and other renamed attributes | found under that name | found under both names (below) |

The questions of the last table, asked of a Tempo 3 and of the nest by
`python -m tests.peers.tempo_answers`: of 245 questions 204 are answered alike, and 41 differ for the reasons
above. Of the requests of Grafana's data source and generated queries without these (`python -m
tests.peers.tempo_requests --seed 1` and `2`) 480 of 480 are answered alike.

## Renamed attributes

Semantic conventions renamed attributes; a query finds spans that carry either name.

| old name | stable name |
|---|---|
"""


def page() -> str:
    """The text of the page."""
    lines = [HEAD.rstrip("\n")]
    lines += [f"| `{old}` | `{new}` |" for old, new in RENAMED.items()]
    lines += ["", f"## Queries that are answered ([cases]({TESTS}/cases/valid.yaml))", ""]
    for group, queries in _cases("valid").items():
        lines += [f"**{group.replace('_', ' ')}**", "", "```traceql", *queries, "```", ""]
    for name, title in (
        ("parse_fails", "Texts that are no query"),
        ("validate_fails", "Queries without a meaning"),
        ("unsupported", "Queries that neither Tempo nor the nest computes yet"),
    ):
        lines += [f"## {title} ([cases]({TESTS}/cases/{name}.yaml))", "", "| query | reason |", "|---|---|"]
        lines += [f"| {_code(case['query'])} | {_cell(_reason(case['query']))} |" for case in _cases(name)]
        lines.append("")
    lines += ["## Questions with their answers", "", "| file | about | questions |", "|---|---|---|"]
    for path in sorted((HERE / "answers").glob("*.test")):
        about = path.read_text().splitlines()[0].removeprefix("# ")
        count = len(script.read(path).questions)
        lines.append(f"| [{path.name}]({TESTS}/answers/{path.name}) | {about} | {count} |")
    return "\n".join(lines) + "\n"


def _cases(name: str) -> Any:
    return yaml.safe_load((HERE / "cases" / f"{name}.yaml").read_text())


def _reason(query: str) -> str:
    try:
        compile_query(query)
    except TraceQLError as error:
        return str(error).splitlines()[0]
    raise AssertionError(f"{query} is answered")


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text or not text else ""
    return fence + pad + _cell(text) + pad + fence


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "⏎")


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page())
