"""How many of Tempo's own example queries are accepted and refused as Tempo does.

    python -m tests.peers.traceql_examples PATH_OF_A_TEMPO_CHECKOUT

Reads `pkg/traceql/test_examples.yaml` of the checkout, which stays outside of this repository (AGPL), and
asks each query of Tempo's API over HTTP: what is valid must be answered, what is not must be refused with
400 and the right kind of reason. Prints a table and every difference; exits 1 if there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from temponest.nest.api import tempo
from temponest.nest.traceql.check import check
from temponest.nest.traceql.errors import InvalidQueryError, ParseError, UnsupportedError
from temponest.nest.traceql.parser import parse
from temponest.nest.traceql.printer import print_query
from tests.nest.make import T0, two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving

BUCKETS = ("valid", "parse_fails", "validate_fails", "unsupported")


def judge(query: str) -> str:
    """Which bucket a query belongs to here."""
    try:
        tree = parse(query)
        check(tree)
    except ParseError:
        return "parse_fails"
    except InvalidQueryError:
        return "validate_fails"
    except UnsupportedError:
        return "unsupported"
    return "valid" if parse(print_query(tree)) == tree else "prints as another query"


def answer(client: httpx.Client, query: str) -> int:
    """The status of the API that the query belongs to."""
    second = T0 // 1_000_000_000
    window = {"start": str(second), "end": str(second + 200)}
    status = client.get("/api/search", params={"q": query}).status_code
    if status == 400:
        status = client.get("/api/metrics/query_range", params={"q": query, **window}).status_code
    return status


def main(arguments: list[str]) -> int:
    """Print the table; 0 when every example is judged as Tempo judges it."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    examples: dict[str, Any] = yaml.safe_load(
        (Path(arguments[0]) / "pkg" / "traceql" / "test_examples.yaml").read_text()
    )
    differences = []
    with serving(tempo.create_app(MemorySource(two_services()))) as client:
        print("| bucket | examples | judged alike | answered alike |\n|---|---|---|---|")
        for bucket in BUCKETS:
            queries = examples[bucket] or []
            wanted = 200 if bucket == "valid" else 400
            judged = {query: judge(query) for query in queries}
            statuses = {query: answer(client, query) for query in queries}
            alike = sum(found == bucket for found in judged.values())
            answered = sum(found == wanted for found in statuses.values())
            print(f"| {bucket} | {len(judged)} | {alike} | {answered} |")
            differences += [
                f"{bucket}: {query}: judged {judged[query]}, answered {statuses[query]}"
                for query in judged
                if judged[query] != bucket or statuses[query] != wanted
            ]
    print("\n".join(differences))
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
