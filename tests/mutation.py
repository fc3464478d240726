"""Faulty designs: one change each in the emitted Verilog or memory files of real builds; which defence sees it?

    python -m tests.mutation --designs 500

Defences in order: `tools` (Verilator or Yosys rejects the files), `proof` (a layer is not proved), `simulation` (back to back,
gaps and stalls, resets in mid-stream). What all of them let pass is printed with its change: a survivor, unless it does the same
as before.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.proof.prove import prove
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.nets import random_accelerator, random_inputs

STYLES = {"unrolled": Folding(), "bitplane": Folding("bitplane", digits=2), "serial": Folding("serial", max_cycles=12),
          "folded": Folding("folded", PE=2, SIMD=2)}
KINDS: dict[str, list[tuple[str, Callable[[re.Match], str]]]] = {
    "weight": [(r"\[(\d+)\](?=[,}])", lambda match: f"[{int(match[1]) ^ 1}]")],
    "sign": [(r"\n        - \{", lambda match: "\n        + {"), (r"~(?=n\d)", lambda match: "")],
    "constant": [(r"(\d+)'d(\d+)", lambda match: f"{match[1]}'d{int(match[2]) ^ 1}"), (r"1'b([01])(?=,)", lambda match: f"1'b{1 - int(match[1])}")],
    "function": [(r" \^ ", lambda match: " | "), (r" & ", lambda match: " | ")],
    "width": [(r"logic \[(\d+):0\] (?=n\d|l\d|\w+_)", lambda match: f"logic [{max(0, int(match[1]) - 1)}:0] ")],
    "register": [(r"(n\d+)_(\d+)(?= <=)", lambda match: f"{match[1]}_{match[2]} <= 1'b0; //"), (r"(n\d+_\d+ <= )(n\d+)(?=;)", lambda match: f"{match[1]}~{match[2]}")],
    "index": [(r"since\[(\d+)\]", lambda match: f"since[{max(0, int(match[1]) - 1)}]"), (r"(\d+)\+:", lambda match: f"{int(match[1]) + 1}+:")],
    "last": [(r"s_last\b(?=[;}])", lambda match: "1'b0"), (r"final_beat && (?=l|s)", lambda match: ""), (r"\{answered_last, y\}", lambda match: "{1'b1, y}")],
    "handshake": [(r"s_valid && s_ready", lambda match: "s_valid"), (r"m_valid && m_ready", lambda match: "m_valid"),
                  (r"credits != '0 && paced", lambda match: "paced"), (r"!m_valid \|\| m_ready", lambda match: "m_ready")],
    "reset": [(r"if \(!rst_n\)", lambda match: "if (1'b0)"), (r"rst_n \?", lambda match: "1'b1 ?"), (r"<= rst_n &&", lambda match: "<= 1'b1 &&")],
    "memory": [(r"(?m)^([0-9a-f]+)$", lambda match: f"{int(match[1], 16) ^ 1:0{len(match[1])}x}")],
}
FRAMES, RESETS = 60, 6


@dataclass(frozen=True)
class Mutant:
    """One changed file of a design."""

    style: str
    kind: str
    file: str
    text: str
    change: str


def mutants(folder: Path, style: str, seed: int) -> Iterator[Mutant]:
    """Changes of a design without end, kind by kind in turn, each at a random place."""
    rng = np.random.default_rng(seed)
    files = {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.suffix in (".sv", ".mem")}
    while True:
        for kind, patterns in KINDS.items():
            names = [name for name in files if (kind == "memory") == name.endswith(".mem")]
            places = [(name, place, change) for name in names for pattern, change in patterns
                      for place in re.finditer(pattern, files[name].split("`ifndef SYNTHESIS")[0]) if change(place) != place[0]]
            if places:
                name, place, change = places[rng.integers(len(places))]
                new = change(place)
                text = files[name][:place.start()] + new + files[name][place.end():]
                yield Mutant(style, kind, name, text, f"{name}: {place[0].strip()!r} -> {new.strip()!r} at {place.start()}")


def caught_by(folder: Path, accelerator: Accelerator, mutant: Mutant, cache: Path) -> str:
    """The first defence that sees the change: tools, proof, simulation or nothing."""
    shutil.rmtree(cache / "design", ignore_errors=True)
    shutil.copytree(folder, cache / "design")
    (cache / "design" / mutant.file).write_text(mutant.text)
    proof = prove(cache / "design", accelerator)
    if proof.not_proved:
        return "tools" if any("Yosys" in reason for reason in proof.not_proved.values()) else "proof"
    try:
        simulation = Simulation.build(cache / "design", cache / "simulations")
    except RuntimeError:
        return "tools"
    return "nothing" if simulates(simulation, accelerator) else "simulation"


def simulates(simulation: Simulation, accelerator: Accelerator) -> bool:
    """Whether the answers are right: back to back, with gaps and stalls, and after resets in mid-stream."""
    x = random_inputs(np.random.default_rng(0), FRAMES, accelerator.MW, accelerator.idt)
    y = accelerator.execute(x)
    runs = [{}, {"input_gaps": 0.3}, {"output_stalls": 0.4}, {"input_gaps": 0.5, "output_stalls": 0.5}]
    runs += [{"output_stalls": 0.3, "resets": (23 + 7 * number, 57 + 11 * number), "seed": number} for number in range(RESETS)]
    try:
        return all(np.array_equal(simulation.trace(x, patience=20_000, **run).y, y) for run in runs)
    except RuntimeError:
        return False


def run(designs: int, seed: int = 0) -> tuple[Counter, list[Mutant]]:
    """(counts of (kind, defence), survivors) of so many faulty designs, the styles in turn."""
    counts: Counter = Counter()
    survivors = []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        sources = []
        for number, (style, folding) in enumerate(STYLES.items()):
            accelerator = random_accelerator(widths=(6, 4, 3), zeros=0.4, seed=seed + number)
            accelerator = replace(accelerator, layers=tuple(replace(layer, folding=folding) for layer in accelerator.layers))
            generate(accelerator, base / style)
            sources.append((base / style, accelerator, mutants(base / style, style, seed + number)))
        for number in range(designs):
            folder, accelerator, changes = sources[number % len(sources)]
            mutant = next(changes)
            defence = caught_by(folder, accelerator, mutant, base)
            counts[mutant.kind, defence] += 1
            print(f"{number + 1}: {mutant.style}, {mutant.kind}: {defence}", file=sys.stderr, flush=True)
            if defence == "nothing":
                survivors.append(mutant)
    return counts, survivors


def table(counts: Counter) -> str:
    """The counts in Markdown."""
    defences = ("tools", "proof", "simulation", "nothing")
    kinds = dict.fromkeys(kind for kind, _ in counts)
    lines = [f"| changed | {' | '.join(defences)} |", "|---" * (1 + len(defences)) + "|"]
    lines += [f"| {kind} | {' | '.join(str(counts[kind, defence]) for defence in defences)} |" for kind in kinds]
    return "\n".join(lines + [f"| all | {' | '.join(str(sum(n for (_, d), n in counts.items() if d == defence)) for defence in defences)} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts, survivors = run(options.designs, options.seed)
    print(table(counts))
    for mutant in survivors:
        print(f"survivor ({mutant.style}, {mutant.kind}): {mutant.change}")


if __name__ == "__main__":
    main()
