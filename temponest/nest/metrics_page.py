"""The nest's own metrics, as Prometheus' text format: what it takes, holds, refuses and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from .. import __version__
from .api.observe import BOUNDS, Durations
from .ingest.receiver import Receiver
from .store.limits import Limits
from .store.series.store import SeriesStore
from .store.store import Store

_Samples = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from."""

    store: Store
    series: SeriesStore
    receiver: Receiver
    durations: Durations
    limits: Limits


def text(sources: Sources) -> str:
    """The page. Looks at the write-ahead log's files, so not on a thread that must not wait for a disk."""
    stats, counts = sources.store.stats(), sources.receiver.counts
    process = psutil.Process()
    with process.oneshot():
        cpu, resident = process.cpu_times(), process.memory_info().rss
        started, files = process.create_time(), process.num_fds()
    refused = [({"reason": cause}, number) for cause, number in sorted(counts.by_cause.items())]
    disk = {"segments": stats.segment_bytes, "wal": stats.wal_bytes, "series": sources.series.disk_bytes}
    parts = [
        _counter("spans", "Spans made searchable.", stats.decoded_spans),
        _counter("log_records", "Log records made searchable.", stats.decoded_logs),
        _counter("requests_accepted", "OTLP requests acknowledged.", counts.accepted),
        _family("requests_refused_total", "counter", "OTLP requests refused, by reason.", refused),
        _counter("received_bytes", "Bytes acknowledged, decompressed.", stats.accepted_bytes),
        _counter("dropped_spans", "Spans without a usable id, dropped.", stats.dropped_spans),
        _counter("set_aside", "Acknowledged requests that could not be decoded.", stats.set_aside),
        _gauge("queue_bytes", "Acknowledged and not yet searchable.", stats.queue_bytes),
        _gauge("queue_limit_bytes", "Above this senders are refused.", sources.limits.queue_bytes),
        _gauge("recent_spans", "Searchable spans that are in no segment yet.", stats.recent_spans),
        _gauge("segments", "Segments.", stats.segments),
        _gauge("segment_spans", "Spans in segments.", stats.segment_spans),
        _gauge("recent_log_records", "Searchable log records in no segment yet.", stats.recent_logs),
        _gauge("segment_log_records", "Log records in segments.", stats.segment_logs),
        _family(
            "disk_bytes",
            "gauge",
            "Bytes on disk, by part.",
            [({"part": part}, size) for part, size in disk.items()],
        ),
        _gauge("disk_limit_bytes", "Above this the oldest segments go.", sources.limits.disk_bytes),
        _gauge("memory_limit_bytes", "What the process may hold.", sources.limits.memory_bytes),
        _gauge(
            "oldest_timestamp_seconds",
            "Time of the oldest span or log record kept, 0 without any.",
            stats.oldest_ns / 1e9,
        ),
        _gauge("torn_bytes", "Bytes of the write-ahead log lost at the start.", stats.torn_bytes),
        _gauge("lost_segments", "Segments that are missing or damaged.", stats.lost_segments),
        *_answers(sources.durations),
        _family("build_info", "gauge", "The version that runs.", [({"version": __version__}, 1)]),
        _process("cpu_seconds_total", "counter", "Processor time used.", cpu.user + cpu.system),
        _process("resident_memory_bytes", "gauge", "Memory held.", resident),
        _process("start_time_seconds", "gauge", "When the process started.", started),
        _process("open_fds", "gauge", "Open files and sockets.", files),
    ]
    return "".join(parts)


def _answers(durations: Durations) -> Iterable[str]:
    codes = [({"api": api, "code": str(code)}, n) for (api, code), n in sorted(durations.codes().items())]
    yield _family("queries_total", "counter", "Answers of the query APIs, by status code.", codes)
    name = "query_duration_seconds"
    lines = []
    for api, (upto, total) in sorted(durations.histograms().items()):
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), upto, strict=True):
            lines.append(_sample(f"temponest_{name}_bucket", {"api": api, "le": bound}, count))
        lines.append(_sample(f"temponest_{name}_sum", {"api": api}, total))
        lines.append(_sample(f"temponest_{name}_count", {"api": api}, upto[-1]))
    yield _head(f"temponest_{name}", "histogram", "Seconds until an answer was sent.") + "".join(lines)


def _counter(name: str, about: str, value: float) -> str:
    return _family(f"{name}_total", "counter", about, [({}, value)])


def _gauge(name: str, about: str, value: float) -> str:
    return _family(name, "gauge", about, [({}, value)])


def _process(name: str, kind: str, about: str, value: float) -> str:
    return _head(f"process_{name}", kind, about) + _sample(f"process_{name}", {}, value)


def _family(name: str, kind: str, about: str, samples: _Samples) -> str:
    full = f"temponest_{name}"
    return _head(full, kind, about) + "".join(_sample(full, labels, value) for labels, value in samples)


def _head(name: str, kind: str, about: str) -> str:
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {value!r}\n" if pairs else f"{name} {value!r}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
