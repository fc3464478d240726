import numpy as np
import pytest

from tests.nets import random_accelerator, random_inputs


@pytest.mark.parametrize("scales", ["pow2", "float"])
@pytest.mark.parametrize("weight_bits, activation_bits, input_bits", [(4, 4, 8), (6, 6, 8), (2, 1, 1), (1, 2, 2)])
def test_random_accelerator_is_seeded_sparse_and_alive(scales, weight_bits, activation_bits, input_bits):
    nets = [random_accelerator((16, 24, 5), weight_bits, activation_bits, 0.7, 3, scales, input_bits) for _ in range(2)]
    assert nets[0].sha256 == nets[1].sha256
    layer = nets[0].layers[0]
    assert layer.nonzeros == layer.weights.size - round(0.7 * layer.weights.size)
    hidden = layer.execute(random_inputs(np.random.default_rng(0), 500, 16, nets[0].idt))
    assert hidden.min() == 0 and hidden.max() == 2**activation_bits - 1
