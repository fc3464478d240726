"""The integer graph: what it stores exactly, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.accelerator.host import HostOp
from finn_steps.finn.transformation.host_ends import read_host_ends
from finn_steps.finn.transformation.integer_graph import integer_graph
from tests.nets import random_accelerator
from tests.qonnx_nets import qonnx_net


def test_host_ends_ride_along():
    operations = (HostOp("div", np.float32(0.1)), HostOp("clip", [-8, 7]), HostOp("round"))
    accelerator = replace(random_accelerator((4, 3)), host_input=operations)
    ends = read_host_ends(integer_graph(accelerator))
    assert ends.name == accelerator.name and ends.features == 4
    assert [op.op for op in ends.host_input] == ["div", "clip", "round"]
    assert ends.host_input[0].value == np.float32(0.1) and ends.host_input[0].value.dtype == np.float32


def test_a_model_without_them_is_refused():
    with pytest.raises(ValueError, match="step_import_qonnx"):
        read_host_ends(ModelWrapper(qonnx_net()))


def test_constants_beyond_53_bits_are_refused():
    layer = SparseLayer("wide", [[2**54]], [0], None, "INT2", "INT64")
    with pytest.raises(ValueError, match="wide: weights reach 18014398509481984; supported: 53 bits"):
        integer_graph(Accelerator("a", (layer,), 1, np.arange(1)))
