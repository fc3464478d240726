"""Networks of FINN's sizes from the file to simulated hardware: exact, on the boards' parts, within 4 GB. Minutes each, so all are slow;
`python -m tests.benchmarks.large` builds the same ones and writes down what they took."""

import onnx
import pytest

from build_dataflow.building import build
from build_dataflow.configuration import BuildOptions
from tests.large_nets import CASES, SAMPLES, faults, large_net

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name, part, target_ii", CASES)
def test_large_networks(name, part, target_ii, tmp_path):
    onnx.save(large_net(name), tmp_path / "model.onnx")
    options = BuildOptions(name, tmp_path / "model.onnx", part=part, target_ii=target_ii, samples=SAMPLES, synthesis=False, proof=False)
    assert faults(build(options, tmp_path / "built"), part, target_ii) == []
