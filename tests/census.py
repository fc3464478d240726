"""`python -m tests.census [WORDS...] [--seconds 120]`: which layers of which designs are proved, as a table of Markdown; of designs
whose name has all the words."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from build_dataflow.configuration import read_options
from build_dataflow.steps import adders_between_registers, limits
from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.choose import choose_foldings
from finn_steps.hgq2.emit import emit
from finn_steps.importer.lower import import_model
from finn_steps.proof.from_file.prove import FileProof, prove_file
from finn_steps.proof.prove import PATIENT_SECONDS, prove
from finn_steps.rtl.generate import generate
from finn_steps.accelerator.simplify import simplify
from tests.benchmarks.networks import SHARED
from tests.benchmarks.ratios import int8_network
from tests.finn_steps.hgq2.chains import random_chain
from tests.nets import JET_WIDTHS, random_accelerator
from tests.qonnx_nets import Net, qonnx_net

SHIPPED = ("jet_qap", "jet_qap_small", "jet_dpp")
STYLES = {
    "unrolled": Folding(), "bitplane": Folding("bitplane", digits=2), "serial": Folding("serial", max_cycles=12),
    "folded": Folding("folded", PE=2, SIMD=2, blocks=0), "folded, block RAM": Folding("folded", PE=2, SIMD=2, blocks=4),
    "folded, DSP": Folding("folded", PE=2, SIMD=2, products="dsp"),
}
SMALL = (8, 6, 5, 3)
Maker = Callable[[], tuple[Accelerator, Path | None]]
"""A network with its foldings, and the file that it was read from."""


def designs(folder: Path) -> dict[tuple[str, str], Maker]:
    """(network, style) -> its maker."""
    found: dict[tuple[str, str], Maker] = {}
    for name in SHIPPED:
        found[name, "as built"] = lambda name=name: _named(name)
    found["jet_qap", "as built, interface valid"] = lambda: _named("jet_qap", interface="valid")
    for stem, target in (("unsw_nb15-mlp-w2a2", None), ("TFC_2W2A", 64)):
        if (SHARED / f"{stem}.onnx").is_file():
            found[stem, f"as chosen for II {target or 1}"] = lambda stem=stem, target=target: _of_file(SHARED / f"{stem}.onnx", target)
    found["onnxruntime, 8 bits, 16-32-5", "as chosen for II 1"] = lambda: _of_file(Path(int8_network(folder)))
    for style, folding in STYLES.items():
        for scales in ("pow2", "float"):
            for seed in (1, 2, 3):
                found[f"random {'-'.join(map(str, SMALL))}, {scales}, seed {seed}", style] = lambda o=(scales, seed), folding=folding: (
                    with_style(random_accelerator(SMALL, zeros=0.4, scales=o[0], seed=o[1]), folding), None)
        found["random 5-6-4-3 from QONNX, seed 3", style] = lambda folding=folding: _of_model(
            qonnx_net(Net(widths=(5, 6, 4, 3), zeros=0.4), seed=3), folder / "net.onnx", folding)
    for seed, rounding, widths in ((1, "RND", (8, 10, 6, 4)), (2, "TRN", (12, 9, 7, 3)), (3, "RND_CONV", (16, 12, 8, 5))):
        found[f"HGQ2 with WRAP, {'-'.join(map(str, widths))}", "unrolled"] = lambda seed=seed, rounding=rounding, widths=widths: _of_model(
            emit(random_chain(widths, "WRAP", rounding, seed), "net"), folder / "net.onnx", STYLES["unrolled"])
    for bits in (4, 6):
        for zeros in (50, 75, 90):
            for scales in ("pow2", "float"):
                found[f"random jets, {bits} bit, {zeros} % zeros, {scales}", "unrolled"] = lambda o=(bits, zeros, scales): (
                    random_accelerator(JET_WIDTHS, weight_bits=o[0], zeros=o[1] / 100, scales=o[2]), None)
    for widths in ((16, 32, 5), JET_WIDTHS):
        found[f"random {'-'.join(map(str, widths))}, 8 bits, dense, float", "unrolled"] = lambda widths=widths: (
            random_accelerator(widths, weight_bits=8, activation_bits=8, zeros=0.05, scales="float"), None)
    return found


def with_style(accelerator: Accelerator, folding: Folding) -> Accelerator:
    return replace(accelerator, layers=tuple(replace(layer, folding=folding) for layer in accelerator.layers))


def _named(name: str, **fields) -> tuple[Accelerator, Path]:
    """As `build NAME` builds it."""
    options = read_options(name, {})
    accelerator = replace(simplify(import_model(options.model).accelerator).accelerator, **fields)
    foldings = choose_foldings(accelerator, options.target_ii_cycles, limits(options), adders_between_registers(options, accelerator))
    return accelerator.with_foldings(foldings), Path(options.model)


def _of_file(path: Path, target: int | None = None) -> tuple[Accelerator, Path]:
    accelerator = simplify(import_model(path).accelerator).accelerator
    return accelerator.with_foldings(choose_foldings(accelerator, target)), path


def _of_model(model, path: Path, folding: Folding) -> tuple[Accelerator, Path]:
    import onnx

    path.write_bytes(model if isinstance(model, bytes) else onnx.ModelProto.SerializeToString(model))
    return with_style(simplify(import_model(path).accelerator).accelerator, folding), path


def row_of(name: str, style: str, maker: Maker, folder: Path, seconds: float) -> str:
    """A line of the table: layers proved, CPU seconds of this process, and of those that are not the reasons."""
    accelerator, file = maker()
    generate(accelerator, folder)
    begin = time.process_time()
    proof = prove(folder, accelerator, seconds)
    between = time.process_time()
    of_file = FileProof((), {}) if file is None else prove_file(file, accelerator, seconds)
    end, layers = time.process_time(), len(accelerator.layers)
    text = "" if file is None else f"{len(of_file.proved)} of {layers}, {end - between:.1f} s"
    why = "; ".join(f"{name}: {reason}" for name, reason in [*proof.not_proved.items(), *of_file.not_proved.items()][:1])
    return f"| {name} | {style} | {len(proof.proved)} of {layers} | {between - begin:.1f} | {text} | {why.replace('|', ' ')} |"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.census", description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seconds", type=float, default=PATIENT_SECONDS, help="of CPU time for each proof")
    options = parser.parse_args(arguments)
    print("| network | style | layers proved | CPU s | of the file | why not |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="qapflow-census-") as name:
        place = Path(name)
        for number, ((network, style), maker) in enumerate(designs(place).items()):
            if all(word in f"{network}, {style}" for word in options.words):
                print(row_of(network, style, maker, place / str(number), options.seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
