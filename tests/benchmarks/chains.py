"""Networks of the comparison with alkaid, as chains of quantised layers: with HGQ2's learned-like widths, and of one width with power-of-two
scales. The host's input quantiser is left out on both sides: what comes in are its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.emit import emit
from finn_steps.hgq2.network import Activation, Chain, Dense, Quantiser
from finn_steps.importer.lower import import_model

WIDTHS = (16, 20, 16, 12, 5)
FRAMES = 2000
SIZES = {"HGQ2-like, 3 weights a neuron": (3, 0), "HGQ2-like, 5 weights a neuron": (5, 1), "HGQ2-like, 8 weights a neuron": (8, 2)}
POW2 = "4 bit, 75 % zeros, one width, powers of two"


def learned(weights: int, seed: int, overflow: str) -> Chain:
    """16-20-16-12-5 with `weights` a neuron, 7 of 10 of them one power of two; inputs of 2 to 10 bits, activations of 2 to 8, whose integer
    bits are what random inputs need, as HGQ2's tracing sets them (`overflow` for the rest)."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(2, 9, WIDTHS[0])
    first = Quantiser.of("inputs", "RND", "SAT", np.ones(WIDTHS[0], int), np.full(WIDTHS[0], 2), bits - 3)
    x = rng.normal(0, 1.5, (20000, WIDTHS[0]))
    x = np.clip(first.rounded(x), first.low, first.high) * first.step
    steps: list = [first]
    for number, (MW, MH) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        size = np.where(rng.random((MH, MW)) < 0.7, 2.0 ** rng.integers(-3, 2, (MH, MW)), rng.choice([3, 5, 6, 7], (MH, MW)) / 8)
        kept = np.argsort(rng.random((MH, MW)), axis=1) < weights
        dense = Dense(f"dense{number}", size * kept * rng.choice([-1, 1], (MH, MW)), rng.integers(-8, 9, MH) / 8)
        steps.append(dense)
        x = x @ dense.weights.T + dense.bias
        if number < len(WIDTHS) - 2:
            x = np.maximum(x, 0)
            integer = np.ceil(np.log2(np.maximum(x.max(0), 0.25) + 0.25)).astype(int)
            total = rng.integers(2, 7, MH)
            quantiser = Quantiser.of(f"act{number}", "RND", overflow, np.zeros(MH, int), integer, total - integer)
            steps += [Activation(f"relu{number}", "relu"), quantiser]
            whole = quantiser.rounded(x)
            whole = np.clip(whole, quantiser.low, quantiser.high) if overflow == "SAT" else whole % quantiser.span
            x = whole * quantiser.step
    return Chain(WIDTHS[0], tuple(steps))


def power_of_two(seed: int = 0) -> Chain:
    """16-64-32-32-5, 4-bit weights of which 75 % are zero, 8-bit inputs, 4-bit activations that clip."""
    rng, widths = np.random.default_rng(seed), (16, 64, 32, 32, 5)
    ones = np.ones(16, int)
    steps: list = [Quantiser.of("inputs", "TRN", "SAT", ones, 7 * ones, 0 * ones)]
    x = rng.integers(-128, 128, (2000, 16)).astype(float)
    for number, (MW, MH) in enumerate(zip(widths, widths[1:])):
        weights = rng.integers(1, 8, (MH, MW)) * rng.choice([-1, 1], (MH, MW)) * (rng.random((MH, MW)) < 0.25)
        steps.append(Dense(f"dense{number}", weights.astype(float), np.zeros(MH)))
        if number == len(widths) - 2:
            break
        sums = x @ weights.T
        shift = int(np.round(np.log2(2 * sums.std() / 16)))
        zeros = np.zeros(MH, int)
        quantiser = Quantiser.of(f"act{number}", "TRN", "SAT", zeros, zeros + 4 + shift, zeros - shift)
        steps.append(quantiser)
        x = np.clip(quantiser.rounded(sums), 0, 15) * quantiser.step
    return Chain(16, tuple(steps))


def makers():
    """Name -> a function that makes the chain."""
    made = {f"{name}, {overflow}": lambda w=w, s=s, o=overflow: learned(w, s, o) for name, (w, s) in SIZES.items() for overflow in ("WRAP", "SAT")}
    return {**made, POW2: power_of_two}


def built(chain: Chain) -> Accelerator:
    """As a build would have it."""
    return simplify(import_model(emit(chain, "chain")).accelerator).accelerator


def save(chain: Chain, path: Path) -> None:
    """For alkaid_chain.py: the steps behind the input quantiser, frames of inputs, and what our integers answer to them."""
    first, *rest = chain.steps
    accelerator = import_model(emit(chain, "chain")).accelerator
    rng = np.random.default_rng(2)
    q = rng.integers(np.broadcast_to(first.low, (FRAMES, chain.features)), first.high, endpoint=True)
    q[0], q[1] = first.low, first.high
    x = q * first.step
    y = accelerator.dequantise(accelerator.execute(accelerator.quantise(x.astype(np.float32)))).astype(np.float64)
    arrays = {"low": first.low * first.step, "high": first.high * first.step, "step": first.step, "x": x, "y": y, "steps": len(rest)}
    for number, step in enumerate(rest):
        if isinstance(step, Dense):
            found = {"kind": "dense", "weights": step.weights, "bias": step.bias}
        elif isinstance(step, Activation):
            found = {"kind": step.kind}
        else:
            whole = np.log2(step.high + 1).astype(int)
            found = {"kind": "quantiser", "k": (step.low < 0).astype(int), "i": whole - step.fraction, "f": step.fraction,
                     "rounding": step.rounding, "overflow": "WRAP" if step.wraps else "SAT"}
        arrays |= {f"{number}.{name}": value for name, value in found.items()}
    np.savez(path, **arrays)
