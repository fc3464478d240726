"""CPU time of one training step of one net: Brevitas' own forward pass, ours, several nets stacked into one, and the float net.
Run: python -m tests.benchmarks.training_step"""

from __future__ import annotations

import time

import torch
from brevitas import nn as qnn

from models.configuration import TrainConfig
from models.fitting import FitPlan, Task
from models.learners import Alone, Stack
from models.network import QuantMLP

STEPS, ROUNDS, SAMPLES = 30, 3, 20_000


def step_ms(learner: Alone | Stack, nets: int, batch: int) -> float:
    """Milliseconds of CPU for each net and step of Adam at `batch` samples, on one thread: the best of some rounds."""
    optimiser = torch.optim.Adam(learner.parameters, 1e-4, fused=True)
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(STEPS):
            losses = learner.losses([torch.randint(0, SAMPLES, (batch,)) for _ in range(nets)])
            optimiser.zero_grad(set_to_none=True)
            losses.sum().backward()
            optimiser.step()
        times.append((time.process_time() - started) / STEPS / nets * 1e3)
    return min(times)


def brevitas_only(task: Task) -> Task:
    """The same net without the short cut."""
    for module in task.model.modules():
        if isinstance(module, (qnn.QuantLinear, qnn.QuantReLU)):
            module.__class__ = type(module).__mro__[1]
    return task


def task(config: TrainConfig) -> Task:
    torch.manual_seed(0)
    data = torch.randn(SAMPLES, 16), torch.randint(0, 5, (SAMPLES,))
    model = QuantMLP(config, torch.zeros(16), torch.ones(16), 5).train()
    return Task(model, data, data, FitPlan(1, 0, 1e-4, 1024), torch.Generator())


def main() -> None:
    torch.set_num_threads(1)
    for norm in ("none", "on"):
        six_bits = TrainConfig(batch_norm=norm)
        floats = six_bits.with_fields(weight_bits=32, activation_bits=32, input_bits=32)
        for batch in (256, 512, 1024):
            found = {"Brevitas": step_ms(Alone(brevitas_only(task(six_bits))), 1, batch)}
            for name, config in (("6 bits", six_bits), ("float", floats)):
                found[name] = step_ms(Alone(task(config)), 1, batch)
                for nets in (2, 4, 8):
                    found[f"x{nets}"] = step_ms(Stack([task(config) for _ in range(nets)]), nets, batch)
                print(f"batch norm {norm:4} batch {batch:4}: " + "  ".join(f"{key} {ms:.2f} ms" for key, ms in found.items()))
                found = {}


if __name__ == "__main__":
    main()
