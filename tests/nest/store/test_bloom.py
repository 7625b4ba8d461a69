"""Filters: never a wrong no, seldom a wrong yes."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from temponest.nest.store import bloom, summary
from temponest.nest.store.decode import Decoder
from temponest.nest.store.filters import FilterMemory
from temponest.nest.store.schema import SPANS

from .otlp import Given, body, trace_id


def has(content: bytes, probe: bloom.Probe) -> bool:
    start = probe.offset(len(content))
    return probe.fits(content[start : start + bloom.BLOCK_BYTES])


@given(st.sets(st.binary(max_size=20), max_size=300), st.integers(0, 2**32 - 1))
def test_a_filter_has_everything_it_was_built_from(values: set[bytes], seed: int) -> None:
    content = bloom.build(bloom.hash_values(seed, values), 12)
    assert all(has(content, bloom.Probe(seed, value)) for value in values)


@given(st.sets(st.binary(max_size=20), max_size=300), st.lists(st.binary(max_size=20), max_size=40))
def test_many_questions_at_once_have_the_answers_of_each(values: set[bytes], asked: list[bytes]) -> None:
    content = bloom.build(bloom.hash_values(7, values), 12)
    each = [has(content, bloom.Probe(7, value)) for value in asked]
    assert bloom.Probes(7, asked).found(bloom.blocks_of(content)).tolist() == each


@given(st.sets(st.binary(max_size=20), min_size=1, max_size=300))
def test_a_coarse_filter_has_everything_that_the_whole_one_has(values: set[bytes]) -> None:
    half = bloom.coarse(bloom.build(bloom.hash_values(7, values), 12))
    size = bloom.BLOCK_BYTES // 2
    for value in values:
        probe = bloom.Probe(7, value)
        start = probe.offset(2 * len(half)) // 2
        assert probe.fits_coarse(half[start : start + size])
    assert bloom.Probes(7, list(values)).found_coarse(bloom.blocks_of(half, halves=True)).all()


def test_a_coarse_filter_says_no_to_nearly_everything_else() -> None:
    whole = bloom.build(bloom.hash_values(0, (b"in %d" % number for number in range(50_000))), 20)
    asked = [b"out %d" % number for number in range(50_000)]
    found = bloom.Probes(0, asked).found_coarse(bloom.blocks_of(bloom.coarse(whole), halves=True))
    assert found.mean() < 0.02


@pytest.mark.parametrize(("bits", "wrong"), [(12, 0.02), (20, 0.001)])
def test_a_filter_is_seldom_wrong(bits: int, wrong: float) -> None:
    content = bloom.build(bloom.hash_values(0, (b"in %d" % number for number in range(50_000))), bits)
    found = sum(has(content, bloom.Probe(0, b"out %d" % number)) for number in range(50_000))
    assert found / 50_000 < wrong


def test_an_empty_filter_has_nothing() -> None:
    assert not has(bloom.build(bloom.hash_values(0, []), 12), bloom.Probe(0, b"x"))


def kept_summary(folder: Path, traces: int) -> tuple[Path, list[bytes]]:
    """A summary of so many traces, and their ids."""
    numbers = range(1, traces + 1)
    table = Decoder(10).decode([body(*(Given(trace=one) for one in numbers))])
    summary.write(folder / "x", *summary.summarize(table, SPANS))
    return folder / "x", [trace_id(one) for one in numbers]


@pytest.mark.parametrize("room", [None, 1_000_000, 600, 0], ids=["file", "whole", "coarse", "none"])
@pytest.mark.parametrize("asked", [1, 40])
def test_traces_are_found_wherever_their_filter_is(tmp_path: Path, room: int | None, asked: int) -> None:
    path, ids = kept_summary(tmp_path, 400)
    found = summary.SummaryFile(path, None if room is None else FilterMemory(room))
    others = [bytes([255]) * 15 + bytes([number]) for number in range(asked)]
    assert found.among(ids[:asked]) == ids[:asked]
    assert found.among(others) == []
    assert found.among([*others, *ids[:asked]]) == ids[:asked]


def test_the_oldest_segments_make_room_and_what_is_gone_gives_it_back(tmp_path: Path) -> None:
    path, ids = kept_summary(tmp_path, 400)
    others = [bytes([255]) * 15 + bytes([number]) for number in range(40)]
    with path.open("rb") as file:
        traces, values = summary.HEAD.unpack(file.read(summary.HEAD.size))[3:]
    memory = FilterMemory(2 * (traces + values) + 2 * (traces // 2))
    files = [path.rename(tmp_path / "1"), *(tmp_path / name for name in "324")]
    for copy in files[1:]:
        copy.write_bytes(files[0].read_bytes())
    # The newest is known before the oldest, as after a start: it is asked first.
    kept = [summary.SummaryFile(one, memory) for one in files]
    for one in files:
        one.unlink()

    def answered(asked: list[bytes]) -> list[bool]:
        """Which of them answer without their file."""
        answers = []
        for one in kept:
            with contextlib.suppress(FileNotFoundError):
                assert one.among(asked) == [found for found in asked if found in ids]
                answers.append(one)
        return [one in answers for one in kept]

    assert answered(ids) == [False, True, False, True]
    assert answered(others) == [True, True, True, True]
    assert memory.left == 0
    kept.clear()
    gc.collect()
    assert len(memory._whole) == 2
    again = summary.SummaryFile(kept_summary(tmp_path, 400)[0], memory)
    assert len(memory._whole) == 1
    del again
    gc.collect()
    assert memory.left == 2 * (traces + values) + 2 * (traces // 2)


def test_numbers_and_booleans_are_different_questions(tmp_path: Path) -> None:
    table = Decoder(10).decode([body(Given(attributes={"flag": True}))])
    summary.write(tmp_path / "x", *summary.summarize(table, SPANS))
    found = summary.SummaryFile(tmp_path / "x")
    flag = Attribute(AttributeScope.SPAN, "flag")
    answers = [
        found.may_match(FetchRequest(conditions=(Condition(flag, Operator.EQ, (operand,)),)))
        for operand in (True, 1, 1.0, True)
    ]
    assert answers == [True, False, False, True]
