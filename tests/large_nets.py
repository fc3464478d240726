"""Networks of the sizes that FINN's examples have, with random weights: LFC (MNIST) and the key-word spotter."""

from __future__ import annotations

from dataclasses import replace

import onnx

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


def large_net(name: str) -> onnx.ModelProto:
    return qonnx_net(NETS[name], seed=1)
