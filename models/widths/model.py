"""A finished network of method `widths`: raw features in, logits out, and its file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from models.widths.emit import emit, snapped
from models.widths.network import Network


@dataclass
class WidthModel:
    """`net` on features of which `centre` [F] is taken and that are divided by `reach` [F], float32."""

    net: Network
    centre: Tensor
    reach: Tensor

    @classmethod
    def of(cls, net: Network, centre: Tensor, reach: Tensor) -> WidthModel:
        """Deployable: tidied, its biases as the hardware can hold them."""
        return cls(snapped(net.tidied()), centre, reach)

    @property
    def weights(self) -> list[Tensor]:
        """[MH, MW] of each layer, as the hardware has them, in real values."""
        return self.net.weights

    def quantised_weights(self) -> list[Tensor]:
        """The same: a widths network is always quantised."""
        return self.net.weights

    def __call__(self, x: Tensor) -> Tensor:
        """Raw features [N, F] -> logits [N, classes]."""
        return self.net.logits((x - self.centre) / self.reach)

    def export(self, path: Path, check: Tensor) -> None:
        """Write it as QONNX, atomically. RuntimeError where onnxruntime's logits of `check` [N, F] differ from the model's in one number."""
        made = emit(self.net, self.centre.numpy(), self.reach.numpy(), path.resolve().parent.name)
        produced, expected = run(made, check.numpy()), self(check).numpy()
        differing = np.flatnonzero((produced != expected).any(1))
        if len(differing):
            raise RuntimeError(f"the exported model differs from the trained one on {len(differing)} of {len(check)} samples; first at "
                               f"{differing[0]}: {produced[differing[0]]} instead of {expected[differing[0]]}")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        onnx.save(made, temporary)
        os.replace(temporary, path)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """In onnxruntime, without the Quant nodes: they say widths, and change nothing that is within them (checked here)."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    del plain.graph.node[:], plain.opset_import[1:]
    renamed: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == "Quant":
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
            continue
        kept = plain.graph.node.add()
        kept.CopyFrom(node)
        kept.input[0] = renamed.get(node.input[0], node.input[0])
    within(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(plain.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {plain.graph.input[0].name: x})[0]


def within(model: onnx.ModelProto) -> None:
    """RuntimeError where the limits in front of a Quant are not those of its bits."""
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = list(model.graph.node)
    for place, node in enumerate(nodes):
        if node.op_type != "Quant":
            continue
        low, high, bits = constants[nodes[place - 2].input[1]], constants[nodes[place - 1].input[1]], constants[node.input[3]]
        signed = next(attribute.i for attribute in node.attribute if attribute.name == "signed")
        if np.any(low < -signed * 2.0 ** (bits - 1)) or np.any(high > 2.0 ** (bits - signed) - 1):
            raise RuntimeError(f"{node.name}: limits do not fit its bits")


def prepared(x: Tensor) -> tuple[Tensor, Tensor]:
    """(centre, reach) [F] of the training part's features: their middle 99.4 % lie within ±2 afterwards."""
    low, high = x.quantile(0.003, dim=0), x.quantile(0.997, dim=0)
    reach = (high - low) / 4
    return (low + high) / 2, torch.where(reach > 0, reach, torch.ones_like(reach))
