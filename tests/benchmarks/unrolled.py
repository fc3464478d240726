"""One network, one frame a cycle: our core and da4ml's, each simulated against the integers and counted by Yosys."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import tempfile
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.streams import save_accelerator
from finn_steps.rtl.bitplane import bitplane_core
from finn_steps.rtl.core import Core
from finn_steps.rtl.unrolled import unrolled_core
from tests.benchmarks.counts import count_rtl
from tests.benchmarks.kept import Kept, network_content
from tests.finn_steps.rtl.core_simulation import NO_LINT, simulate
from tests.nets import inputs_in_range, random_inputs

SCRIPT = Path(__file__).with_name("da4ml_network.py")
DA4ML = "da4ml==0.6.0"
DA4ML_LIMIT_S, DA4ML_MEMORY_GB = 600, 8
FRAMES = 2000
NOT_CORES = ("folded", "generate", "stage", "design", "core_cache", "label")


def ours(kept: Kept, accelerator: Accelerator, style: str, foldings: list[Folding], pairs: bool = True) -> dict:
    """Yosys' counts of the core of the whole network, `latency` and `ii` in cycles, the CPU `seconds` of making it, and how
    many of 2,000 frames were `equal` in Verilator."""
    made = made_core(kept, accelerator, style, foldings)
    core = Core(**made["core"])
    equal = kept("simulation", [core.verilog, *network_content(accelerator)], lambda: equal_frames(core, accelerator))
    counts = count_rtl(kept, {"core.sv": core.verilog}, core.module, pairs=pairs)
    return {**counts, "latency": core.latency, "ii": core.ii, "build_s": made["seconds"], "equal": equal}


def made_core(kept: Kept, accelerator: Accelerator, style: str, foldings: list[Folding]) -> dict:
    """The `core`, as a dictionary, and the CPU `seconds` that making it took."""
    folded = accelerator.with_foldings({layer.name: folding for layer, folding in zip(accelerator.layers, foldings)})
    parts = [generator_sources(), style, *(str(vars(layer.folding)) for layer in folded.layers), *network_content(folded)]
    return kept("core", parts, lambda: generate(style, folded))


@cache
def generator_sources() -> bytes:
    """What cores are made by: finn_steps/rtl without folded layers and top levels."""
    files = sorted(Path(bitplane_core.__code__.co_filename).parent.glob("*.[pc]*"))
    return b"".join(path.read_bytes() for path in files if not path.name.startswith(NOT_CORES))


def generate(style: str, accelerator: Accelerator) -> dict:
    started = time.process_time()
    generator = {"unrolled": unrolled_core, "bitplane": bitplane_core}[style]
    core = generator(list(accelerator.layers), "core")
    return {"core": asdict(core), "seconds": round(time.process_time() - started, 2)}


def da4ml(kept: Kept, python: str, accelerators: tuple[Accelerator, ...], adders: int) -> dict:
    """The same of da4ml's RTL with `adders` adders in a stage, the best of its settings; and its own `estimate` of LUTs."""
    made = made_peer(kept, python, accelerators, adders)
    if "failed" in made:
        return made
    network = accelerators[0]
    equal = kept("simulation", [json.dumps(made["files"]), *network_content(network)],
                 lambda: equal_peer(made, accelerators[made["form"]]))
    counts = count_rtl(kept, peer_sources(made), "da4ml_net")
    told = {name: made[name] for name in ("latency", "least_latency", "setting", "form", "tried", "all_seconds")}
    return {**counts, **told, "ii": 1, "build_s": round(made["seconds"], 2), "estimate": made["cost"], "equal": equal}


def made_peer(kept: Kept, python: str, accelerators: tuple[Accelerator, ...], adders: int) -> dict:
    """What da4ml_network.py tells, with the RTL as `files`."""
    parts = [DA4ML, SCRIPT.read_bytes(), str(adders), *(part for each in accelerators for part in network_content(each))]
    return kept("da4ml", parts, lambda: run_da4ml(python, accelerators, adders))


def peer_sources(made: dict) -> dict[str, str]:
    """da4ml's Verilog and tables without its wrapper. Its tables ask for LUT memory; that wish goes, since the count is of
    logic."""
    files = {name: text for name, text in made["files"].items() if "wrapper" not in name}
    return {name: re.sub(r"\(\* rom_style.*?\*\)", "", text) for name, text in files.items()}


def run_da4ml(python: str, accelerators: tuple[Accelerator, ...], adders: int) -> dict:
    """One run of da4ml_network.py; {"failed": why} beyond the limits."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, f"network{number}") for number in range(len(accelerators))]
        for folder, accelerator in zip(folders, accelerators):
            folder.mkdir()
            save_accelerator(accelerator, folder)
        rtl, memory = Path(name, "rtl"), (DA4ML_MEMORY_GB << 30,) * 2
        try:
            done = subprocess.run([python, SCRIPT, rtl, str(adders), *folders], capture_output=True, text=True,
                                  timeout=DA4ML_LIMIT_S, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, memory))
        except subprocess.TimeoutExpired:
            return {"failed": f"da4ml did not end within {DA4ML_LIMIT_S} s"}
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return {"failed": f"da4ml: {lines[-1]}"}
        sources = [*sorted(rtl.glob("src/**/*.v")), *sorted(rtl.glob("src/memfiles/*"))]
        files = {path.name: path.read_text() for path in sources}
        return {**json.loads(done.stdout.strip().splitlines()[-1]), "files": files}


def equal_frames(core: Core, accelerator: Accelerator) -> int:
    """How many of FRAMES frames, back to back at the core's II, the core answers as the integers do."""
    x = inputs_in_range(accelerator, FRAMES, seed=2)
    idt, odt = DataType[accelerator.idt], DataType[accelerator.odt]
    with tempfile.TemporaryDirectory() as name:
        y = simulate(core, x, idt.bitwidth(), odt.bitwidth(), odt.signed(), Path(name), warnings=NO_LINT)
    expected = accelerator.execute(x)
    if accelerator.odt == "BIPOLAR":
        y, expected = y & 1, (expected + 1) // 2
    return int((y == expected).all(1).sum())


def equal_peer(made: dict, accelerator: Accelerator) -> int:
    """The same of da4ml's Verilog, through its own wrapper that gives each output as many bits. Its input register is one more
    cycle."""
    x = random_inputs(np.random.default_rng(2), FRAMES, accelerator.MW, accelerator.idt)
    widths = re.findall(r"\[(\d+):0\] model_(?:inp|out)[,\s]", made["files"]["da4ml_net_wrapper.v"])
    bits_in, bits_out = (int(width) + 1 for width in widths[:2])
    with tempfile.TemporaryDirectory() as name:
        folder, text = Path(name), ""
        for file, content in made["files"].items():
            (folder / file).write_text(content)
            text += content if file.endswith(".v") else ""
        text = re.sub(r'"([\w-]+\.mem)"', lambda match: f'"{folder / match[1]}"', text)
        text += (f"module core(input wire logic clk, input wire logic [{bits_in - 1}:0] x, output logic [{bits_out - 1}:0] y);\n"
                 "  da4ml_net_wrapper wrapper(.clk(clk), .model_inp(x), .model_out(y));\nendmodule\n")
        core = Core("core", text, made["latency"] + 1, 1, bits_in, bits_out)
        per_output = bits_out // accelerator.MH
        y = simulate(core, x, bits_in // accelerator.MW, per_output, False, folder, warnings=NO_LINT)
    expected = accelerator.execute(x)
    scaled = np.round(expected / made["step"]).astype(np.int64)
    return int((y == scaled & (1 << per_output) - 1).all(1).sum())
