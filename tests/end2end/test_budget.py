"""A network of 25,000 nonzeros within a LUT budget that holds for the whole design as Yosys counts it. Minutes, so slow."""

import onnx
import pytest

from build_dataflow.building import build
from build_dataflow.configuration import BuildOptions
from tests.qonnx_nets import Net, qonnx_net


@pytest.mark.slow
def test_a_large_network_within_a_lut_budget(tmp_path):
    model = tmp_path / "random.onnx"
    onnx.save(qonnx_net(Net(widths=(784, 256, 256, 10), zeros=0.9), seed=5), model)
    summary = build(BuildOptions("random", model, lut_budget=20_000, samples=200), tmp_path / "build")
    assert summary["model"]["nonzero_weights"] > 20_000
    assert summary["verification"]["mismatches"] == 0 and summary["verification"]["stall_patterns"] == 3
    assert summary["synthesis"]["lut"] <= 20_000 and summary["synthesis"]["bram"] <= 280
    assert summary["hardware"]["ii_cycles"] == summary["estimate"]["ii_cycles"] < 400
