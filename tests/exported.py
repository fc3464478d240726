"""Files as people's exporters write them, and the assertion that one is built exactly: held to the file itself, by tests/fuzz/judge.py."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx

from tests.fuzz.builder import Builder
from tests.fuzz.outcome import file_outcome
from tests.fuzz.quantisers import quant_node

SAMPLES = 300


def assert_exact(model: onnx.ModelProto | bytes | Path, x: np.ndarray) -> None:
    """The accelerator answers every sample of x [N, features] as the file does, and the file does not answer all alike."""
    found = _outcome(model, x)
    assert found.kind == "exact", f"{found.kind}: {found.detail}"
    assert found.borderline <= 0.2 * len(x)


def assert_refused(model: onnx.ModelProto | bytes | Path, x: np.ndarray, *says: str) -> None:
    """In one line that has all of `says`."""
    found = _outcome(model, x)
    assert found.kind == "refused" and all(text in found.detail for text in says), f"{found.kind}: {found.detail}"


def _outcome(model, x):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if isinstance(model, Path):
            return file_outcome(model, x, Path(folder))
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return file_outcome(path, x)


def brevitas_file(exporter, net, features: int | tuple, dynamo: bool = False) -> bytes:
    """What export_qonnx or export_onnx_qcdq writes of a net in eval mode."""
    import torch

    shape = (features,) if isinstance(features, int) else features
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        options = {"optimize": True, "external_data": False} if dynamo else {}
        exporter(net, torch.zeros(1, *shape), export_path=str(path), dynamo=dynamo, **options)
        return path.read_bytes()


def calibrated(net, features: int | tuple):
    """The net in eval mode, its quantisers settled on random data."""
    import torch

    torch.manual_seed(0)
    shape = (features,) if isinstance(features, int) else features
    for _ in range(4):
        net(torch.randn(64, *shape))
    return net.eval()


def values(features: int, scale: float = 0.25, low: int = -12, high: int = 12, seed: int = 0) -> np.ndarray:
    """float32 [SAMPLES, features] on the levels low..high of a quantiser, half-way between them and a quarter off."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(low, high + 1, (SAMPLES, features)) + rng.choice([0, 0.5, 0.25], (SAMPLES, features))
    return (levels * scale).astype(np.float32)


def integers(features: int, low: int, high: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high + 1, (SAMPLES, features)).astype(np.float32)


class Graph:
    """A network of two layers to be, written by onnx.helper: `input` and `hidden` stand where a case puts its own.

        Graph().model(input=lambda g, t: g.quant(t), hidden=lambda g, t: g.node("Elu", [t]))
    """

    def __init__(self, features: int = 8, shape: list[int] | None = None, opset: int = 18, batch=1, seed: int = 0):
        self.b = Builder(seed, opset, pow2=True)
        self.b.names = "numbered"
        self.shape, self.batch, self.features, self.opset = shape or [features], batch, features, opset
        self.rng = np.random.default_rng(seed)

    def node(self, kind: str, inputs: list, **attributes) -> str:
        """Inputs that are no names become constants of float32, or of int64 where they are lists of Python integers."""
        return self.b.node(kind, [self._named(value) for value in inputs], **attributes)

    def qonnx(self, kind: str, inputs: list, **attributes) -> str:
        return self.b.qonnx(kind, [self._named(value) for value in inputs], **attributes)

    def constant(self, value, kind=np.float32) -> str:
        return self.b.constant(value, kind)

    def quant(self, tensor: str, scale=0.25, bits=4, signed: int = 1, zero=0, rounding: str = "ROUND") -> str:
        return quant_node(self.b, self._named(tensor), scale, zero, bits, signed, 0, rounding)

    def qdq(self, tensor: str, scale=0.25, zero=0, kind=np.int8, clip: tuple | None = None, **attributes) -> str:
        """QuantizeLinear, an integer Clip, DequantizeLinear."""
        constants = [self.constant(scale), self.constant(np.full(np.shape(scale), zero), kind)]
        tensor = self.b.node("QuantizeLinear", [tensor, *constants], **attributes)
        tensor = self.b.clip(tensor, *clip, kind=kind) if clip else tensor
        return self.b.node("DequantizeLinear", [tensor, *constants], **attributes)

    def weights(self, inputs: int, outputs: int, scale=0.125) -> str:
        return self.quant(self.rng.integers(-7, 8, (inputs, outputs)) * np.asarray(scale), scale)

    def layer(self, tensor: str, inputs: int, outputs: int, matrix: str | None = None) -> str:
        return self.node("MatMul", [tensor, matrix or self.weights(inputs, outputs)])

    def model(self, input=None, hidden=None, behind=None, tail=None, width: int | None = None, output_type=onnx.TensorProto.FLOAT,
              quantiser=None) -> onnx.ModelProto:
        """input: to the first layer; hidden: behind the first layer, in front of `quantiser`; behind: behind that; tail: the end."""
        tensor = input(self, "x") if input else self.quant("x")
        tensor = self.layer(tensor, width or self.features, 6)
        tensor = hidden(self, tensor) if hidden else self.node("Relu", [tensor])
        tensor = quantiser(self, tensor) if quantiser else self.quant(tensor, 0.5)
        tensor = behind(self, tensor) if behind else tensor
        tensor = self.layer(tensor, 6, 4)
        tensor = tail(self, tensor) if tail else tensor
        return self.b.model([self.batch, *self.shape], tensor, None if tail else [self.batch, 4], output_type)

    def _named(self, value) -> str:
        if isinstance(value, str):
            return value
        whole = isinstance(value, list) and all(isinstance(entry, int) for entry in value)
        return self.constant(value, np.int64 if whole else np.float32)
