"""The small networks that the cost model is fitted to, and those it is judged on: other seeds, sizes, bits and styles mixed."""

from __future__ import annotations

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.accelerator.simplify import simplify
from tests.nets import random_accelerator

U = Folding()


def B(digits: int) -> Folding:  # noqa: N802
    return Folding("bitplane", digits=digits)


def S(cycles: int) -> Folding:  # noqa: N802
    return Folding("serial", max_cycles=cycles)


def F(PE: int, SIMD: int) -> Folding:  # noqa: N802, N803
    return Folding("folded", PE, SIMD)


def net(widths, foldings, **options) -> Accelerator:
    """A random network, simplified as a build would; `foldings` for each layer, or one for all."""
    built = simplify(random_accelerator(widths, **options)).accelerator
    foldings = foldings if isinstance(foldings, tuple) else (foldings,) * len(built.layers)
    return built.with_foldings({layer.name: folding for layer, folding in zip(built.layers, foldings)})


def fitted() -> dict[str, list[Accelerator]]:
    """Style -> networks of that style alone, one resource at a time more or less in the fore. Serial layers are priced as bit planes."""
    sparse = {"zeros": 0.75, "seed": 11}
    cores = [
        ((16, 16), dict(sparse)),
        ((16, 32), dict(zeros=0.5, seed=12, activation_bits=2, input_bits=4)),
        ((32, 24), dict(zeros=0.9, seed=13, input_bits=4, weight_bits=6)),
        ((16, 12, 5), dict(zeros=0.8, seed=14, activation_bits=3, input_bits=6)),
        ((12, 10, 6), dict(zeros=0.6, seed=16, scales="float", input_bits=4, activation_bits=3)),
        ((24, 12, 4), dict(zeros=0.6, seed=17, weight_bits=2, activation_bits=2, input_bits=2)),
    ]
    unrolled = [net(widths, U, **options) for widths, options in cores]
    unrolled.append(net(cores[3][0], Folding(registers_every=3), **cores[3][1]))
    bitplane = [net(widths, B(1), **options) for widths, options in cores]
    bitplane += [net(widths, B(2), **options) for widths, options in (cores[0], cores[3], cores[4])]
    bitplane += [net(widths, S(14), **options) for widths, options in (cores[0], cores[2], cores[4])]
    folded = [
        net((16, 16), F(1, 1), **sparse), net((16, 16), F(4, 4), **sparse), net((16, 16), F(8, 2), **sparse),
        net((32, 24), F(2, 8), zeros=0.8, seed=21, input_bits=4), net((120, 40), F(3, 9), zeros=0.85, seed=28, input_bits=4),
        net((32, 24), F(8, 1), zeros=0.8, seed=21, input_bits=4, weight_bits=6),
        net((48, 16), F(4, 2), zeros=0.85, seed=22, weight_bits=2, input_bits=2), net((48, 32), F(1, 2), zeros=0.9, seed=23, scales="float"),
        net((24, 16, 8), F(2, 2), zeros=0.7, seed=24, input_bits=6),
        net((20, 16, 6), (F(4, 5), F(2, 4)), zeros=0.7, seed=25, scales="float", input_bits=4, activation_bits=2),
        net((64, 32), F(4, 2), zeros=0.9, seed=26, input_bits=4), net((16, 24), F(12, 8), zeros=0.5, seed=27, input_bits=1, weight_bits=2),
    ]
    return {"unrolled": unrolled, "bitplane": bitplane, "folded": folded}


def judged() -> dict[str, Accelerator]:
    """Name -> a network that nothing was fitted to."""
    return {
        "unrolled 20-16-8": net((20, 16, 8), U, zeros=0.8, seed=31, activation_bits=3, input_bits=5),
        "unrolled 12-20, float scales": net((12, 20), U, zeros=0.7, seed=32, scales="float", activation_bits=3, input_bits=6),
        "bit planes 20-24-12": net((20, 24, 12), (B(2), B(1)), zeros=0.8, seed=34, activation_bits=3, input_bits=6),
        "bit planes 16-32-16, II 8": net((16, 32, 16), B(1), zeros=0.85, seed=35),
        "bit planes 12-20, float scales": net((12, 20), B(2), zeros=0.7, seed=36, scales="float", activation_bits=3),
        "serial 20-24-12, II 12": net((20, 24, 12), S(12), zeros=0.8, seed=43, input_bits=6),
        "serial 24-16-10, float scales": net((24, 16, 10), (B(1), S(16)), zeros=0.7, seed=44, scales="float", activation_bits=3),
        "folded 30-20": net((30, 20), F(5, 3), zeros=0.75, seed=37, input_bits=5),
        "folded 40-24-8": net((40, 24, 8), (F(3, 4), F(2, 2)), zeros=0.85, seed=38, weight_bits=3, input_bits=4),
        "folded 100-40": net((100, 40), F(4, 6), zeros=0.85, seed=40, input_bits=5),
        "folded 12-32, float scales": net((12, 32), F(4, 2), zeros=0.6, seed=39, scales="float", activation_bits=3),
        "unrolled, then folded": net((12, 16, 12), (U, F(4, 2)), zeros=0.8, seed=41, input_bits=4),
        "folded, then bit planes": net((24, 16, 12), (F(4, 2), B(1)), zeros=0.8, seed=42, input_bits=4),
    }
