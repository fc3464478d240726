"""SparseMVAU: a matrix-vector-activation unit whose zero weights cost nothing."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from finn.custom_op.fpgadataflow import register_custom_op
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from qonnx.core.datatype import DataType

from finn_steps.accelerator import PRODUCTS, STYLES, Accelerator, Folding, SparseLayer
from finn_steps.folding.cost import LayerEstimate, estimate

ESTIMATES = ("lut_estimate", "ff_estimate", "bram_estimate", "dsp_estimate")


@register_custom_op
class SparseMVAU(HWCustomOp):
    """One SparseLayer as a FINN node.

    inputs      x [..., MW]; weights [MW, MH]; thresholds [MH, steps], or the bias [MH] where noActivation is 1
    attributes  those of Folding, and the datatypes of x and of the output. `nonzeros`, `cycles` and the estimates follow from the
                weights and are kept because FINN asks a node for them without giving it the model.
    """

    def get_nodeattr_types(self):
        return {
            **super().get_nodeattr_types(),
            "MW": ("i", True, 0),
            "MH": ("i", True, 0),
            "inputDataType": ("s", True, ""),
            "outputDataType": ("s", True, ""),
            "noActivation": ("i", True, 0, {0, 1}),
            "numInputVectors": ("ints", False, [1]),
            "style": ("s", False, "unrolled", set(STYLES)),
            "PE": ("i", False, 1),
            "SIMD": ("i", False, 1),
            "digits": ("i", False, 1),
            "registers_every": ("i", False, 1),
            "max_cycles": ("i", False, 0),
            "products": ("s", False, "lut", set(PRODUCTS)),
            "blocks": ("i", False, -1),
            "nonzeros": ("i", False, 0),
            "cycles": ("i", False, 1),
            **{name: ("i", False, 0) for name in ESTIMATES},
            "layer": ("s", False, ""),
        }

    @property
    def folding(self) -> Folding:
        return Folding(**{field.name: self.get_nodeattr(field.name) for field in fields(Folding)})

    def set_folding(self, folding: Folding, model, share: LayerEstimate | None = None) -> None:
        """With what the layer will take: its `share` of a whole accelerator, or, without one, what it takes alone. ValueError, naming
        the layer, for a folding that it cannot take."""
        folding.check(self.get_nodeattr("layer"), self.get_nodeattr("MH"), self.get_nodeattr("MW"))
        for name, value in vars(folding).items():
            self.set_nodeattr(name, value)
        if share is None:
            layer = self.sparse_layer(model)
            share = estimate(Accelerator(layer.name, (layer,), layer.MW, np.arange(layer.MW))).layers[0]
        self.set_nodeattr("cycles", share.cycles)
        for name in ESTIMATES:
            self.set_nodeattr(name, getattr(share, name.removesuffix("_estimate")))

    def sparse_layer(self, model) -> SparseLayer:
        """The node and its initialisers as a SparseLayer."""
        weights, extra = (_integers(model.get_initializer(name)) for name in self.onnx_node.input[1:3])
        raw = bool(self.get_nodeattr("noActivation"))
        return SparseLayer(
            name=self.get_nodeattr("layer"),
            weights=weights.T,
            bias=extra if raw else np.zeros(weights.shape[1]),
            thresholds=None if raw else extra,
            idt=self.get_nodeattr("inputDataType"),
            odt=self.get_nodeattr("outputDataType"),
            folding=self.folding,
        )

    def execute_node(self, context, graph):
        """Exact integers, in FINN's float32 containers."""
        x, weights, extra = (context[name] for name in self.onnx_node.input)
        weights, extra = _integers(weights), _integers(extra)
        acc = _integers(x) @ weights
        odt = self.get_output_datatype()
        if self.get_nodeattr("noActivation"):
            y = acc + extra
        else:
            y = int(odt.min()) + (acc[..., None] >= extra).sum(-1) * (2 if odt.name == "BIPOLAR" else 1)
        context[self.onnx_node.output[0]] = y.astype(np.float32)

    def infer_node_datatype(self, model):
        node = self.onnx_node
        idt = model.get_tensor_datatype(node.input[0])
        if idt.name != self.get_nodeattr("inputDataType"):
            taken = self.get_nodeattr("inputDataType")
            raise ValueError(f"{node.name}: input {node.input[0]} is {idt.name}, the node takes {taken}")
        model.set_tensor_datatype(node.output[0], self.get_output_datatype())

    def get_input_datatype(self, ind=0):
        return DataType[self.get_nodeattr("inputDataType")] if ind == 0 else DataType["INT32"]

    def get_output_datatype(self, ind=0):
        return DataType[self.get_nodeattr("outputDataType")]

    def get_normal_input_shape(self, ind=0):
        MW, MH = self.get_nodeattr("MW"), self.get_nodeattr("MH")
        if ind == 1:
            return (MW, MH)
        if ind == 2:
            steps = self.get_output_datatype().get_num_possible_values() - 1
            return (MH,) if self.get_nodeattr("noActivation") else (MH, steps)
        return (*self.get_nodeattr("numInputVectors"), MW)

    def get_normal_output_shape(self, ind=0):
        return (*self.get_nodeattr("numInputVectors"), self.get_nodeattr("MH"))

    def get_folded_input_shape(self, ind=0):
        return (*self.get_nodeattr("numInputVectors"), *self._fold(self.get_nodeattr("MW"), self.get_nodeattr("SIMD")))

    def get_folded_output_shape(self, ind=0):
        return (*self.get_nodeattr("numInputVectors"), *self._fold(self.get_nodeattr("MH"), self.get_nodeattr("PE")))

    def _fold(self, elements: int, lanes: int) -> tuple[int, int]:
        lanes = lanes if self.get_nodeattr("style") == "folded" else elements
        return -(-elements // lanes), lanes

    def get_instream_width(self, ind=0):
        return self.get_folded_input_shape()[-1] * self.get_input_datatype().bitwidth() if ind == 0 else 0

    def get_outstream_width(self, ind=0):
        return self.get_folded_output_shape()[-1] * self.get_output_datatype().bitwidth()

    def get_number_output_values(self):
        return {"out0": int(np.prod(self.get_folded_output_shape()[:-1]))}

    def get_exp_cycles(self):
        """Cycles between two inputs."""
        return int(np.prod(self.get_nodeattr("numInputVectors"))) * self.get_nodeattr("cycles")

    def lut_estimation(self, fpgapart=None):
        return self.get_nodeattr("lut_estimate")

    def bram_estimation(self, fpgapart=None):
        """Of 18 Kbit."""
        return self.get_nodeattr("bram_estimate")

    def dsp_estimation(self, fpgapart=None):
        return self.get_nodeattr("dsp_estimate")

    def node_res_estimation(self, fpgapart):
        return {**super().node_res_estimation(fpgapart), "FF": self.get_nodeattr("ff_estimate")}

    def get_op_and_param_counts(self):
        """As FINN counts, but for the weights that are there."""
        bits = self.get_input_datatype().bitwidth()
        count, vectors = self.get_nodeattr("nonzeros"), int(np.prod(self.get_nodeattr("numInputVectors")))
        return {f"op_mac_{bits}bx_sparse": count * vectors, "param_weight_sparse": count}

    def verify_node(self):
        self.folding.check(self.get_nodeattr("layer"), self.get_nodeattr("MH"), self.get_nodeattr("MW"))
        return ["The folding is legal"]


def _integers(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.int64)
