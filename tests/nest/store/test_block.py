from __future__ import annotations

import pyarrow as pa
import pytest

from temponest.nest.store.block import one_chunk, rows_of_traces


def test_an_index_without_meaning_behind_a_null_is_never_looked_up() -> None:
    validity = pa.py_buffer(b"\x01")
    indices = pa.Array.from_buffers(
        pa.int32(), 2, [validity, pa.array([0, 1_463_266_958], pa.int32()).buffers()[1]]
    )
    stray = pa.DictionaryArray.from_arrays(indices, pa.array(["a"]), safe=False)
    column = pa.chunked_array([stray, pa.array(["b", None]).dictionary_encode()])
    assert one_chunk(pa.table({"name": column})).column("name").to_pylist() == ["a", None, "b", None]


@pytest.mark.parametrize("ids", [1, 2, 40])
@pytest.mark.parametrize("chunks", [1, 2])
def test_rows_of_traces_ascend_whatever_the_order_of_the_ids(ids: int, chunks: int) -> None:
    # Ids that agree in one half only are different ids.
    every = [half * 8 + other * 8 for half in (b"a", b"b", b"c") for other in (b"x", b"y")]
    column = pa.chunked_array([pa.array(every, pa.binary(16))] * chunks)
    wanted = [every[5], every[2], *(number.to_bytes(16, "big") for number in range(40))][:ids]
    expected = [row for row, one in enumerate(every * chunks) if one in wanted]
    assert rows_of_traces(column, wanted).tolist() == expected


def test_a_log_record_without_a_trace_is_of_no_trace() -> None:
    column = pa.chunked_array([pa.array([None, bytes(15) + b"1"], pa.binary(16))])
    assert rows_of_traces(column, [bytes(16)]).tolist() == []
