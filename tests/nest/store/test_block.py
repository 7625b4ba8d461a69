from __future__ import annotations

import pyarrow as pa

from temponest.nest.store.block import one_chunk


def test_an_index_without_meaning_behind_a_null_is_never_looked_up() -> None:
    validity = pa.py_buffer(b"\x01")
    indices = pa.Array.from_buffers(
        pa.int32(), 2, [validity, pa.array([0, 1_463_266_958], pa.int32()).buffers()[1]]
    )
    stray = pa.DictionaryArray.from_arrays(indices, pa.array(["a"]), safe=False)
    column = pa.chunked_array([stray, pa.array(["b", None]).dictionary_encode()])
    assert one_chunk(pa.table({"name": column})).column("name").to_pylist() == ["a", None, "b", None]
