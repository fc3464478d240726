"""How large a file may be, told before anything is made of it: 2 GB of memory hold whatever is within these limits."""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path

import onnx
from google.protobuf.descriptor import Descriptor, FieldDescriptor

MOST_BYTES = 2**27
"""Of a model file and its data files together."""
MOST_VALUES = 2**24
"""Of all constants of a model together; also of a sample of any tensor, and of the thresholds of a layer."""
MOST_FIELDS = 1_000_000
"""Of the protobuf messages of a file: each takes some 100 bytes in memory, and may take two in the file."""
MOST_NODES = 5_000
MOST_DEPTH = 64
"""Of messages within messages."""
VARINT, LENGTH = 0, 2
FIXED = {1: 8, 5: 4}
"""Bytes of protobuf's wire types of fixed size."""


def read_bytes(path: Path) -> bytes:
    """ValueError for a file that is too large."""
    check_bytes(str(path), path.stat().st_size)
    return path.read_bytes()


def check_bytes(what: str, size: int) -> None:
    if size > MOST_BYTES:
        raise ValueError(f"{what}: {size / 2**20:,.0f} MB; supported: up to {MOST_BYTES / 2**20:,.0f} MB, its data files included")


def check_values(what: str, shape) -> None:
    """ValueError for a shape of too many elements."""
    if prod(int(d) for d in shape) > MOST_VALUES:
        raise ValueError(f"{what} has shape {[int(d) for d in shape]}; supported: up to {MOST_VALUES:,} values")


def check_messages(data: bytes) -> None:
    """Walk through a serialised ModelProto without making anything of it. ValueError where it is damaged, has too many fields, or names that
    are no text."""
    pending, fields = [(0, len(data), onnx.ModelProto.DESCRIPTOR, 0)], 0
    while pending:
        position, end, message, depth = pending.pop()
        kinds, texts = _kinds(message), _texts(message)
        while position < end:
            fields += 1
            if fields > MOST_FIELDS or depth > MOST_DEPTH:
                raise ValueError(f"more than {MOST_FIELDS:,} fields, or {MOST_DEPTH} levels of them; supported: up to as many")
            tag, position = _varint(data, position, end)
            if tag & 7 == VARINT:
                _, position = _varint(data, position, end)
                continue
            length, position = _varint(data, position, end) if tag & 7 == LENGTH else (FIXED.get(tag & 7, end + 1), position)
            if position + length > end:
                raise ValueError("a field ends behind the file's end, or is of no known form")
            if tag & 7 == LENGTH and (below := kinds.get(tag >> 3)) is not None:
                pending.append((position, position + length, below, depth + 1))
            elif tag & 7 == LENGTH and tag >> 3 in texts:
                _check_text(data[position : position + length])
            position += length


@cache
def _kinds(message: Descriptor) -> dict[int, Descriptor]:
    """The messages within a message, by field number."""
    return {number: field.message_type for number, field in message.fields_by_number.items() if field.type == FieldDescriptor.TYPE_MESSAGE}


@cache
def _texts(message: Descriptor) -> frozenset[int]:
    """The texts of a message, by field number."""
    return frozenset(number for number, field in message.fields_by_number.items() if field.type == FieldDescriptor.TYPE_STRING)


def _check_text(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{text[:40].decode(errors='replace')} is no text in UTF-8; save the model again") from None


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise ValueError("a number is cut short")
