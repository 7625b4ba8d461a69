"""What docs/metrics.md shows of logs brings them to the nest, with the ids of their span."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from opentelemetry import context

from shared.telemetry.logs import TraceContextFormatter
from temponest.nest.ingest.http import create_app
from temponest.nest.ingest.receiver import Receiver
from temponest.nest.model.log import LogRecord, LogRequest
from temponest.nest.store.store import Store
from tests.nest.serving import serving
from tests.telemetry.metrics.measured import in_trace

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
SECTION = PAGE[PAGE.index("## Logs") :]


@pytest.fixture
def in_span() -> Iterator[None]:
    token = context.attach(in_trace(0xABC, 0xDEF))
    yield
    context.detach(token)


@pytest.fixture
def quiet_root() -> Iterator[logging.Logger]:
    """The root logger, given back as it was."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield root
    root.handlers[:] = before


def records(store: Store) -> list[LogRecord]:
    store.flush()
    return [
        record
        for batch in store.logs.logs(LogRequest(0, 2**63 - 1), lambda: False)
        for record in batch.records()
    ]


@pytest.mark.usefixtures("in_span", "quiet_root")
@pytest.mark.filterwarnings("ignore:.*LoggingHandler.*:DeprecationWarning")
def test_the_sdks_handler_sends_a_line_with_its_span(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"^```py\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    store = Store.open(tmp_path)
    store.start()
    with serving(create_app(Receiver(store))) as client:
        names: dict[str, object] = {}
        code = snippet.replace("http://localhost:4318", str(client.base_url).rstrip("/"))
        exec(compile(code, "docs/metrics.md", "exec"), names)  # noqa: S102 - our own page
        logging.getLogger("shop").warning("card %s", "refused")
        names["logs"].shutdown()  # type: ignore[attr-defined] # a LoggerProvider
    (record,) = records(store)
    store.close()
    assert (record.body, record.severity_text, record.scope.name) == ("card refused", "WARN", "shop")
    assert (record.trace_id.hex(), record.span_id.hex()) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert record.resource.service_name == "temponest-agents"


@pytest.mark.usefixtures("in_span")
def test_the_collectors_expression_reads_what_the_formatter_writes() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    receiver = yaml.safe_load(text)["receivers"]["file_log"]
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(TraceContextFormatter())
    handler.handle(logging.LogRecord("shop.cart", logging.WARNING, "", 1, "card\n  refused", None, None))
    line = out.getvalue().rstrip("\n")
    assert re.match(receiver["multiline"]["line_start_pattern"], line)
    found = re.match(receiver["operators"][0]["regex"], line)
    assert found is not None
    assert found.groupdict() | {"time": ""} == {
        "time": "",
        "level": "WARNING",
        "logger": "shop.cart",
        "trace_id": f"{0xABC:032x}",
        "span_id": f"{0xDEF:016x}",
        "message": "card\n  refused",
    }
