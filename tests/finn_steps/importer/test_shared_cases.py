"""Every file of the cases that users reported does what its table wants."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.exported import SAMPLES, assert_exact, assert_refused

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "import"
REFUSED = {"residual": "residual", "float_input_qkeras": "--input-quant", "onnx_1_23_default_opset28": "up to 26"}
"""All others are exact; in these one line names the way out."""
NAMES = sorted(path.stem for path in CASES.glob("*.onnx")) if CASES.is_dir() else []


@pytest.mark.skipif(not NAMES, reason=f"the shared cases are not in {CASES}")
def test_the_cases_are_there():
    assert len(NAMES) >= 29


@pytest.mark.parametrize("name", NAMES)
def test_case(name):
    path = CASES / f"{name}.onnx"
    x = reaching(onnx.load(path))
    if name in REFUSED:
        assert_refused(path, x, REFUSED[name])
    else:
        assert_exact(path, x)


def reaching(model: onnx.ModelProto) -> np.ndarray:
    """float32 [SAMPLES, features]: integers of the annotated type, or multiples of half the first input scale and what lies between."""
    rng = np.random.default_rng(0)
    shape = (SAMPLES, int(np.prod([d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]])))
    if any(entry.tensor_name == model.graph.input[0].name for entry in model.graph.quantization_annotation):
        return rng.integers(0, 256, shape).astype(np.float32)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    first = next(n for n in model.graph.node if n.op_type in ("Quant", "QuantizeLinear", "FloatQuant") and n.input[0] not in constants)
    scale = float(numpy_helper.to_array(constants[first.input[1]]).max())
    levels = np.round(rng.normal(0, 6, shape) * rng.choice([1, 10], (SAMPLES, 1)) * 2) / 2
    return ((levels + rng.choice([0, 0.25], shape)) * scale).astype(np.float32)
