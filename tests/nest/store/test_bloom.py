"""Filters: never a wrong no, seldom a wrong yes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from temponest.nest.store import bloom, summary
from temponest.nest.store.decode import Decoder
from temponest.nest.store.schema import SPANS

from .otlp import Given, body


def has(content: bytes, probe: bloom.Probe) -> bool:
    start = probe.offset(len(content))
    return probe.fits(content[start : start + bloom.BLOCK_BYTES])


@given(st.sets(st.binary(max_size=20), max_size=300), st.integers(0, 2**32 - 1))
def test_a_filter_has_everything_it_was_built_from(values: set[bytes], seed: int) -> None:
    content = bloom.build(bloom.hash_values(seed, values), 12)
    assert all(has(content, bloom.Probe(seed, value)) for value in values)


@pytest.mark.parametrize(("bits", "wrong"), [(12, 0.02), (20, 0.001)])
def test_a_filter_is_seldom_wrong(bits: int, wrong: float) -> None:
    content = bloom.build(bloom.hash_values(0, (b"in %d" % number for number in range(50_000))), bits)
    found = sum(has(content, bloom.Probe(0, b"out %d" % number)) for number in range(50_000))
    assert found / 50_000 < wrong


def test_an_empty_filter_has_nothing() -> None:
    assert not has(bloom.build(bloom.hash_values(0, []), 12), bloom.Probe(0, b"x"))


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
