"""CPU time of one training step: Brevitas' own forward pass, ours, and the float net. Run: python -m tests.benchmarks.training_step"""

from __future__ import annotations

import time

import torch
from brevitas import nn as qnn
from torch.nn import functional as F

from models.configuration import TrainConfig
from models.network import QuantMLP

STEPS = 60


def step_ms(model: QuantMLP, batch: int) -> float:
    """Milliseconds of CPU for one step of Adam at `batch` samples, on one thread."""
    torch.manual_seed(0)
    x, y = torch.randn(20_000, 16), torch.randint(0, 5, (20_000,))
    optimiser = torch.optim.Adam(model.parameters(), 1e-4, fused=True)
    model.train()
    for step in range(STEPS + 10):
        if step == 10:
            started = time.process_time()
        chosen = torch.arange(step * 100, step * 100 + batch)
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(model.forward_quantised(x[chosen]), y[chosen]).backward()
        optimiser.step()
    return (time.process_time() - started) / STEPS * 1e3


def brevitas_only(model: QuantMLP) -> QuantMLP:
    """The same net without the short cut."""
    for module in model.modules():
        if isinstance(module, (qnn.QuantLinear, qnn.QuantReLU)):
            module.__class__ = type(module).__mro__[1]
    return model


def main() -> None:
    torch.set_num_threads(1)
    plain = TrainConfig(batch_norm="none")
    nets = {
        "Brevitas": lambda: brevitas_only(network(plain)),
        "short cut": lambda: network(plain),
        "float": lambda: network(plain.with_fields(weight_bits=32, activation_bits=32, input_bits=32)),
    }
    for batch in (256, 1024, 4096):
        print(f"batch {batch:5}: " + "  ".join(f"{name} {step_ms(make(), batch):.2f} ms" for name, make in nets.items()))


def network(config: TrainConfig) -> QuantMLP:
    torch.manual_seed(0)
    return QuantMLP(config, torch.zeros(16), torch.ones(16), 5)


if __name__ == "__main__":
    main()
