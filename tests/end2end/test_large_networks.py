"""Networks of FINN's sizes from the file to simulated hardware: exact, on the boards' parts, within 4 GB. Minutes each, so all are slow."""

import onnx
import pytest

from build_dataflow.building import build
from build_dataflow.configuration import BuildOptions
from finn_steps.folding.devices import DEVICES
from tests.large_nets import large_net

ZCU104, PYNQ = "xczu7ev-ffvc1156-2-e", "xc7z020clg400-1"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name, part, target_ii", [
    ("kwsmlp", ZCU104, 64),
    ("lfc_1w1a", ZCU104, 512),
    ("lfc_1w1a", PYNQ, 1024),
    ("lfc_2w2a", ZCU104, 1024),
    ("lfc_2w2a", PYNQ, 1024),
    ("lfc_1w1a_sparse", PYNQ, 1024),
    ("lfc_2w2a_sparse", ZCU104, 256),
    ("lfc_2w2a_sparse", PYNQ, 1024),
])
def test_large_networks(name, part, target_ii, tmp_path):
    onnx.save(large_net(name), tmp_path / "model.onnx")
    options = BuildOptions(name, tmp_path / "model.onnx", part=part, target_ii=target_ii, samples=200, synthesis=False, proof=False)
    summary = build(options, tmp_path / "built")
    verification, estimate = summary["verification"], summary["estimate"]
    assert verification["mismatches"] == 0 and verification["samples"] == verification["rtl_samples"] == 200
    assert summary["hardware"]["ii_cycles"] <= target_ii
    assert summary["memory_mb"]["peak"] <= 4096
    lut, _, bram = next(held for name, held in DEVICES.items() if part.startswith(name))
    assert estimate["lut"] <= lut and estimate["bram"] <= bram
