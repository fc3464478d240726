"""The steps of a build after the FINN graph is made: plain FINN steps `(model, cfg) -> model`, their options in `cfg.build`.

Each leaves its findings in a file of its own under the output folder, so that an interrupted build goes on from the last whole step
and the summary is put together from what is there.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from qonnx.custom_op.registry import getCustomOp

from build_dataflow.beside import begin, result_of
from build_dataflow.configuration import BuildOptions, family_of
from build_dataflow.hold import hold_to_original, keep_original
from build_dataflow.hold_keras import hold_to_keras
from build_dataflow.jsonfile import write_json
from build_dataflow.performance import keep_training
from build_dataflow.proving import proofs_of, prove_build
from build_dataflow.summary import summarise
from build_dataflow.suspicious import undecided, warnings_of
from build_dataflow.synthesis import is_large, luts_for_budget, synthesise_build
from build_dataflow.verify import samples_for, simulation_for, verify_build
from deploy.kit.kit import write_core
from deploy.package import package
from finn_steps.accelerator import Accelerator
from finn_steps.finn.from_model import accelerator_from_model
from finn_steps.folding.asked import Wanted
from finn_steps.folding.choose import choose_foldings, choose_within
from finn_steps.folding.configuration import foldings_as_json, read_foldings
from finn_steps.folding.cost import estimate
from finn_steps.folding.delay import registers_every, widest_sum
from finn_steps.folding.devices import within_device
from finn_steps.folding.streams import save_accelerator
from finn_steps.folding.tune import Limits
from finn_steps.rtl import heap
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.verification.stimulus import corner_inputs

PLANNER, SIMULATION, SYNTHESIS, PROOFS = "planner", "simulation", "synthesis", "proofs"
"""What runs beside the steps: the planner's compiling from the beginning; that of what every simulation needs, from
step_hold_to_original on; the others from step_generate_rtl on."""
LEAST_FRAMES, MOST_FRAMES, BENCH_WORK = 32, 1000, 400_000
"""Of deploy/core/tb: its frames, at least and at most, and LUTs (by the estimate) times cycles of a run at full rate, for Icarus has to go
through all of them."""


def step_hold_to_original(model, cfg):
    """The network as imported against the user's own file, before anything is built; and what looks suspicious in it."""
    begin(SIMULATION, Simulation.prepare)
    folder, build = Path(cfg.output_dir), cfg.build
    keep_original(Path(build.model), folder)
    keep_training(Path(build.model), folder)
    imported = Accelerator.load(folder / "import")
    x, _, _ = samples_for(build, imported)
    held = hold_to_original(folder, x)
    if build.keras is not None:
        held["keras"] = hold_to_keras(folder, Path(build.keras), x)
    write_json(folder / "report" / "original.json", held)
    warnings = [*undecided(held["borderline"], held["samples"]), *warnings_of(imported, imported.quantise(x))]
    write_json(folder / "report" / "warnings.json", {"warnings": warnings})
    return model


def step_choose_folding(model, cfg):
    """Style, PE, SIMD and pipelining of every layer, from the targets or from the user's folding_config.json; what it will take."""
    folder, build = Path(cfg.output_dir), cfg.build
    accelerator = accelerator_from_model(model)
    result_of(PLANNER, heap.prepare)
    if build.folding is not None:
        foldings = read_foldings(build.folding, accelerator)
    else:
        asked = (accelerator, build.target_ii_cycles, limits(build), adders_between_registers(build, accelerator), asked_in_time(build))
        if build.lut_budget is not None and build.synthesis:
            foldings = choose_within(build.lut_budget, lambda folded: synthesised_luts(folded, build), *asked)
        else:
            foldings = choose_foldings(*asked)
    write_json(folder / "folding_config.json", foldings_as_json(foldings))
    estimated = estimate(accelerator.with_foldings(foldings))
    write_json(folder / "report" / "estimate.json", asdict(estimated))
    for node, share in zip(model.graph.node, estimated.layers):
        getCustomOp(node).set_folding(foldings[node.name], model, share)
    return model


def limits(build: BuildOptions) -> Limits:
    """The budgets, the device and the latency that a build must keep to."""
    latency = asked_in_time(build).latency(build.clock_ns)
    return within_device(Limits(build.lut_budget, build.dsp_budget, build.bram_budget, latency), build.part)


def asked_in_time(build: BuildOptions) -> Wanted:
    return Wanted((build.clock_ns, build.clock_ns), build.max_latency_ns, build.target_fps, build.target_ii)


def synthesised_luts(accelerator: Accelerator, build: BuildOptions) -> int:
    """Of the whole design, for the part's family. Yosys' result is kept, so that step_synthesise finds it."""
    with tempfile.TemporaryDirectory(prefix="qapflow-budget-") as folder:
        generate(accelerator, folder)
        return luts_for_budget(Path(folder), build)


def adders_between_registers(build: BuildOptions, accelerator: Accelerator) -> int:
    """As the wanted clock allows on the part, or as the search for one chose."""
    return build.registers_every or registers_every(build.clock_ns, family_of(build.part), widest_sum(accelerator))


def step_generate_rtl(model, cfg):
    """The FINN graph becomes accelerator.json and RTL. Yosys and the proofs begin with it; a large design's wait for their steps, since
    g++ needs the memory."""
    folder = Path(cfg.output_dir)
    accelerator = accelerator_from_model(model)
    save_accelerator(accelerator, folder)
    shutil.rmtree(folder / "rtl", ignore_errors=True)
    generate(accelerator, folder / "rtl")
    if not is_large(folder):
        if cfg.build.synthesis:
            begin(SYNTHESIS, synthesise_build, folder, cfg.build)
        if cfg.build.proof:
            begin(PROOFS, prove_build, folder, cfg.build)
    return model


def step_compile_simulation(model, cfg):
    """Verilator and g++ turn the RTL into a simulation; the same RTL is compiled once on a machine."""
    folder = Path(cfg.output_dir)
    accelerator = Accelerator.load(folder)
    result_of(SIMULATION, Simulation.prepare)
    simulation_for(folder, accelerator, len(samples_for(cfg.build, accelerator)[0]))
    return model


def step_verify_rtl(model, cfg):
    """Every sample through the RTL and through onnxruntime; a differing integer fails the build."""
    verify_build(Path(cfg.output_dir), cfg.build)
    return model


def step_prove(model, cfg):
    """The emitted Verilog is proved to compute the accelerator's integers, layer by layer, for every input, and these to be those of
    the user's file."""
    folder, build = Path(cfg.output_dir), cfg.build
    result_of(PROOFS, prove_build, folder, build)
    if build.require_proof:
        ours, file = proofs_of(folder)
        require(ours["not_proved"], "")
        require(file["not_proved"], " against the file")
    return model


def require(not_proved: dict[str, str], what: str) -> None:
    for name, reason in not_proved.items():
        raise RuntimeError(f"{name} is not proved{what}: {reason}; build without --require-proof to have it all the same")


def step_synthesise(model, cfg):
    """Yosys counts for the family of the part, and for the other one where that costs little."""
    folder = Path(cfg.output_dir)
    write_json(folder / "report" / "synthesis.json", result_of(SYNTHESIS, synthesise_build, folder, cfg.build))
    return model


def step_package(model, cfg):
    """deploy/ and driver/: what goes to the board."""
    folder = Path(cfg.output_dir)
    with np.load(folder / "verification_output" / "vectors.npz", allow_pickle=False) as vectors:
        clock_mhz = 1000 / cfg.build.clock_ns
        package(folder, folder, folder / "rtl", vectors["x"], vectors["integers"], vectors["outputs"], folder / "deploy", clock_mhz)
    return model


def step_write_core(model, cfg):
    """deploy/core/: what goes to an FPGA engineer."""
    folder = Path(cfg.output_dir)
    accelerator, summary = Accelerator.load(folder), summarise(folder, cfg.build, {})
    with np.load(folder / "verification_output" / "vectors.npz", allow_pickle=False) as vectors:
        work = summary["hardware"]["ii_cycles"] * summary["estimate"]["lut"]
        inputs, corners = bench_inputs(accelerator, accelerator.quantise(vectors["x"]), work)
    write_core(folder / "deploy" / "core", folder / "rtl", folder, summary, inputs, accelerator.execute(inputs), corners)
    return model


def bench_inputs(accelerator: Accelerator, q: np.ndarray, work: float) -> tuple[np.ndarray, int]:
    """int64 [N, MW]: corners, evenly chosen where there are many, and frames of q, at least as many; how many are corners. `work`: LUTs times
    cycles of a frame."""
    most = min(MOST_FRAMES, max(LEAST_FRAMES, int(BENCH_WORK / work))) // 2
    corners = corner_inputs(accelerator)
    chosen = corners if len(corners) <= most else corners[np.linspace(0, len(corners) - 1, most).astype(int)]
    return np.concatenate([chosen, q[: 2 * most - len(chosen)]]), len(chosen)
