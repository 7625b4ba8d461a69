"""The scrape endpoint: names, labels and both formats."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from starlette.routing import Route

from shared.telemetry.metrics import MeterProvider, preferences
from shared.telemetry.metrics.bound import bound
from shared.telemetry.metrics.manual import ManualReader
from shared.telemetry.metrics.prometheus import OPENMETRICS, TEXT, PrometheusApp
from tests.telemetry.metrics.measured import in_trace


@pytest.fixture
def provider() -> MeterProvider:
    return MeterProvider([], Resource({"service.name": "agents"}), shutdown_on_exit=False)


async def scrape(app: PrometheusApp, accept: str = "*/*") -> httpx.Response:
    host = FastAPI(routes=[Route("/metrics", app)])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(host), base_url="http://service", headers={"accept": accept}
    ) as client:
        return await client.get("/metrics")


async def test_the_text_format_has_names_units_and_labels_as_prometheus_wants_them(
    provider: MeterProvider,
) -> None:
    app = PrometheusApp(provider)
    meter = provider.get_meter("shop", "2")
    meter.create_counter("orders.placed", "{order}", "Orders\nplaced").add(3, {"a.b": 'x"\\\n', "a_b": True})
    meter.create_up_down_counter("queue.size", "By").add(-2)
    meter.create_histogram("wait", "s", explicit_bucket_boundaries_advisory=[0.1, 1]).record(0.5)
    meter.create_observable_gauge("cpu.utilization", [lambda _: [Observation(0.25)]], "1")
    answer = await scrape(app)
    assert answer.headers["content-type"] == TEXT
    scope = 'otel_scope_name="shop",otel_scope_version="2"'
    assert answer.text.splitlines() == [
        "# HELP target_info Target metadata",
        "# TYPE target_info gauge",
        'target_info{service_name="agents"} 1',
        "# HELP orders_placed_total Orders\\nplaced",
        "# TYPE orders_placed_total counter",
        f'orders_placed_total{{a_b="x\\"\\\\\\n;true",{scope}}} 3',
        "# HELP queue_size_bytes ",
        "# TYPE queue_size_bytes gauge",
        f"queue_size_bytes{{{scope}}} -2",
        "# HELP wait_seconds ",
        "# TYPE wait_seconds histogram",
        f'wait_seconds_bucket{{{scope},le="0.1"}} 0',
        f'wait_seconds_bucket{{{scope},le="1.0"}} 1',
        f'wait_seconds_bucket{{{scope},le="+Inf"}} 1',
        f"wait_seconds_sum{{{scope}}} 0.5",
        f"wait_seconds_count{{{scope}}} 1",
        "# HELP cpu_utilization_ratio ",
        "# TYPE cpu_utilization_ratio gauge",
        f"cpu_utilization_ratio{{{scope}}} 0.25",
    ]


async def test_openmetrics_carries_exemplars_with_the_trace(provider: MeterProvider) -> None:
    app = PrometheusApp(provider)
    meter = provider.get_meter("shop")
    meter.create_counter("orders").add(1, None, in_trace(0xABC, 0xDEF))
    meter.create_histogram("wait", "s", explicit_bucket_boundaries_advisory=[1]).record(3, None, in_trace())
    answer = await scrape(app, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert answer.headers["content-type"] == OPENMETRICS
    lines = answer.text.splitlines()
    exemplar = f' # {{trace_id="{0xABC:032x}",span_id="{0xDEF:016x}"}} '
    assert lines[-1] == "# EOF"
    assert "# TYPE orders counter" in lines
    assert "# UNIT wait_seconds seconds" in lines
    assert [line.split(exemplar)[0] for line in lines if exemplar in line] == [
        'orders_total{otel_scope_name="shop"} 1',
        'wait_seconds_bucket{otel_scope_name="shop",le="+Inf"} 1',
    ]


async def test_a_scrape_sees_what_was_recorded_before_it_was_mounted() -> None:
    provider = MeterProvider([ManualReader()], Resource({}), shutdown_on_exit=False)
    counter = provider.get_meter("shop").create_counter("orders")
    record = bound(counter, {})
    record(2, None, None)
    app = PrometheusApp(provider)
    record(3, None, None)
    assert 'orders_total{otel_scope_name="shop"} 5' in (await scrape(app)).text


async def test_beside_a_delta_export_a_scrape_stays_cumulative() -> None:
    delta = ManualReader(preferences("delta"))
    provider = MeterProvider([delta], Resource({}), shutdown_on_exit=False)
    app = PrometheusApp(provider)
    counter = provider.get_meter("shop").create_counter("orders")
    for _ in range(2):
        counter.add(1)
        delta.collect(1)
    assert 'orders_total{otel_scope_name="shop"} 2' in (await scrape(app)).text


async def test_an_exponential_histogram_is_scraped_with_its_bounds_as_buckets() -> None:
    provider = MeterProvider(
        [],
        Resource({}),
        shutdown_on_exit=False,
        views=[View(instrument_name="wait", aggregation=ExponentialBucketHistogramAggregation(max_scale=0))],
    )
    app = PrometheusApp(provider)
    histogram = provider.get_meter("shop").create_histogram("wait")
    for value in (0, 1.5, 3, 3.5):
        histogram.record(value)
    buckets = [line.split("le=")[1] for line in (await scrape(app)).text.splitlines() if "le=" in line]
    assert buckets == ['"0.0"} 1', '"2.0"} 2', '"4.0"} 4', '"+Inf"} 4']


async def test_without_setup_the_answer_says_what_to_do() -> None:
    answer = await scrape(PrometheusApp())
    assert answer.status_code == 503
    assert "setup_metrics" in answer.text
