"""Files as they come: compressed, cut off, of a signal that nobody names, or of something else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from temponest.files import frames, otlp_json
from temponest.files.errors import FileError
from temponest.files.read import Read, read
from temponest.files.signal import signal_of

from .log_messages import full_logs
from .messages import full
from .metric_messages import full_metrics

REQUESTS = {"traces": full(b"a" * 16), "metrics": full_metrics("shop"), "logs": full_logs("shop")}


def written(tmp_path: Path, content: bytes, name: str = "f") -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def found(path: Path) -> list[Read]:
    return list(read(path, None))


@pytest.mark.parametrize("signal", REQUESTS)
def test_protobuf_tells_its_signal(tmp_path: Path, signal: str) -> None:
    body = REQUESTS[signal].SerializeToString()
    (one,) = found(written(tmp_path, frames.frame(body)))
    assert (one.signal, one.body, one.json) == (signal, body, False)


def test_a_request_without_records_tells_nothing() -> None:
    assert signal_of(b"", "f") is None
    with pytest.raises(
        FileError, match="no OTLP request, as far as can be told; if it is one, give --signal"
    ):
        signal_of(b"hello", "f")


@pytest.mark.parametrize("content", [otlp_json.line, lambda one: frames.frame(one.SerializeToString())])
def test_gzip_is_read_whatever_the_name(tmp_path: Path, content: object) -> None:
    assert callable(content)
    packed = gzip.compress(content(REQUESTS["logs"]) * 2)
    assert [one.signal for one in found(written(tmp_path, packed))] == ["logs"] * 2


@pytest.mark.parametrize("body", [otlp_json.line(REQUESTS["logs"]), REQUESTS["logs"].SerializeToString()])
def test_messages_may_be_compressed_by_zstd_one_by_one(tmp_path: Path, body: bytes) -> None:
    packed = frames.frame(zstandard.compress(body))
    requests = found(written(tmp_path, packed * 2))
    assert [one.signal for one in requests] == ["logs"] * 2
    assert [one.body for one in requests] == [body] * 2
    with pytest.raises(FileError, match="what zstd compressed is damaged"):
        found(written(tmp_path, packed[:-6] + b"abcdef"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(otlp_json.line(REQUESTS["logs"]))[:-20], "the file is cut off"),
        (gzip.compress(b"{}")[:10] + b"\xff" * 20, "what gzip compressed is damaged"),
        (gzip.compress(b"PAR1"), "gunzip it first"),
        (gzip.compress(b""), "the file is empty"),
        (b"\x28\xb5\x2f\xfd\0\0", "zstd -dc FILE"),
        (
            otlp_json.line(REQUESTS["logs"]) * 2 + b'{"resourceLogs": [',
            "f:3: no JSON .* cut off in this line",
        ),
    ],
    ids=["cut off", "damaged", "parquet", "empty", "zstd", "line"],
)
def test_what_is_wrong_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(FileError, match=said):
        found(written(tmp_path, content))


def test_what_comes_before_a_cut_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, otlp_json.line(REQUESTS["logs"]) + b"{")
    requests = read(path, None)
    assert next(requests).signal == "logs"
    with pytest.raises(FileError):
        next(requests)
