"""Keras files of HGQ2's layers: exact against Keras' own outputs. Needs requirements/hgq2.txt; without it, the one line that says so."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.convert import KerasFile, converted
from finn_steps.importer.lower import import_model
from tests.finn_steps.hgq2.chains import samples

HERE = importlib.util.find_spec("hgq") is not None
with_keras = pytest.mark.skipif(not HERE, reason="HGQ2 is not installed (requirements/hgq2.txt)")


@pytest.mark.skipif(HERE, reason="HGQ2 is installed")
def test_without_keras_one_line_says_what_to_install(tmp_path):
    (tmp_path / "net.keras").write_bytes(b"")
    with pytest.raises(ValueError, match="net.keras needs Keras and HGQ2.*pip install --no-deps -r requirements/hgq2.txt"):
        converted(tmp_path / "net.keras")


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match="nowhere.keras: no such model"):
        converted(Path("nowhere.keras"))


def random_net(overflow="WRAP", rounding="RND", seed=0, activation="relu", last=None, widths=(8, 10, 6, 4)):
    """A Keras model with random bits for each input, neuron and weight."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    from hgq.config import LayerConfigScope, QuantizerConfigScope
    from hgq.layers import QDense

    rng = np.random.default_rng(seed)
    with QuantizerConfigScope(place="datalane", overflow_mode=overflow, round_mode=rounding), LayerConfigScope(enable_ebops=False):
        tensor = first = keras.Input((widths[0],))
        for number, width in enumerate(widths[1:]):
            tensor = QDense(width, activation=activation if number < len(widths) - 2 else last, name=f"dense{number}")(tensor)
        model = keras.Model(first, tensor)
    for layer in model.layers[1:]:
        inputs, weights = layer.iq.quantizer, layer.kq.quantizer
        inputs._k.assign(rng.integers(0, 2, inputs._k.shape))
        fraction, whole = rng.integers(0, 4, inputs._k.shape), rng.integers(-1, 4, inputs._k.shape)
        for name, value in (("_i", whole), ("_f", fraction), ("_b", whole + fraction)):
            if hasattr(inputs, name):
                getattr(inputs, name).assign(value.astype(np.float32))
        layer._kernel.assign((rng.normal(size=layer._kernel.shape) * (rng.random(layer._kernel.shape) < 0.5)).astype(np.float32))
        layer.bias.assign(rng.normal(size=layer.bias.shape).astype(np.float32))
        weights._b.assign(rng.integers(0, 5, weights._b.shape).astype(np.float32))
    return model


@with_keras
@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM", "WRAP"])
@pytest.mark.parametrize("rounding", ["RND", "RND_CONV", "TRN"])
def test_exact_against_keras(tmp_path, overflow, rounding):
    path = tmp_path / "net.keras"
    random_net(overflow, rounding, seed=len(overflow)).save(path)
    accelerator = simplify(import_model(converted(path)).accelerator).accelerator
    x = samples(8, 4000)
    found = accelerator.dequantise(accelerator.execute(accelerator.quantise(x)))
    assert np.array_equal(found, KerasFile(path).outputs(x)) and len(np.unique(found)) > 8


@with_keras
def test_a_sequential_model_is_a_chain(tmp_path):
    """Whose layers Keras has called anew for each one added, as HGQ2's own examples write them."""
    import keras

    path, layers = tmp_path / "net.keras", random_net(seed=5).layers
    keras.Sequential([keras.layers.Input((8,)), *layers[1:]]).save(path)
    accelerator, x = simplify(import_model(converted(path)).accelerator).accelerator, samples(8)
    assert np.array_equal(accelerator.dequantise(accelerator.execute(accelerator.quantise(x))), KerasFile(path).outputs(x))


@with_keras
def test_a_softmax_at_the_end_is_the_hosts(tmp_path):
    path = tmp_path / "net.keras"
    model = random_net(last="softmax")
    model.save(path)
    accelerator, x = import_model(converted(path)).accelerator, samples(8)
    assert accelerator.host_output[-1].op == "softmax"
    assert np.allclose(accelerator.dequantise(accelerator.execute(accelerator.quantise(x))), model.predict(x, verbose=0), atol=1e-6)


@with_keras
def test_layers_that_cannot_be_built_are_refused_by_name(tmp_path):
    path = tmp_path / "net.keras"
    random_net(activation="tanh").save(path)
    with pytest.raises(ValueError, match=r"layer dense0 \(QDense\) has the activation tanh; supported: linear, relu"):
        converted(path)
    import keras

    first = keras.Input((8,))
    keras.Model(first, keras.layers.Dense(3, name="plain")(first)).save(path)
    with pytest.raises(ValueError, match=r"layer plain \(Dense\) is not supported; supported: QDense"):
        converted(path)
    random_net("WRAP_SM").save(path)
    with pytest.raises(ValueError, match=r"quantiser dense0.iq overflows by WRAP_SM; supported: SAT, SAT_SYM, WRAP"):
        converted(path)
