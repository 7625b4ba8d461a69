"""A test trace and a test metric: sent by OTLP, then read back from the query APIs where they answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from temponest.client.api import Api, ApiError
from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo
from temponest.doctor.finding import Finding, error, ok, warning
from temponest.doctor.subject import Subject

from .endpoint import NO_SUCH_PLACE, attempt

SERVICE: Final = "temponest-doctor"
METRIC: Final = "temponest_doctor_probe"
RUN: Final = "run"
POLL: Final = 0.1  # seconds between two looks


def check(subject: Subject) -> Iterator[Finding]:
    """Send, look whether it was taken, and look it up."""
    run = secrets.token_hex(16)
    if subject.exports(Signal.TRACES):
        yield from _traces(subject, run)
    if subject.exports(Signal.METRICS):
        yield from _metrics(subject, run)


def _traces(subject: Subject, run: str) -> Iterator[Finding]:
    target = subject.target(Signal.TRACES)
    outcome = attempt(target, _trace(run))
    if not outcome.ok or outcome.rejected:
        yield error(
            f"{target} refuses a test trace: {outcome.message}",
            "traces are dropped",
            "look at the receiver's log and limits",
        )
        return
    address = subject.api(Signal.TRACES)
    api = Tempo(address, subject.token)
    seen = _look(api, lambda: api.trace(run) is not None, lambda: api.search("{}", limit=1), subject.wait)
    if isinstance(seen, ApiError):
        yield from _not_asked(
            subject.tempo, address, "Tempo", "--tempo", seen, f"traces are taken by {target}"
        )
    elif seen:
        yield ok(f"traces reach {target} and are read back from {address}")
    else:
        yield error(
            f"{target} took a test trace, but {address} does not have it",
            "the receiver drops it, samples it away, has not decided yet, or sends it to another backend",
            "wait longer with --wait 20; else look at the receiver's exporters and tail sampling, "
            "or give the right --tempo URL",
        )


def _metrics(subject: Subject, run: str) -> Iterator[Finding]:
    target = subject.target(Signal.METRICS)
    outcome = attempt(target, _metric(run))
    if not outcome.ok or outcome.rejected:
        yield _refused(str(target), outcome)
        return
    address = subject.api(Signal.METRICS)
    api = Prometheus(address, subject.token)
    query = f'{{__name__=~"{METRIC}.*",{RUN}="{run}"}}'
    seen = _look(api, lambda: bool(api.query(query)), lambda: api.query("1"), subject.wait)
    if isinstance(seen, ApiError):
        yield from _not_asked(
            subject.prometheus, address, "Prometheus", "--prometheus", seen, f"metrics are taken by {target}"
        )
    elif seen:
        yield ok(f"metrics reach {target} and are read back from {address}")
    else:
        yield warning(
            f"{target} took a test metric, but {address} does not have it yet",
            "the receiver drops it, keeps it for the next scrape, or sends it to another backend",
            "look at the receiver's metrics pipeline, or give the right --prometheus URL",
        )


def _refused(target: str, outcome: Outcome) -> Finding:
    if outcome.message.startswith(NO_SUCH_PLACE):
        return warning(
            f"{target} takes no metrics ({outcome.message.partition(':')[0]})",
            "Jaeger and Tempo take traces only; metrics are dropped",
            "send them elsewhere with OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, or set OTEL_METRICS_EXPORTER=none",
        )
    return error(
        f"{target} does not take a test metric: {outcome.message}",
        "metrics are dropped",
        "correct OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, or set OTEL_METRICS_EXPORTER=none",
    )


def _not_asked(
    given: str | None, address: str, api: str, option: str, problem: ApiError, taken: str
) -> Iterator[Finding]:
    """Nothing answers: a finding when the address was given, else no more than a remark."""
    if problem.status in {401, 403}:
        yield warning(
            f"{address} refuses the token", "nothing can be read back", "--token TOKEN or TEMPONEST_TOKEN"
        )
    elif given is not None:
        yield warning(
            f"{address} does not answer as {api} does ({str(problem)[:80]})",
            f"{taken}, but cannot be read back",
            f"give the right {option} URL, without a path",
        )
    else:
        yield ok(f"{taken}; not read back, as no {api} answers at {address}")


def _look(
    api: Api, found: Callable[[], bool], answers: Callable[[], object], patience: float
) -> bool | ApiError:
    """Whether it is found in time; the error when the API cannot be asked.

    `answers` is a question that the API always answers: a trace that is not there and a server that is
    another one both say 404.
    """
    deadline = time.monotonic() + patience
    try:
        while not found():
            if time.monotonic() >= deadline:
                answers()
                return False
            time.sleep(POLL)
    except ApiError as problem:
        return problem
    except (KeyError, TypeError, ValueError) as problem:
        return ApiError(f"its answer is not what this API answers ({type(problem).__name__})")
    finally:
        api.close()
    return True


def _resource() -> Resource:
    return Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=SERVICE))])


def _trace(run: str) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(resource=_resource())
    now = time.time_ns()
    group.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(run),
        span_id=secrets.token_bytes(8),
        name="doctor",
        start_time_unix_nano=now - 1_000_000,
        end_time_unix_nano=now,
        flags=1,
    )
    return request.SerializeToString()


def _metric(run: str) -> bytes:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(resource=_resource())
    metric = group.scope_metrics.add().metrics.add(name=METRIC, description="Sent by temponest doctor.")
    metric.gauge.data_points.add(
        time_unix_nano=time.time_ns(),
        as_int=1,
        attributes=[KeyValue(key=RUN, value=AnyValue(string_value=run))],
    )
    return request.SerializeToString()
