"""Which rows of a block may satisfy a request. More may be returned than asked for, never less.

Conditions on whole traces (`traceDuration`, `rootName`, ...) cannot be told from one span: they are taken as
satisfied and left to the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operand, Operator
from ..model.span import Value
from . import otlp
from .arrays import columns_of
from .block import Block
from .compare import satisfies
from .schema import ATTRIBUTE_TYPES, attribute_column

Mask: TypeAlias = npt.NDArray[np.bool_]

# Intrinsics that are a column of their own, and how an operand is written there.
_INTRINSIC_COLUMNS = {
    "name": "name",
    "kind": "kind",
    "status": "status",
    "statusMessage": "status_message",
    "duration": "duration_ns",
    "trace:id": "trace_id",
    "span:id": "span_id",
    "span:parentID": "parent_span_id",
}
_ID_BYTES = {"trace:id": 16, "span:id": 8, "span:parentID": 8}
_SCOPE_INTRINSICS = {"instrumentation:name": "name", "instrumentation:version": "version"}
_COMPARE = {
    Operator.LT: pc.less,
    Operator.LE: pc.less_equal,
    Operator.GT: pc.greater,
    Operator.GE: pc.greater_equal,
}


def rows(block: Block, request: FetchRequest) -> npt.NDArray[np.int64]:
    """Numbers of the rows that may satisfy the request."""
    mask = _conditions(block, request)
    if block.start_min < request.start_ns or (request.end_ns and block.start_max >= request.end_ns):
        start = columns_of(block.read([block.shape.time]), block.shape.time).to_numpy()
        inside = start >= request.start_ns
        if request.end_ns:
            inside &= start < request.end_ns
        mask = inside if mask is None else mask & inside
    return np.arange(block.rows) if mask is None else np.flatnonzero(mask)


def _conditions(block: Block, request: FetchRequest) -> Mask | None:
    """The rows that satisfy the conditions, None for all of them."""
    combined: Mask | None = None
    for condition in request.conditions:
        mask = _condition(block, condition)
        if request.all_conditions:
            if mask is not None:
                combined = mask if combined is None else combined & mask
                if not combined.any():
                    return combined
        elif mask is None:
            return None
        else:
            combined = mask if combined is None else combined | mask
    return combined


def _condition(block: Block, condition: Condition) -> Mask | None:
    every = (condition.attribute, *condition.aliases)
    masks = [_attribute(block, attribute, condition) for attribute in every]
    if any(mask is None for mask in masks):
        return None
    known = [mask for mask in masks if mask is not None]
    return ~_any([~mask for mask in known]) if condition.operator is Operator.ABSENT else _any(known)


def _attribute(block: Block, attribute: Attribute, condition: Condition) -> Mask | None:
    operator, operands, name = condition.operator, condition.operands, attribute.name
    match attribute.scope:
        case AttributeScope.SPAN:
            return _span(block, name, operator, operands)
        case AttributeScope.RESOURCE:
            return _wire(
                block, "resource", lambda b: otlp.resource(b).attributes.get(name), operator, operands
            )
        case AttributeScope.INSTRUMENTATION:
            return _wire(block, "scope", lambda b: otlp.scope(b).attributes.get(name), operator, operands)
        case AttributeScope.ANY:
            own = _span(block, name, operator, operands)
            shared = _wire(
                block, "resource", lambda b: otlp.resource(b).attributes.get(name), operator, operands
            )
            return own & shared if operator is Operator.ABSENT else own | shared
        case AttributeScope.EVENT:
            return _listed(block, "events", lambda b: otlp.event(b).attributes.get(name), name, condition)
        case AttributeScope.LINK:
            return _listed(block, "links", lambda b: otlp.link(b).attributes.get(name), name, condition)
        case AttributeScope.INTRINSIC:
            return _intrinsic(block, name, condition)


def _intrinsic(block: Block, name: str, condition: Condition) -> Mask | None:
    operator, operands = condition.operator, condition.operands
    if name in _ID_BYTES:
        if operator is not Operator.EQ:
            return None
        ids = [parse_id(operand, _ID_BYTES[name]) for operand in operands]
        return _typed(
            _read(block, _INTRINSIC_COLUMNS[name]), operator, [one for one in ids if one is not None]
        )
    if name in _INTRINSIC_COLUMNS:
        array = _read(block, _INTRINSIC_COLUMNS[name])
        mask = _typed(array, operator, operands)
        # Only the status message is null, where it is the empty string.
        return mask | _numpy(array.is_null()) if satisfies("", operator, operands) else mask
    if name in _SCOPE_INTRINSICS:
        field = _SCOPE_INTRINSICS[name]
        return _wire(block, "scope", lambda b: getattr(otlp.scope(b), field), operator, operands)
    if name == "event:name":
        return _listed(block, "events", lambda b: otlp.event(b).name, "", condition)
    if name == "link:traceID":
        return _listed(block, "links", lambda b: otlp.link(b).trace_id.hex(), "", condition)
    if name == "link:spanID":
        return _listed(block, "links", lambda b: otlp.link(b).span_id.hex(), "", condition)
    return None


def parse_id(operand: Operand, size: int) -> bytes | None:
    """An id from hex, padded on the left; None when it is none."""
    try:
        raw = bytes.fromhex(str(operand).rjust(size * 2, "0"))
    except ValueError:
        return None
    return raw if len(raw) == size else None


def _read(block: Block, name: str) -> pa.Array:
    return columns_of(block.read([name]), name)


def _span(block: Block, key: str, operator: Operator, operands: Sequence[Operand]) -> Mask:
    """Attributes of spans: a column for each type, then what shares the last column."""
    positive = Operator.EXISTS if operator is Operator.ABSENT else operator
    mask = np.zeros(block.rows, np.bool_)
    there = block.names()
    for kind in ATTRIBUTE_TYPES:
        name = attribute_column(kind, key)
        if name in there:
            mask |= _typed(_read(block, name), positive, operands)
    rest = _read(block, "rest")
    if rest.null_count < len(rest):
        mask |= _rest(rest, key, lambda value: satisfies(value, positive, operands))
    return ~mask if operator is Operator.ABSENT else mask


def _typed(array: pa.Array, operator: Operator, operands: Sequence[Operand | bytes]) -> Mask:
    """A comparison with a column of one type; a null satisfies only `ABSENT`."""
    if operator is Operator.EXISTS:
        return _numpy(array.is_valid())
    if operator is Operator.ABSENT:
        return _numpy(array.is_null())
    if isinstance(array, pa.DictionaryArray):
        return spread(_typed(array.dictionary, operator, operands), array)
    operands = [operand for operand in operands if _comparable(array.type, operand)]
    if not operands:
        return np.zeros(len(array), np.bool_)
    if operator is Operator.EQ:
        if len(operands) == 1:
            return _numpy(pc.equal(array, _scalar(operands[0], array.type)))
        return _any([_numpy(pc.equal(array, _scalar(one, array.type))) for one in operands])
    if operator is Operator.NE:
        return _any([_numpy(pc.not_equal(array, _scalar(one, array.type))) for one in operands])
    if operator in (Operator.MATCH, Operator.NOT_MATCH):
        return _any([_regex(array, str(one), operator) for one in operands])
    if pa.types.is_boolean(array.type):
        return np.zeros(len(array), np.bool_)
    compare = _COMPARE[operator]
    return _any([_numpy(compare(array, _scalar(one, array.type))) for one in operands])


def _comparable(kind: pa.DataType, operand: Operand | bytes) -> bool:
    if isinstance(operand, bool):
        return bool(pa.types.is_boolean(kind))
    if isinstance(operand, str):
        return bool(pa.types.is_string(kind))
    if isinstance(operand, bytes):
        return bool(pa.types.is_fixed_size_binary(kind))
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _scalar(operand: Operand | bytes, kind: pa.DataType) -> pa.Scalar:
    """An operand in a type that compares with the column without losing anything."""
    if isinstance(operand, float) or pa.types.is_floating(kind):
        return pa.scalar(float(operand), pa.float64())
    if isinstance(operand, int) and not isinstance(operand, bool):
        return pa.scalar(operand, pa.int64()) if -(2**63) <= operand < 2**63 else pa.scalar(float(operand))
    return pa.scalar(operand, kind)


def _regex(array: pa.Array, pattern: str, operator: Operator) -> Mask:
    if not pa.types.is_string(array.type):
        return np.zeros(len(array), np.bool_)
    try:
        found = pc.match_substring_regex(array, f"^(?:{pattern})$")
    except pa.ArrowInvalid:
        # The engine refuses what RE2 does not know; nothing is lost by returning everything.
        return _numpy(array.is_valid())
    return _numpy(pc.invert(found) if operator is Operator.NOT_MATCH else found)


def _wire(
    block: Block,
    column: str,
    get: Callable[[bytes], Value],
    operator: Operator,
    operands: Sequence[Operand],
) -> Mask:
    """A comparison with resources or scopes: few are distinct, each is decoded once."""
    array = _read(block, column)
    distinct = [satisfies(get(encoded), operator, operands) for encoded in array.dictionary.to_pylist()]
    return spread(np.array(distinct, np.bool_), array)


def _rest(lists: pa.ListArray, key: str, wanted: Callable[[Value], bool]) -> Mask:
    """Attributes without a column: found by the bytes they begin with, then decoded."""
    mask = np.zeros(len(lists), np.bool_)
    values = lists.flatten()
    raw = key.encode()
    prefix = b"\n" + _varint(len(raw)) + raw
    # An encoder may put the value first, which protobuf allows; then the beginning says nothing.
    candidates = pc.or_(pc.starts_with(values, prefix), pc.invert(pc.starts_with(values, b"\n")))
    at = np.flatnonzero(_numpy(candidates))
    parents = pc.list_parent_indices(lists).to_numpy()
    for index in at.tolist():
        name, value = otlp.key_value(values[index].as_py())
        if name == key and wanted(value):
            mask[parents[index]] = True
    return mask


def _listed(
    block: Block, column: str, get: Callable[[bytes], Value], key: str, condition: Condition
) -> Mask | None:
    """Events or links: spans without any satisfy nothing, the others are decoded when the key occurs."""
    if condition.operator is Operator.ABSENT:
        return None
    lists = _read(block, column)
    mask = np.zeros(len(lists), np.bool_)
    values = lists.flatten()
    if not len(values):
        return mask
    at = np.arange(len(values))
    if key:
        at = np.flatnonzero(_numpy(pc.match_substring(values, key.encode())))
    parents = pc.list_parent_indices(lists).to_numpy()
    for index in at.tolist():
        if not mask[parents[index]] and satisfies(
            get(values[index].as_py()), condition.operator, condition.operands
        ):
            mask[parents[index]] = True
    return mask


def spread(distinct: Mask, array: pa.DictionaryArray) -> Mask:
    """From a test of the dictionary to a test of the rows; nulls are False."""
    codes = array.indices.fill_null(len(distinct)).to_numpy()
    mask: Mask = np.append(distinct, False)[codes]
    return mask


def _any(masks: Sequence[Mask]) -> Mask:
    combined = masks[0]
    for mask in masks[1:]:
        combined = combined | mask
    return combined


def _numpy(array: pa.Array) -> Mask:
    filled = array.fill_null(False) if array.null_count else array
    mask: Mask = filled.to_numpy(zero_copy_only=False)
    return mask


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
