"""Changes to an ONNX model's constants, and nodes and files that ask for more memory or time than there is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.fuzz.hostile.case import Dice
from tests.fuzz.hostile.onnx_graphs import tensors

HUGE = (2**20, 2**24, 2**31, 2**40, 2**62)
OUTSIDE = "outside.bin"
"""Beside the folder of the model: what it must not read."""


def constant(dice: Dice, model) -> TensorProto:
    graph = model.graph
    inside = [entry.t for n in graph.node for entry in n.attribute if entry.HasField("t")]
    return dice.pick([*graph.initializer, *inside] or [graph.initializer.add()])


def dims(dice, model):
    tensor = constant(dice, model)
    how = dice.pick(("huge", "negative", "zero", "none", "more", "swapped"))
    sizes = list(tensor.dims)
    del tensor.dims[:]
    tensor.dims.extend({"huge": [dice.pick(HUGE), *sizes[1:]], "negative": [-1, *sizes[1:]], "zero": [0, *sizes[1:]], "none": [],
                        "more": [1, *sizes, dice.pick((1, 2))], "swapped": sizes[::-1]}[how])


def element_type(dice, model):
    constant(dice, model).data_type = dice.pick([*TensorProto.DataType.values(), 99, -1])


def payload(dice, model):
    tensor = constant(dice, model)
    if not tensor.raw_data:
        try:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        except Exception:  # noqa: BLE001 - one that an earlier change has damaged stays so
            return
    data = tensor.raw_data
    tensor.raw_data = dice.pick((b"", data[:-1], data[: len(data) // 2], data * 2, data + b"\0", data[::-1], bytes(len(data)), b"\xff" * len(data)))


def other_field(dice, model):
    tensor = constant(dice, model)
    getattr(tensor, dice.pick(("float_data", "int32_data", "int64_data", "double_data", "uint64_data"))).extend([1] * dice.pick((1, 3, 1000)))
    if dice.chance(0.3):
        tensor.string_data.append(b"x")
    if dice.chance(0.2):
        tensor.segment.begin = 1


def values(dice, model):
    """Scales, zero points, widths and weights that are none."""
    tensor = constant(dice, model)
    try:
        array = np.array(numpy_helper.to_array(tensor))
        if not array.size or array.dtype.kind not in "fiub":
            return
        with np.errstate(all="ignore"):
            nasty = np.array(dice.pick((0, -1, 1, 1.5, 16, 17, 32, 64, 1e-45, 1e-30, 1e30, 3e38, np.nan, np.inf, -np.inf)))
            nasty = np.nan_to_num(nasty) if array.dtype.kind != "f" else nasty
            limits = (0, 1) if array.dtype.kind == "b" else (0, 127) if array.dtype.kind == "u" else (-128, 127)
            kept = array.dtype.type(nasty.astype(np.float64) if array.dtype.kind == "f" else int(np.clip(nasty, *limits)))
        array[...] = kept if dice.chance(0.5) else np.where(np.arange(array.size).reshape(array.shape) == dice.below(array.size), kept, array)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError):
        return


def twice(dice, model):
    model.graph.initializer.add().CopyFrom(constant(dice, model))


def rename(dice, model):
    constant(dice, model).name = dice.pick([dice.text(), *tensors(model)])


def sparse(dice, model):
    model.graph.sparse_initializer.add().values.CopyFrom(constant(dice, model))


def _in_front(dice, model, nodes, constants=()):
    """Nodes that compute a constant, put before all others and read by one of them."""
    graph, made = model.graph, nodes[-1].output[0]
    for position, node in enumerate(nodes):
        graph.node.insert(position, node)
    graph.initializer.extend(constants)
    reader = dice.pick(graph.node)
    if len(reader.input) > 1 and dice.chance(0.8):
        reader.input[1 + dice.below(len(reader.input) - 1)] = made


def huge_constant(dice, model):
    """A few bytes that come to gigabytes."""
    how = dice.pick(("ConstantOfShape", "Expand", "Range", "Add", "MatMul", "Concat"))
    n = dice.pick((2**12, 2**15, 2**20, 2**28, 2**40))
    shape = numpy_helper.from_array(np.array([n, dice.pick((1, n))], np.int64), "big_shape")
    column = numpy_helper.from_array(np.zeros((min(n, 2**15), 1), np.float32), "big_column")
    row = numpy_helper.from_array(np.zeros((1, min(n, 2**15)), np.float32), "big_row")
    ends = [numpy_helper.from_array(np.array(v, np.int64), name) for name, v in (("big_0", 0), ("big_n", n), ("big_1", 1))]
    one = numpy_helper.from_array(np.zeros(1, np.float32), "big_one")
    inputs = {"ConstantOfShape": ["big_shape"], "Expand": ["big_one", "big_shape"], "Range": ["big_0", "big_n", "big_1"],
              "Add": ["big_column", "big_row"], "MatMul": ["big_column", "big_row"], "Concat": ["big_row"] * 200}[how]
    more = {"axis": 0} if how == "Concat" else {}
    _in_front(dice, model, [helper.make_node(how, inputs, ["big"], **more)], [shape, column, row, *ends, one])


def long_work(dice, model):
    """Products of constant matrices, one behind the other."""
    side = dice.pick((64, 512, 1500))
    matrix = numpy_helper.from_array(np.zeros((side, side), np.float32), "work")
    nodes = [helper.make_node("MatMul", ["work", f"work{i - 1}" if i else "work"], [f"work{i}"]) for i in range(dice.pick((3, 30, 300)))]
    _in_front(dice, model, nodes, [matrix])


def many_nodes(dice, model):
    count = dice.pick((100, 2000, 20_000, 200_000))
    model.graph.node.extend([helper.make_node("Identity", [f"c{i - 1}" if i else tensors(model)[0]], [f"c{i}"]) for i in range(count)])


def many_inputs(dice, model):
    for number in range(dice.pick((100, 50_000))):
        model.graph.input.add().name = f"i{number}"


def external(dice, model):
    """Kept in another file: outside of the folder, missing, too short, or told in no numbers."""
    tensor = constant(dice, model)
    tensor.data_location = TensorProto.EXTERNAL
    places = (OUTSIDE, f"../{OUTSIDE}", f"here/../../{OUTSIDE}", "link.bin", "folder", "data.bin", "data.bin", "data.bin", "sparse.bin", "/etc/hostname",
              "/dev/zero", "", ".", "..", "missing.bin", "data.bin\0", "report/summary.json", dice.text())
    told = {"location": dice.pick(places), "offset": dice.pick(("0", "4", "-1", "x", "1e3", str(2**62), "9" * 50)),
            "length": dice.pick(("0", str(len(tensor.raw_data)), "-1", "", str(2**62), "9" * 50))}
    for key, value in told.items():
        if key == "location" or dice.chance(0.6):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    if dice.chance(0.5):
        tensor.ClearField("raw_data")


CHANGES = {f.__name__: f for f in (dims, element_type, payload, other_field, values, values, twice, rename, sparse, huge_constant, long_work,
                                   many_nodes, many_inputs, external)}


def surroundings(folder: Path) -> None:
    """What external data may point to: a file of 256 bytes, one of many gigabytes that are nowhere on the disk, a link out, a folder."""
    (folder / "data.bin").write_bytes(bytes(range(256)))
    (folder / "folder").mkdir()
    (folder.parent / OUTSIDE).write_bytes(b"not yours" * 100)
    (folder / "link.bin").symlink_to(folder.parent / OUTSIDE)
    with open(folder / "sparse.bin", "wb") as file:
        os.truncate(file.fileno(), 2**36)
