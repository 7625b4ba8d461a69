"""A segment of samples: one Parquet file, a row a sample, by series and time. See docs/format/series.md."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...model.series import Histogram, Labels, Series
from ..layout import FILE_MODE, sync_folder

SCHEMA = pa.schema(
    [
        ("labels", pa.dictionary(pa.int32(), pa.string())),  # a JSON list of pairs, sorted by name
        ("time_ms", pa.int64()),
        ("value", pa.float64()),
        ("histogram", pa.string()),  # JSON; null where the sample is a number
    ]
)

# Small enough that one series of a large segment is read without the others.
_ROW_GROUP = 32_768


def encode_labels(labels: Labels) -> str:
    """Labels as the text that stands in a segment."""
    return json.dumps(labels, separators=(",", ":"), ensure_ascii=False)


def decode_labels(text: str) -> Labels:
    """The labels of such a text."""
    return tuple((name, value) for name, value in json.loads(text))


def write(path: Path, series: Iterable[Series]) -> None:
    """Write samples durably; the file has its name only once it is whole."""
    texts: list[str] = []
    counts: list[int] = []
    times, values = array("q"), array("d")
    histograms: list[str | None] = []
    for one in sorted(series, key=lambda one: one.labels):
        texts.append(encode_labels(one.labels))
        counts.append(len(one.times))
        times.extend(one.times)
        values.extend(one.values)
        histograms.extend(_encode(item) for item in one.histograms or (None,) * len(one.times))
    rows = array("i", (index for index, count in enumerate(counts) for _ in range(count)))
    table = pa.table(
        [
            pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array(texts, pa.string())),
            pa.array(times, pa.int64()),
            pa.array(values, pa.float64()),
            pa.array(histograms, pa.string()),
        ],
        schema=SCHEMA,
    )
    draft = path.with_suffix(".tmp")
    pq.write_table(table, draft, compression="zstd", row_group_size=_ROW_GROUP)
    draft.chmod(FILE_MODE)
    handle = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    sync_folder(path.parent)


def labels_of(path: Path) -> dict[Labels, tuple[int, int]]:
    """Every series of a segment with the times of its first and last sample."""
    table = pq.read_table(path, columns=["labels", "time_ms"], use_threads=False)
    grouped = table.group_by("labels").aggregate([("time_ms", "min"), ("time_ms", "max")])
    columns = (grouped.column(name).to_pylist() for name in ("labels", "time_ms_min", "time_ms_max"))
    return {decode_labels(text): (first, last) for text, first, last in zip(*columns, strict=True)}


def read(
    path: Path, wanted: Collection[Labels] | None, start_ms: int, end_ms: int
) -> Mapping[Labels, Series]:
    """Samples of the wanted series (None: of all) in the closed window."""
    condition = (pc.field("time_ms") >= start_ms) & (pc.field("time_ms") <= end_ms)
    if wanted is not None:
        condition &= pc.field("labels").isin([encode_labels(labels) for labels in wanted])
    found: dict[Labels, Series] = {}
    table = pq.read_table(path, filters=condition, use_threads=False).combine_chunks()
    if not table.num_rows:
        return found
    texts = table.column("labels").chunk(0)
    codes = texts.indices.to_numpy()
    times, values = (table.column(name).chunk(0).to_numpy() for name in ("time_ms", "value"))
    histograms = table.column("histogram").chunk(0)
    native = histograms.is_valid().to_numpy(zero_copy_only=False)
    # The samples of a series are neighbours, as `write` puts them.
    ends = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    for first, end in zip([0, *ends], ends, strict=False):
        labels = decode_labels(texts.dictionary[int(codes[first])].as_py())
        series = found[labels] = Series(labels)
        series.times.frombytes(times[first:end].tobytes())
        series.values.frombytes(values[first:end].tobytes())
        if native[first:end].any():
            items = histograms.slice(first, end - first).to_pylist()
            series.histograms = [None if item is None else _decode(item) for item in items]
    return found


def _encode(histogram: Histogram | None) -> str | None:
    return None if histogram is None else json.dumps(asdict(histogram), separators=(",", ":"))


def _decode(text: str) -> Histogram:
    fields = json.loads(text)
    for side in ("positive", "negative"):
        fields[side] = {int(index): count for index, count in fields[side].items()}
    fields["custom"] = tuple(fields.get("custom", ()))
    return Histogram(**fields)
