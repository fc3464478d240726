"""FINN's own example networks, every layer against onnxruntime, before and after simplification."""

from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model

from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference, write_standard_onnx

MODELS = Path(__file__).resolve().parents[4] / "shared" / "models"
NAMES = ("unsw_nb15-mlp-w2a2.onnx", "TFC_2W2A.onnx")

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason=f"the networks that others made are not in {MODELS}")


def inputs(name, features, samples):
    rng = np.random.default_rng(7)
    x = rng.choice([-1, 1], (samples, features)) if "unsw" in name else rng.integers(0, 256, (samples, features)) / 255
    return x.astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_all_layers_equal_onnxruntime(name, tmp_path):
    imported = import_model(MODELS / name)
    accelerator = imported.accelerator
    write_standard_onnx(imported, tmp_path / "standard.onnx")
    reference = Reference(tmp_path / "standard.onnx")
    x = inputs(name, accelerator.features, 5000)
    expected = reference.layer_integers(x)
    q = accelerator.quantise(x)
    for layer in accelerator.layers:
        q = layer.execute(q)
        assert np.array_equal(q, expected[layer.name]), layer.name
    assert np.array_equal(accelerator.dequantise(q), reference.outputs(x))
    small = simplify(accelerator).accelerator
    assert np.array_equal(small.execute(small.quantise(x)), q)


@pytest.mark.parametrize("name", NAMES)
def test_reference_equals_qonnx_execution(name):
    imported = import_model(MODELS / name)
    x = inputs(name, imported.accelerator.features, 5)
    wrapper = cleanup_model(ModelWrapper(str(MODELS / name)))
    start, end = wrapper.graph.input[0].name, wrapper.graph.output[0].name
    shape = wrapper.get_tensor_shape(start)
    expected = [execute_onnx(wrapper, {start: row.reshape(shape)})[end] for row in x]
    assert np.allclose(Reference(imported).outputs(x), np.concatenate(expected), rtol=1e-5)


def test_what_simplification_leaves_of_unsw():
    small = simplify(import_model(MODELS / NAMES[0]).accelerator).accelerator
    assert small.MW == 471
    assert [layer.MH for layer in small.layers] == [37, 22, 6, 1]
