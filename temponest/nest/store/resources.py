"""Who sent a row: its resource, and the name of its service."""

from __future__ import annotations

import pyarrow as pa
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from .arrays import Ints, spread


def resources(encoded: pa.BinaryArray, of: Ints) -> dict[str, pa.Array]:
    """The columns `resource` and `service`; row `i` has the encoded resource number `of[i]`."""
    distinct = encoded.dictionary_encode()
    names = pa.array([_service(value) for value in distinct.dictionary.to_pylist()], pa.string())
    services = names.dictionary_encode()
    code = services.indices.take(distinct.indices).take(pa.array(of))
    return {
        "resource": spread(distinct, of),
        "service": pa.DictionaryArray.from_arrays(code, services.dictionary),
    }


def _service(resource: bytes) -> str:
    for attribute in ResourceMessage.FromString(resource).attributes:
        if attribute.key == "service.name" and attribute.value.string_value:
            return str(attribute.value.string_value)
    return "unknown_service"
