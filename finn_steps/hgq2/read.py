"""Reads a Keras file of HGQ2's layers. Keras and hgq are asked for here only: requirements/hgq2.txt."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from finn_steps.hgq2.form import PASSED_OVER, check_form
from finn_steps.hgq2.network import Activation, Affine, Chain, Dense, Quantiser, Step

SUPPORTED = "QDense, QBatchNormDense, QBatchNormalization, Quantizer, ReLU, Activation (linear, relu, and softmax at the end), Dropout"
MISSING = ("{path} needs Keras and HGQ2, which are not installed here ({error}); `pip install --no-deps -r requirements/hgq2.txt` into the "
           "environment that builds, or give the network as QONNX")


def load_keras(path: Path | str):
    """The Keras model. ValueError where Keras or HGQ2 is missing, or cannot read the file."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import hgq  # noqa: F401  registers its layers
        import keras
    except ImportError as error:
        raise ValueError(MISSING.format(path=path, error=error)) from None
    check_form(Path(path))
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # what Keras' reader raises has no common class
        raise ValueError(f"{path}: Keras cannot read it: {' '.join(str(error).split())[:300]}") from error


def read_chain(model) -> Chain:
    """ValueError, naming the layer, for what cannot be built exactly."""
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.inputs[0].shape) != 2:
        raise ValueError(f"{model.name} has {len(model.inputs)} inputs of shape {[tuple(t.shape) for t in model.inputs]}; supported: one, "
                         "[batch, features]")
    steps: list[Step] = []
    tensor = model.inputs[0]
    chain = type(model).__name__ == "Sequential"  # its layers have a node for each time that one was added behind them
    for layer in model.layers:
        if not chain and type(layer).__name__ != "InputLayer" and layer.input is not tensor:
            raise ValueError(f"layer {layer.name} ({type(layer).__name__}) does not read the one before it; supported: a chain of layers")
        tensor = None if chain else layer.output
        steps += _layer(layer)
    return Chain(int(model.inputs[0].shape[1]), tuple(steps))


def _layer(layer) -> list[Step]:
    kind = type(layer).__name__
    if kind in PASSED_OVER:
        return []
    if kind == "Quantizer":
        return _quantiser(layer, layer.name, layer.input.shape[-1])
    if kind in ("Activation", "ReLU"):
        return _activation(layer, getattr(layer, "activation", None) or kind)
    if kind not in ("QDense", "QBatchNormDense", "QBatchNormalization"):
        raise ValueError(f"layer {layer.name} ({kind}) is not supported; supported: {SUPPORTED}")
    before = _quantiser(layer.iq, f"{layer.name}.iq", layer.input.shape[-1]) if layer.enable_iq else []
    after = _quantiser(layer.oq, f"{layer.name}.oq", layer.output.shape[-1]) if layer.enable_oq else []
    if kind == "QBatchNormalization":
        factor, shift = (_array(part).reshape(-1) for part in layer.qscaler_and_qoffset)
        return [*before, Affine(layer.name, factor, shift), *after]
    weights, bias = _array(layer.qkernel).T, layer.qbias
    dense = Dense(layer.name, weights, np.zeros(len(weights)) if bias is None else _array(bias))
    return [*before, dense, *_activation(layer, layer.activation), *after]


def _activation(layer, function) -> list[Step]:
    kind = getattr(function, "__name__", str(function)).lower()
    if kind in ("linear", "none"):
        return []
    plain = all(getattr(layer, name, None) in (None, 0, 0.0) for name in ("max_value", "negative_slope", "threshold"))
    if kind not in ("relu", "softmax") or not plain:
        more = "" if plain else " with parameters"
        raise ValueError(f"layer {layer.name} ({type(layer).__name__}) has the activation {kind}{more}; supported: linear, relu, and softmax at "
                         "the end")
    return [Activation(layer.name, kind)]


def _quantiser(quantiser, name: str, width: int) -> list[Step]:
    inner = getattr(quantiser, "quantizer", quantiser)
    kind = type(inner).__name__
    if kind == "DummyQuantizer":
        return []
    if not kind.startswith("FixedPointQuantizer"):
        raise ValueError(f"quantiser {name} ({kind}) is not supported; supported: fixed point")
    if getattr(quantiser, "scaler", None) is not None or getattr(quantiser, "affine", None) is not None:
        raise ValueError(f"quantiser {name} has a scale of its own; supported: powers of two")
    spread = [inner.bw_mapper.bw_to_x(bits, (1, width)) for bits in inner.kif]
    k, i, f = (np.broadcast_to(_array(bits).reshape(-1), width).astype(np.int64) for bits in spread)
    return [Quantiser.of(name, inner.round_mode, inner.overflow_mode, k, i, f)]


def _array(tensor) -> np.ndarray:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor), np.float64)
