"""A list of standard ONNX nodes in the making, with the constants that they need."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.dtype(np.float16): TensorProto.FLOAT16, np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float64): TensorProto.DOUBLE}


class Emitter:
    """Nodes named for the tensor that the last of them gives: `y/1`, `y/2`, ..., `y`."""

    def __init__(self, output: str, taken: set[str]):
        self.output, self.taken = output, taken
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def name(self, hint: str) -> str:
        """A tensor name that nothing else has."""
        name, number = f"{self.output}/{hint}", 1
        while name in self.taken:
            number += 1
            name = f"{self.output}/{hint}{number}"
        self.taken.add(name)
        return name

    def constant(self, value, dtype=np.float32) -> str:
        tensor = numpy_helper.from_array(np.asarray(value, dtype), self.name("constant"))
        self.constants.append(tensor)
        return tensor.name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes) -> str:
        """Append a node; the name of its output."""
        output = output or self.name(kind)
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def cast(self, tensor: str, dtype, output: str | None = None) -> str:
        return self.add("Cast", tensor, output=output, to=TYPES[np.dtype(dtype)])
