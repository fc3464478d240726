"""Random networks defined in Brevitas and exported by Brevitas: QONNX and QCDQ, by TorchScript or torch.export."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.quant import binary, fixed_point, scaled_int, shifted_scaled_int, ternary

from tests.fuzz.network import SAMPLES, Network

ROUNDINGS = (*("ROUND", "CEIL", "FLOOR") * 3, "ROUND_TO_ZERO")
CALIBRATION = 3


def brevitas_network(seed: int, dynamo: bool | None = None) -> Network:
    """dynamo: by torch.export; None leaves it to the seed, which takes it once in thirty times, for it takes seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _network(seed, dynamo)
    finally:
        torch.set_num_threads(threads)


def _network(seed: int, dynamo: bool | None) -> Network:
    net = RandomNet(seed)
    qcdq, by_export = net.rng.random() < 0.4, net.rng.random() < 1 / 30
    by_export = by_export if dynamo is None else dynamo
    exporter = export_onnx_qcdq if qcdq and net.in_qcdq and not (by_export and net.quantised_bias) else export_qonnx
    net.notes.append(f"{exporter.__name__}{' torch.export' * by_export}")
    data = exported(exporter, net, by_export)
    return Network("brevitas", seed, "; ".join(net.notes), data, net.samples())


def exported(exporter, net: RandomNet, dynamo: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        path = Path(folder) / "model.onnx"
        options = {"optimize": True, "external_data": False} if dynamo else {}
        exporter(net, torch.zeros(1, net.features), export_path=str(path), dynamo=dynamo, **options)
        return path.read_bytes()


class Trunc(qnn.TruncQuantAccumulator):
    """Brevitas 0.13.4's own cannot be made: it takes a submodule before torch's Module is there."""

    def __init__(self, trunc_quant, bit_width: int):
        torch.nn.Module.__init__(self)
        super().__init__(trunc_quant=trunc_quant, bit_width=bit_width, return_quant_tensor=True)


class RandomNet(torch.nn.Module):
    """A chain of Brevitas' layers, calibrated on random data, in eval mode.

    in_qcdq: QCDQ can say it (one bit it cannot, nor other roundings); quantised_bias: which torch.export's QCDQ cannot
    """

    def __init__(self, seed: int):
        super().__init__()
        torch.manual_seed(seed)
        self.rng = np.random.default_rng([seed, 2])
        self.notes: list[str] = []
        self.in_qcdq, self.quantised_bias = True, False
        self.pow2 = self._chance(0.5)
        self.notes.append("power-of-two scales" if self.pow2 else "float scales")
        self.features = int(self.rng.integers(2, 13))
        self.shift, self.steps = self._standardisation(), torch.nn.ModuleList()
        self._add(self._input())
        width = self.features
        layers = int(self._pick(1, 2, 2, 3))
        for number in range(layers):
            width = self._layer(width, last=number == layers - 1)
        tail = self._pick(None, None, None, torch.nn.Softmax(dim=1), torch.nn.Sigmoid())
        if tail is not None:
            self._add(tail)
        self.train()
        for _ in range(CALIBRATION):
            self(torch.randn(64, self.features) * self.shift[1] + self.shift[0])
        self.eval()

    def forward(self, x):
        x = (x - self.shift[0]) / self.shift[1] if self.shifts else x
        for step in self.steps:
            x = step(x)
        return x

    def samples(self) -> np.ndarray:
        """float32 [SAMPLES, features]: levels of the input quantiser, ties, values beyond its ends."""
        quantiser = self.steps[0].act_quant
        scale = float(quantiser.scale().max())
        k = np.round(self.rng.normal(0, min(60, 1.5 / scale) + 1, (SAMPLES, self.features)))
        part = self.rng.choice([0.0, 0.5, 0.25, -0.25], k.shape, p=[0.3, 0.4, 0.15, 0.15])
        x = ((k + part) * scale).astype(np.float32)
        return (x * self.shift[1].numpy() + self.shift[0].numpy()).astype(np.float32)

    def _pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def _chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def _add(self, step: torch.nn.Module) -> None:
        self.steps.append(step)
        self.notes.append(type(step).__name__)

    def _standardisation(self) -> torch.Tensor:
        self.shifts = self._chance(0.4)
        values = np.stack([self.rng.integers(-8, 9, self.features) / 8, 2.0 ** self.rng.integers(-1, 2, self.features)])
        return torch.tensor(values if self.shifts else [[0.0], [1.0]], dtype=torch.float32)

    def _act(self, signed: bool) -> dict:
        """An activation quantiser and its options."""
        kinds = ["int"] * 6 + ["shifted", "binary", "ternary"] if signed else ["uint"]
        kind = self._pick(*kinds)
        if kind == "binary":
            self.notes.append("binary")
            self.in_qcdq = False
            return {"act_quant": binary.SignedBinaryActPerTensorConst, "scaling_const": 1.0 if self.pow2 else 0.7}
        if kind == "ternary":
            self.notes.append("ternary")
            return {"act_quant": ternary.SignedTernaryActPerTensorConst, "scaling_const": 1.0, "min_val": -1.0, "max_val": 1.0}
        fixed, free = {"int": (fixed_point.Int8ActPerTensorFixedPoint, scaled_int.Int8ActPerTensorFloat),
                       "uint": (fixed_point.Uint8ActPerTensorFixedPoint, scaled_int.Uint8ActPerTensorFloat),
                       "shifted": (shifted_scaled_int.ShiftedUint8ActPerTensorFixedPoint,
                                   shifted_scaled_int.ShiftedUint8ActPerTensorFloat)}[kind]
        bits = int(self.rng.integers(2 if signed else 1, 9))
        self.in_qcdq &= bits > 1
        options = {"act_quant": fixed if self.pow2 else free, "bit_width": bits}
        if self._chance(0.3):
            options["float_to_int_impl_type"] = self._pick(*ROUNDINGS)
            self.in_qcdq &= options["float_to_int_impl_type"] == "ROUND"
        if kind == "int" and self._chance(0.2):
            options["narrow_range"] = True
        self.notes.append(f"{kind} {bits} {options.get('float_to_int_impl_type', '')}")
        return options

    def _input(self) -> torch.nn.Module:
        return qnn.QuantIdentity(**self._act(self._chance(0.8)), return_quant_tensor=True)

    def _weight(self) -> dict:
        kind = self._pick(*["tensor"] * 3, *["channel"] * 3, "binary", "ternary", "shifted")
        self.notes.append(f"weights {kind}")
        if kind == "binary":
            self.in_qcdq = False
            return {"weight_quant": binary.SignedBinaryWeightPerTensorConst, "weight_scaling_const": 0.5 if self.pow2 else 0.3}
        if kind == "ternary":
            return {"weight_quant": ternary.SignedTernaryWeightPerTensorConst, "weight_scaling_const": 0.25}
        quantisers = {"tensor": (fixed_point.Int8WeightPerTensorFixedPoint, scaled_int.Int8WeightPerTensorFloat),
                      "channel": (fixed_point.Int8WeightPerChannelFixedPoint, scaled_int.Int8WeightPerChannelFloat),
                      "shifted": (fixed_point.Int8WeightPerTensorFixedPoint, shifted_scaled_int.ShiftedUint8WeightPerTensorFloat)}
        options = {"weight_quant": quantisers[kind][0 if self.pow2 else 1], "weight_bit_width": int(self.rng.integers(2, 9))}
        if self._chance(0.15):
            options["weight_float_to_int_impl_type"] = self._pick(*ROUNDINGS)
        if kind != "shifted" and self._chance(0.2):
            options["weight_narrow_range"] = False
        return options

    def _bias(self) -> dict:
        kind = self._pick("none", "float", "float", "Int8", "Int16", "Int32", "own scale")
        self.notes.append(f"bias {kind}")
        self.quantised_bias |= kind not in ("none", "float")
        own = fixed_point.Int8BiasPerTensorFixedPointInternalScaling if self.pow2 else scaled_int.Int8BiasPerTensorFloatInternalScaling
        quantisers = {"Int8": scaled_int.Int8Bias, "Int16": scaled_int.Int16Bias, "Int32": scaled_int.Int32Bias, "own scale": own}
        return {"bias": kind != "none", "bias_quant": quantisers.get(kind)}

    def _layer(self, width: int, last: bool) -> int:
        outputs = int(self.rng.integers(2, 11))
        self._add(qnn.QuantLinear(width, outputs, **self._weight(), **self._bias()))
        if self._chance(0.35):
            self._add(_settled(torch.nn.BatchNorm1d(outputs)))
        if last:
            if self._chance(0.35):
                self._add(qnn.QuantIdentity(**self._act(True)))
            return outputs
        kind = self._pick("relu", "relu", "relu", "identity", "identity", "hardtanh", "sigmoid", "tanh", "trunc")
        if kind == "relu":
            self._add(qnn.QuantReLU(**self._act(False), return_quant_tensor=True))
        elif kind == "trunc":
            self._add(qnn.QuantReLU(bit_width=8, return_quant_tensor=True))
            self._add(Trunc(self._pick(scaled_int.TruncTo8bit, scaled_int.RoundTo8bit), int(self.rng.integers(2, 8))))
        elif kind == "sigmoid":
            self._add(qnn.QuantSigmoid(**self._act(False), return_quant_tensor=True))
        elif kind == "hardtanh":
            options = {"min_val": -1.0, "max_val": 1.0, **self._act(True)}
            self._add(qnn.QuantHardTanh(**options, return_quant_tensor=True))
        else:
            maker = qnn.QuantIdentity if kind == "identity" else qnn.QuantTanh
            self._add(maker(**self._act(True), return_quant_tensor=True))
        if self._chance(0.12):
            self._add(torch.nn.Dropout(0.2))
        return outputs


def _settled(norm: torch.nn.BatchNorm1d) -> torch.nn.BatchNorm1d:
    """With weights and shifts as training leaves them."""
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
    return norm
