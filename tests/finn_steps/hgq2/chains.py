"""Random chains of HGQ2's layers with learned-like widths, and what they answer, in float64 and without a graph."""

from __future__ import annotations

import numpy as np

from finn_steps.hgq2.network import Activation, Affine, Chain, Dense, Quantiser

ROUND = {"RND": lambda x: np.floor(x + 0.5), "RND_CONV": np.round, "TRN": np.floor}


def random_chain(widths=(8, 10, 6, 4), overflow="WRAP", rounding="RND", seed=0, output=False, most=3):
    """Bits from none to 2 * `most`; with `output`, a quantiser behind the last layer."""
    rng, steps = np.random.default_rng(seed), []
    for number, (MW, MH) in enumerate(zip(widths, widths[1:])):
        steps.append(quantiser(rng, f"dense{number}.iq", MW, overflow, rounding, most))
        weights = rng.integers(-12, 13, (MH, MW)) * (rng.random((MH, MW)) < 0.5) / 8
        steps.append(Dense(f"dense{number}", weights, rng.integers(-16, 17, MH) / 8))
        if number < len(widths) - 2:
            steps.append(Activation(f"dense{number}", "relu"))
    return Chain(widths[0], (*steps, *([quantiser(rng, "last.oq", widths[-1], overflow, rounding, most)] if output else [])))


def quantiser(rng, name, width, overflow, rounding, most):
    k, i, f = rng.integers(0, 2, width), rng.integers(-1, most + 1, width), rng.integers(0, most + 1, width)
    return Quantiser.of(name, rounding, overflow, k, i, f)


def answer(chain, x):
    """float32 [N, features] -> float64 [N, outputs]."""
    x = x.astype(np.float64)
    for step in chain.steps:
        if isinstance(step, Quantiser):
            grid, span = 2.0**-step.fraction, (step.high - step.low + 1).astype(float)
            whole = ROUND[step.rounding](x / grid)
            whole = (whole - step.low) % span + step.low if step.wraps else np.minimum(np.maximum(whole, step.low), step.high)
            x = whole * grid
        elif isinstance(step, Dense):
            x = x @ step.weights.T + step.bias
        elif isinstance(step, Affine):
            x = x * step.factor + step.shift
        else:
            x = np.maximum(x, 0)
    return x


def samples(features, count=3000, seed=0):
    """Numbers near and on the grids' steps and halves, and far from all of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 3, (count, features))
    x[: count // 3] = np.round(x[: count // 3] * 16) / 16
    x[count // 3: count // 2] *= 50
    return x.astype(np.float32)
