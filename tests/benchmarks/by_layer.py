"""How near the sum of the layers, synthesised apart, is to Yosys' count of the whole.

    nice -n 10 python -m tests.benchmarks.by_layer                    every network of the comparison, in three styles; a day on two cores
    nice -n 10 python -m tests.benchmarks.by_layer jet_qap jet_dpp    these

Yosys' results are kept (finn_steps/synthesis), so a run that was killed goes on. The worst error is what ERROR in
finn_steps/synthesis/by_layer.py must hold.
"""

from __future__ import annotations

import argparse
from functools import partial

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.synthesis.by_layer import ERROR, by_layer, counted
from finn_steps.synthesis.yosys import synthesise
from tests.benchmarks.networks import makers, network
from tests.benchmarks.scale import lanes

II = 64
STYLES = ("unrolled", "bitplane", "folded")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="*", default=list(makers()), help="of tests/benchmarks/networks.py")
    parser.add_argument("--style", action="append", choices=STYLES, help="this one only; may be repeated")
    told = parser.parse_args()
    errors = []
    for name in told.network:
        for style in told.style or STYLES:
            whole, apart = luts(folded(network(name)[1], style))
            errors.append(apart / whole - 1)
            print(f"{name}, {style}: {whole:,} LUT, by its layers {apart:,} ({errors[-1]:+.1%})", flush=True)
    print(f"{len(errors)} designs, at worst {max(map(abs, errors)):.1%}; stated: {ERROR:.0%}")


def folded(accelerator: Accelerator, style: str) -> Accelerator:
    """All layers in one style; folded ones with lanes for II."""
    if style == "folded":
        return accelerator.with_foldings({name: Folding(**folding) for name, folding in lanes(accelerator, II).items()})
    return accelerator.with_foldings({layer.name: Folding(style) for layer in accelerator.layers})


def luts(accelerator: Accelerator) -> tuple[int, int]:
    """(of the whole, of the sum of its layers), for 7 series."""
    count = partial(synthesise, family="xc7")
    return counted(accelerator, count).lut, by_layer(accelerator, count).lut


if __name__ == "__main__":
    main()
