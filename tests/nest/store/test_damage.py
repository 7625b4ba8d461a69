"""Damage to a folder: what survives it, and that it is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from temponest.nest.store.store import Stats

from .conftest import Open, keep
from .otlp import Given, body, trace_id

# Traces 1 and 2 are in the first segment, 3 and 4 in the second, 5 in the log alone.
ALL = [1, 2, 3, 4, 5]


def _flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x40
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _newest_log(folder: Path) -> Path:
    return max((folder / "log").iterdir())


DAMAGE: dict[str, tuple[Callable[[Path], object], list[int], Callable[[Stats], bool]]] = {
    "nothing": (lambda _: None, ALL, lambda stats: stats.lost_segments == 0 and stats.torn_bytes == 0),
    "truncated_catalog": (lambda f: _cut(f / "catalog"), ALL, lambda stats: stats.segments == 2),
    "flipped_catalog": (lambda f: _flip(f / "catalog", 40), ALL, lambda stats: stats.segments == 2),
    "half_written_catalog": (
        lambda f: (f / "catalog.tmp").write_text("{"),
        ALL,
        lambda stats: stats.segments == 2,
    ),
    "missing_segment": (
        lambda f: (f / "segments/00000001.parquet").unlink(),
        [3, 4, 5],
        lambda stats: stats.lost_segments == 1,
    ),
    "truncated_segment": (
        lambda f: _cut(f / "segments/00000002.parquet"),
        [1, 2, 5],
        lambda stats: stats.lost_segments == 1,
    ),
    "flipped_segment": (
        lambda f: _flip(f / "segments/00000002.parquet", 60),
        [1, 2, 5],
        lambda stats: stats.lost_segments == 1,
    ),
    "missing_summary": (lambda f: (f / "segments/00000001.summary").unlink(), ALL, lambda _: True),
    "truncated_summary": (lambda f: _cut(f / "segments/00000001.summary"), ALL, lambda _: True),
    "flipped_summary": (lambda f: _flip(f / "segments/00000001.summary", 40), ALL, lambda _: True),
    "stray_segment": (
        lambda f: (f / "segments/00000009.parquet").write_text("left by a crash before the catalog"),
        ALL,
        lambda stats: stats.segments == 2,
    ),
    "torn_log": (
        lambda f: _newest_log(f).write_bytes(_newest_log(f).read_bytes()[:-1]),
        [1, 2, 3, 4],
        lambda stats: stats.torn_bytes > 0,
    ),
    "flipped_log": (lambda f: _flip(_newest_log(f), 60), [1, 2, 3, 4], lambda stats: stats.torn_bytes > 0),
}


def folder_with_two_segments_and_a_log(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(trace=1), Given(trace=2)))
    store.seal()
    keep(store, body(Given(trace=3), Given(trace=4)))
    store.seal()
    store.close()
    # A process of its own writes a log file of its own.
    store = open_store()
    keep(store, body(Given(trace=5)))
    store.close()


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_confined_and_reported(tmp_path: Path, open_store: Open, damage: str) -> None:
    harm, survivors, reported = DAMAGE[damage]
    folder_with_two_segments_and_a_log(open_store)
    harm(tmp_path)
    store = open_store()
    found = store.spans.traces([trace_id(number) for number in ALL], lambda: False)
    assert sorted(found) == [trace_id(number) for number in survivors]
    assert reported(store.stats())


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_takes_new_spans(tmp_path: Path, open_store: Open, damage: str) -> None:
    harm, survivors, _ = DAMAGE[damage]
    folder_with_two_segments_and_a_log(open_store)
    harm(tmp_path)
    store = open_store()
    keep(store, body(Given(trace=6)))
    store.seal()
    store.close()
    store = open_store()
    found = store.spans.traces([trace_id(number) for number in (*survivors, 6)], lambda: False)
    assert len(found) == len(survivors) + 1


def test_a_stray_file_among_the_segments_is_swept(tmp_path: Path, open_store: Open) -> None:
    stray = tmp_path / "segments" / "00000009.parquet"
    folder_with_two_segments_and_a_log(open_store)
    stray.write_text("left by a crash before the catalog")
    open_store()
    assert not stray.exists()
