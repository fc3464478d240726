"""ONNX files: good networks of the differential fuzzer, changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from onnx import ModelProto

from tests.fuzz.hostile import onnx_graphs, onnx_tensors
from tests.fuzz.hostile.case import Case, Dice, damaged, mutated
from tests.fuzz.network import network

GOOD = 40
"""Networks to begin with, half of each kind."""
CHANGES = {**onnx_graphs.CHANGES, **onnx_tensors.CHANGES}


@lru_cache(maxsize=GOOD)
def good(number: int) -> bytes:
    return network("graphs" if number % 2 else "ort", number).data


def onnx_case(seed: int, folder: Path) -> Case:
    dice = Dice(seed, 10)
    number = dice.below(GOOD)
    onnx_tensors.surroundings(folder)
    how = dice.pick(("structure",) * 8 + ("bytes",) * 2 + ("messages",))
    if how == "structure":
        model, told = mutated(dice, ModelProto.FromString(good(number)), CHANGES)
        data = model.SerializeToString()
    elif how == "bytes":
        data, told = damaged(dice, good(number))
    else:
        data, told = messages(dice, good(number))
    path = folder / "model.onnx"
    path.write_bytes(data)
    return Case("onnx", path, f"network {number}: {told}")


def messages(dice: Dice, data: bytes) -> tuple[bytes, str]:
    """Protobuf messages without content, very many or very deep: GraphProto is field 7 of a model, NodeProto field 1 of it, AttributeProto
    field 5 of that, a graph field 6 of that."""
    how = dice.pick(("nodes", "names", "deep", "group"))
    if how == "nodes":
        return data + field(7, b"\x0a\x00" * dice.pick((10_000, 3_000_000))), "empty nodes"
    if how == "names":
        return data + field(7, field(1, b"\x0a\x00" * dice.pick((10_000, 3_000_000)))), "empty inputs"
    if how == "deep":
        inner = b""
        for _ in range(dice.pick((20, 200, 2000))):
            inner = field(1, field(5, field(6, inner)))
        return data + field(7, inner), "graphs within graphs"
    return data + bytes([dice.pick((0x3B, 0x3C, 0x3E, 0x3F))]) * 10, "groups, or no wire type"


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format: tag, length, content."""
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
