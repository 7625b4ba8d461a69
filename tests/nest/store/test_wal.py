"""The write-ahead log: what is read back after each kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from temponest.nest.model.signal import Signal
from temponest.nest.store import wal_record
from temponest.nest.store.wal import WriteAheadLog, files
from temponest.nest.store.wal_reader import Tear, read

BODIES = [bytes([letter]) * 100 for letter in b"abcdefghij"]
RECORD = wal_record.HEADER.size + 100
HEAD = len(wal_record.FILE_MAGIC)


def written(folder: Path, bodies: list[bytes] = BODIES, per_file: int = 5) -> list[Path]:
    """Ten records in two files."""
    wal = WriteAheadLog(folder, 1, HEAD + per_file * RECORD)
    for body in bodies:
        wal.append([(Signal.TRACES, body)])
    wal.close()
    return [path for _, path in files(folder)]


def survivors(folder: Path, after: int = 0) -> tuple[list[int], list[Tear]]:
    tears: list[Tear] = []
    return [record.sequence for record in read(folder, after, tears)], tears


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def _flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path, Path], object], list[int], str | None]] = {
    "nothing": (lambda _a, _b: None, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], None),
    "torn_last_body": (
        lambda _a, b: _cut(b, HEAD + 5 * RECORD - 1),
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        "torn body",
    ),
    "torn_last_header": (
        lambda _a, b: _cut(b, HEAD + 4 * RECORD + 3),
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        "torn header",
    ),
    "cut_between_records": (lambda _a, b: _cut(b, HEAD + 4 * RECORD), [1, 2, 3, 4, 5, 6, 7, 8, 9], None),
    "flipped_body": (lambda _a, b: _flip(b, HEAD + 2 * RECORD + 50), [1, 2, 3, 4, 5, 6, 7], "bad checksum"),
    "flipped_checksum": (
        lambda _a, b: _flip(b, HEAD + 2 * RECORD + 5),
        [1, 2, 3, 4, 5, 6, 7],
        "bad checksum",
    ),
    "flipped_sequence": (lambda _a, b: _flip(b, HEAD + 9), [1, 2, 3, 4, 5], "bad checksum"),
    "huge_length": (lambda _a, b: _flip(b, HEAD + 3), [1, 2, 3, 4, 5], "torn body"),
    "first_file_flipped": (lambda a, _b: _flip(a, HEAD + RECORD + 50), [1, 6, 7, 8, 9, 10], "bad checksum"),
    "first_file_missing": (lambda a, _b: a.unlink(), [6, 7, 8, 9, 10], None),
    "last_file_empty": (lambda _a, b: _cut(b, 0), [1, 2, 3, 4, 5], None),
    "last_file_only_magic": (lambda _a, b: _cut(b, HEAD), [1, 2, 3, 4, 5], None),
    "another_magic": (lambda _a, b: _flip(b, 0), [1, 2, 3, 4, 5], "not a log file"),
    "stray_file": (
        lambda a, _b: (a.parent / "notes.log").write_text("x"),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        None,
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_record_before_the_damage_survives(tmp_path: Path, damage: str) -> None:
    harm, expected, reason = DAMAGE[damage]
    first, second = written(tmp_path)
    harm(first, second)
    found, tears = survivors(tmp_path)
    assert found == expected
    assert [tear.reason for tear in tears] == ([] if reason is None else [reason])


@pytest.mark.parametrize("size", range(HEAD, HEAD + 2 * RECORD + 1))
def test_a_file_cut_at_any_byte_gives_its_whole_records(tmp_path: Path, size: int) -> None:
    (path,) = written(tmp_path, BODIES[:2])
    _cut(path, size)
    assert len(survivors(tmp_path)[0]) == (size - HEAD) // RECORD


def test_reading_after_a_sequence_leaves_out_what_came_before(tmp_path: Path) -> None:
    written(tmp_path)
    assert survivors(tmp_path, after=7)[0] == [8, 9, 10]


def test_dropping_deletes_only_files_that_are_covered_whole(tmp_path: Path) -> None:
    first, second = written(tmp_path)
    wal = WriteAheadLog(tmp_path, 11, 1 << 20)
    wal.drop(4)
    assert first.exists()
    wal.drop(5)
    assert (first.exists(), second.exists()) == (False, True)
    wal.drop(10)
    assert not second.exists()


def test_dropping_leaves_the_file_that_is_being_written(tmp_path: Path) -> None:
    wal = WriteAheadLog(tmp_path, 1, 1 << 20)
    wal.append([(Signal.TRACES, b"x")])
    wal.drop(1)
    assert survivors(tmp_path)[0] == [1]
    wal.close()
    wal.drop(1)
    assert survivors(tmp_path)[0] == []


def test_a_group_larger_than_one_system_call_is_written_whole(tmp_path: Path) -> None:
    wal = WriteAheadLog(tmp_path, 1, 1 << 30)
    wal.append([(Signal.LOGS, b"x%d" % number) for number in range(3000)])
    wal.close()
    assert len(survivors(tmp_path)[0]) == 3000


def test_files_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    (path,) = written(tmp_path, BODIES[:1])
    assert path.stat().st_mode & 0o777 == 0o600
