"""Networks of the sizes that FINN's examples have, with random weights: LFC (MNIST) and the key-word spotter."""

from __future__ import annotations

from dataclasses import replace

import onnx

from finn_steps.folding.devices import DEVICES

from tests.qonnx_nets import Net, qonnx_net

LFC = (784, 1024, 1024, 1024, 10)
KWS = (490, 256, 256, 256, 12)
BASE = Net(scales="float", per_channel=False, batch_norm=True)
NETS = {
    "kwsmlp": replace(BASE, widths=KWS, weight_bits=3, activation_bits=3, zeros=0.2),
    "lfc_1w1a": replace(BASE, widths=LFC, weight_bits=1, bipolar=True, input_bits=1, zeros=0.0),
    "lfc_2w2a": replace(BASE, widths=LFC, weight_bits=2, activation_bits=2, input_bits=2, zeros=0.3),
    "lfc_1w1a_sparse": replace(BASE, widths=LFC, weight_bits=1, bipolar=True, input_bits=1, zeros=0.9),
    "lfc_2w2a_sparse": replace(BASE, widths=LFC, weight_bits=2, activation_bits=2, input_bits=2, zeros=0.9),
}
"""kwsmlp: 3 bits, inputs of 8. LFC of 1 bit: all weights -1 or 1, or 90 % of them zero; of 2 bits: -1, 0, 1, 30 % zeros as training leaves
them, or 90 %."""
ZCU104, PYNQ = "xczu7ev-ffvc1156-2-e", "xc7z020clg400-1"
CASES = [
    ("kwsmlp", ZCU104, 64),
    ("lfc_1w1a", ZCU104, 512),
    ("lfc_1w1a", PYNQ, 1024),
    ("lfc_2w2a", ZCU104, 1024),
    ("lfc_2w2a", PYNQ, 1024),
    ("lfc_1w1a_sparse", PYNQ, 1024),
    ("lfc_2w2a_sparse", ZCU104, 256),
    ("lfc_2w2a_sparse", PYNQ, 1024),
]
"""(network, part, cycles from frame to frame at the most)."""
SAMPLES, MEMORY_MB = 200, 4096
"""Random inputs, all of them through the RTL; the most memory that the build and all that it started may have at once."""


def faults(summary: dict, part: str, target_ii: int) -> list[str]:
    """What a build of one of CASES did not keep to."""
    verification, estimate = summary["verification"], summary["estimate"]
    lut, _, bram = next(held for name, held in DEVICES.items() if part.startswith(name))
    kept = {
        "exact": verification["mismatches"] == 0 and verification["samples"] == verification["rtl_samples"] == SAMPLES,
        "the rate": summary["hardware"]["ii_cycles"] <= target_ii,
        "memory": summary["memory_mb"]["peak"] <= MEMORY_MB,
        "the part": estimate["lut"] <= lut and estimate["bram"] <= bram,
    }
    return [name for name, true in kept.items() if not true]


def large_net(name: str) -> onnx.ModelProto:
    return qonnx_net(NETS[name], seed=1)
