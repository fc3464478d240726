"""Random QONNX models as Brevitas writes them, made without torch: Quant nodes, Gemm, batch norm, scales of either kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.nets import JET_WIDTHS, random_weights

DOMAIN = "qonnx.custom_op.general"


@dataclass(frozen=True)
class Net:
    """What a random model is like; the defaults are a jet tagger's shape."""

    widths: tuple[int, ...] = JET_WIDTHS
    weight_bits: int = 4
    activation_bits: int = 4
    input_bits: int = 8
    zeros: float = 0.7
    scales: str = "pow2"
    per_channel: bool = False
    batch_norm: bool = False
    signed: bool = False
    activation: str = "Relu"
    gemm: bool = True
    bipolar: bool = False
    rounding: str = "ROUND"
    output_bits: int | None = None
    softmax: bool = False
    zero_point: int = 0


def qonnx_net(net: Net = Net(), seed: int = 0) -> onnx.ModelProto:
    return _Writer(net, seed).write()


def model_inputs(features: int, samples: int, seed: int) -> np.ndarray:
    """float32 [samples, features]: values around the quantiser's steps, some exactly on its ties, some beyond its range."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1.5, (samples, features))
    ties = rng.random(x.shape) < 0.2
    x[ties] = np.round(x[ties] * 64) / 64 + 1 / 128
    return x.astype(np.float32)


class _Writer:
    def __init__(self, net: Net, seed: int):
        self.net, self.rng = net, np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def write(self) -> onnx.ModelProto:
        net = self.net
        tensor = self.node("Sub", ["x", self.constant("mean", self.rng.normal(0, 0.5, net.widths[0]))], "centred")
        tensor = self.node("Div", [tensor, self.constant("deviation", self.rng.uniform(0.5, 2, net.widths[0]))], "standardised")
        tensor = self.quant(tensor, "input_quant", self.scale(2.0 ** (3 - net.input_bits)), net.input_bits, signed=True)
        for number, (MW, MH) in enumerate(zip(net.widths, net.widths[1:])):
            tensor = self.layer(f"fc{number}", tensor, MW, MH, number == len(net.widths) - 2)
        if net.softmax:
            tensor = self.node("Softmax", [tensor], "probabilities", axis=-1)
        graph = helper.make_graph(
            self.nodes, "random", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, net.widths[0]])],
            [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, net.widths[-1]])], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14), helper.make_opsetid(DOMAIN, 1)], ir_version=8)

    def layer(self, name: str, tensor: str, MW: int, MH: int, last: bool) -> str:
        net = self.net
        scale = self.scale(2.0 ** (1 - net.weight_bits), (MH, 1) if net.per_channel else ())
        weights = random_weights(self.rng, MH, MW, net.weight_bits, net.zeros) * scale
        bits = max(2, net.weight_bits)
        quantised = self.quant(self.constant(f"{name}.w", weights), f"{name}.weight_quant", scale, bits, signed=True, narrow=1)
        biases = self.rng.normal(0, 0.5, MH) if net.scales == "float" else self.rng.integers(-64, 65, MH) / 128
        bias = self.constant(f"{name}.b", biases)
        if net.gemm:
            tensor = self.node("Gemm", [tensor, quantised, bias], name, transB=1)
        else:
            transposed = self.node("Transpose", [quantised], f"{name}.transposed", perm=[1, 0])
            tensor = self.node("Add", [self.node("MatMul", [tensor, transposed], name), bias], f"{name}.biased")
        if net.batch_norm and not last:
            values = {"scale": self.rng.normal(0, 1, MH), "shift": self.rng.normal(0, 0.3, MH), 
                      "mean": self.rng.normal(0, 0.5, MH), "variance": self.rng.uniform(0.5, 2, MH)}
            parameters = [self.constant(f"{name}.{kind}", value) for kind, value in values.items()]
            tensor = self.node("BatchNormalization", [tensor, *parameters], f"{name}.bn")
        if last:
            if net.output_bits is None:
                return tensor
            return self.quant(tensor, "output_quant", self.scale(0.125), net.output_bits, signed=True)
        if net.bipolar:
            scale = self.constant(f"{name}.act.scale", self.scale(1.0))
            return self.node("BipolarQuant", [tensor, scale], f"{name}.act", domain=DOMAIN)
        if net.activation and not (net.signed and net.activation == "Relu"):
            tensor = self.node(net.activation, [tensor], f"{name}.{net.activation.lower()}")
        return self.quant(tensor, f"{name}.act", self.scale(4.0 * 2.0**-net.activation_bits), net.activation_bits, net.signed,
                          zero_point=net.zero_point)

    def quant(self, tensor: str, name: str, scale, bits: int, signed: bool, narrow: int = 0, zero_point: int = 0) -> str:
        parameters = [self.constant(f"{name}.{kind}", value) for kind, value in
                      (("scale", scale), ("zero_point", zero_point), ("bits", bits))]
        return self.node("Quant", [tensor, *parameters], name, domain=DOMAIN, signed=int(signed), narrow=narrow,
                         rounding_mode=self.net.rounding)

    def scale(self, about: float, shape=()) -> np.ndarray:
        spread = self.rng.uniform(0.7, 1.4, shape)
        return np.asarray(about * (spread if self.net.scales == "float" else 2.0 ** np.round(np.log2(spread))))

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name
