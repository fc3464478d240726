import onnx
import pytest

from tests.qonnx_nets import Net, qonnx_net

SMALL = Net(widths=(6, 8, 5, 3), weight_bits=3, activation_bits=3, input_bits=4, zeros=0.5)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """A small QONNX file, in a folder with a space in its name."""
    path = tmp_path_factory.mktemp("a model") / "small.onnx"
    onnx.save(qonnx_net(SMALL, seed=7), path)
    return path
