"""What FINN's own analysis passes say of SparseMVAU nodes: the cost model's figures, and cycles as the RTL has them."""

from dataclasses import asdict

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.cost import estimate
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.finn_steps.finn.custom_op.test_sparse_mvau import accelerator, converted, model, nodes, specialised  # noqa: F401  fixtures
from tests.nets import random_inputs

PART = "xc7z020clg400-1"
FOLDINGS = [Folding(), Folding("bitplane", digits=2), Folding("serial", max_cycles=11), Folding("folded", PE=2, SIMD=3)]


@pytest.mark.parametrize("folding", FOLDINGS, ids=lambda folding: folding.style)
def test_a_node_by_itself_takes_what_its_layer_alone_takes(accelerator, model, folding, tmp_path):  # noqa: F811
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    for node in nodes(model):
        node.set_folding(folding, model)
    graph = specialised(model)
    resources, cycles = graph.analysis(lambda m: res_estimation(m, PART)), graph.analysis(exp_cycles_per_layer)
    for layer, name in zip(accelerator.with_foldings({layer.name: folding for layer in accelerator.layers}).layers, resources):
        alone = Accelerator(layer.name, (layer,), layer.MW, np.arange(layer.MW))
        expected = estimate(alone)
        found = resources[name]
        assert [found[key] for key in ("LUT", "FF", "BRAM_18K", "DSP")] == [expected.lut, expected.ff, expected.bram, expected.dsp]
        assert found["LUT"] > 0 and found["FF"] > 0
        generate(alone, tmp_path / name)
        x = random_inputs(np.random.default_rng(0), 300, layer.MW, layer.idt)
        assert cycles[name] == Simulation.build(tmp_path / name).run(x).ii_cycles


def test_nodes_of_a_chain_take_shares_that_sum_to_the_whole(accelerator, model):  # noqa: F811
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    whole = estimate(accelerator)
    for node, share in zip(nodes(model), whole.layers):
        node.set_folding(Folding(), model, share)
    resources = specialised(model).analysis(lambda m: res_estimation(m, PART))
    assert abs(sum(found["LUT"] for found in resources.values()) - asdict(whole)["lut"]) <= len(resources)
