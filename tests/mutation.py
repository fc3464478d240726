"""Faulty designs: one change each in the emitted Verilog or memory files of real builds; which defence sees it?

    python -m tests.mutation --designs 500 --kept /tmp/mutation.jsonl --minutes 19

The unchanged designs are proved and simulated first. Defences in order: `tools` (Verilator or Yosys rejects the files), `proof` (a layer
is not proved any more), `simulation` (back to back, gaps and stalls, resets in mid-stream). What all of them let pass is `same` if
Yosys proves it to do what the unchanged design does, from every state (tests/same.py); else `nothing`: a survivor, printed with
its change.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.emit import emit
from finn_steps.importer.lower import import_model
from finn_steps.proof.prove import prove
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from tests.finn_steps.hgq2.chains import random_chain
from tests.nets import random_accelerator
from tests.same import ROUNDS, does_the_same

STYLES = {"unrolled": Folding(), "bitplane": Folding("bitplane", digits=2), "serial": Folding("serial", max_cycles=12),
          "folded": Folding("folded", PE=2, SIMD=2), "float scales": Folding(), "neurons that wrap": Folding()}
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
FRAMES, RESETS = 60, 24
SECONDS = 6
"""Of CPU time for the proof of a faulty design; the unchanged ones take less than two."""
DEFENCES = ("tools", "proof", "simulation", "same", "nothing")


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
    """The first of DEFENCES that sees the change, or shows that it changes nothing."""
    shutil.rmtree(cache / "design", ignore_errors=True)
    shutil.copytree(folder, cache / "design")
    (cache / "design" / mutant.file).write_text(mutant.text)
    proof = prove(cache / "design", accelerator, SECONDS)
    if proof.not_proved:
        return "tools" if any("Yosys" in reason for reason in proof.not_proved.values()) else "proof"
    try:
        simulation = Simulation.build(cache / "design", cache / "simulations")
    except RuntimeError:
        return "tools"
    if not simulates(simulation, accelerator):
        return "simulation"
    return "same" if does_the_same(folder, cache / "design", rounds=ROUNDS) else "nothing"


def simulates(simulation: Simulation, accelerator: Accelerator) -> bool:
    """Whether the answers are right: back to back, with gaps and stalls, and after resets in mid-stream."""
    low, high = accelerator.layers[0].input_low, accelerator.layers[0].input_high
    x = np.concatenate([[low, high], np.random.default_rng(0).integers(low, high + 1, (FRAMES - 2, len(low)))])
    y = accelerator.execute(x)
    runs = [{}, {"input_gaps": 0.3}, {"output_stalls": 0.4}, {"input_gaps": 0.5, "output_stalls": 0.5}]
    runs += [{"output_stalls": 0.3, "resets": (23 + 7 * number, 57 + 11 * number), "seed": number} for number in range(RESETS)]
    try:
        return all(np.array_equal(simulation.trace(x, patience=20_000, **run).y, y) for run in runs)
    except RuntimeError:
        return False


@dataclass(frozen=True)
class Source:
    """A design of one style as it was generated, proved and simulated right, and its changes."""

    style: str
    folder: Path
    accelerator: Accelerator
    changes: Iterator[Mutant]


def network(style: str, seed: int) -> Accelerator:
    """A small network, to be built in one of STYLES."""
    if style == "neurons that wrap":
        accelerator = simplify(import_model(emit(random_chain((6, 5, 4, 3), "WRAP", "RND", seed), "wraps")).accelerator).accelerator
    else:
        accelerator = random_accelerator(widths=(6, 4, 3), zeros=0.4, seed=seed, scales="float" if style == "float scales" else "pow2")
    return replace(accelerator, layers=tuple(replace(layer, folding=STYLES[style]) for layer in accelerator.layers))


def sources(base: Path, seed: int, styles: int = len(STYLES)) -> list[Source]:
    """One of each of the first `styles` styles. RuntimeError where the proof or the simulation does not pass it: then nothing could be told of its changes."""
    found = []
    for number, style in enumerate(list(STYLES)[:styles]):
        accelerator = network(style, seed + number)
        generate(accelerator, base / style)
        proof = prove(base / style, accelerator, SECONDS)
        if proof.not_proved:
            raise RuntimeError(f"{style}, unchanged, is not proved: {proof.not_proved}")
        if not simulates(Simulation.build(base / style, base / "simulations"), accelerator):
            raise RuntimeError(f"{style}, unchanged, does not simulate as its integers say")
        found.append(Source(style, base / style, accelerator, mutants(base / style, style, seed + number)))
    return found


def run(designs: int, seed: int = 0, kept: Path | None = None, seconds: float = float("inf")) -> list[dict]:
    """For each of so many faulty designs, the styles in turn: style, kind, change and defence. What the file `kept` has of an
    earlier run with this seed is taken from there, survivors apart, which are tried again, and it gets what is new; after so many seconds
    no further one begins."""
    end, done = time.monotonic() + seconds, _kept(kept, seed)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        designs_of = sources(base, seed, min(designs, len(STYLES)))
        found = []
        for number in range(designs):
            source = designs_of[number % len(designs_of)]
            mutant = next(source.changes)
            told = {"seed": seed, "style": mutant.style, "kind": mutant.kind, "change": mutant.change}
            before = done[number] if number < len(done) else None
            if before is not None and {key: before[key] for key in told} != told:
                raise RuntimeError(f"{kept}: its design {number + 1} is another one; begin anew, without the file")
            if before is not None and before["defence"] != "nothing":
                found.append(before)
                continue
            if time.monotonic() > end:
                break
            told["defence"] = caught_by(source.folder, source.accelerator, mutant, base)
            print(f"{number + 1}: {mutant.style}, {mutant.kind}: {told['defence']}", file=sys.stderr, flush=True)
            found.append(told)
            if kept is not None:
                kept.write_text("".join(json.dumps(each) + "\n" for each in found + done[len(found):]))
    return found


def _kept(path: Path | None, seed: int) -> list[dict]:
    if path is None or not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    if any(each["seed"] != seed for each in found):
        raise RuntimeError(f"{path} is of another seed")
    return found


def table(found: list[dict], by: str = "kind") -> str:
    """The counts in Markdown, by what was changed or by style."""
    counts = Counter((each[by], each["defence"]) for each in found)
    rows = [(name, lambda kind, name=name: kind == name) for name in dict.fromkeys(kind for kind, _ in counts)]
    lines = [f"| {by} | {' | '.join(DEFENCES)} |", "|---" * (1 + len(DEFENCES)) + "|"]
    for name, chosen in [*rows, ("all", lambda kind: True)]:
        numbers = [sum(count for (kind, at), count in counts.items() if at == defence and chosen(kind)) for defence in DEFENCES]
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="file of results, which an interrupted run goes on with")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no design after this time")
    options = parser.parse_args()
    found = run(options.designs, options.seed, options.kept, 60 * options.minutes)
    print(f"{len(found)} of {options.designs} designs", table(found), table(found, "style"), sep="\n\n")
    for each in found:
        if each["defence"] == "nothing":
            print(f"survivor ({each['style']}, {each['kind']}): {each['change']}")


if __name__ == "__main__":
    main()
