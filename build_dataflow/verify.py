"""Verification of one build: the RTL in Verilator, the Accelerator's integers and onnxruntime must say the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from build_dataflow.configuration import BuildOptions
from build_dataflow.hold import LEVELS, Held
from build_dataflow.jsonfile import write_json
from build_dataflow.performance import write_performance
from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.label import labelling
from finn_steps.emulator import Emulator
from finn_steps.accelerator.fixed_output import fixed_answers
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.rtl.design import Design
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.verification.compare import differing_samples, first_mismatch, locate_in_rtl
from finn_steps.verification.reference import Reference
from finn_steps.verification.rounding import Rounding
from finn_steps.verification.stimulus import corner_inputs, random_model_inputs
from models.data.samples import Samples, load_samples

STALLED_SAMPLES = 2000
STALL_PATTERNS = {"stream": ((0.3, 0.0), (0.0, 0.3), (0.5, 0.5)), "valid": ((0.3, 0.0), (0.7, 0.0))}
"""Shares of cycles with an input gap and with an output stall, which only a stream can have."""
RESETS, RESET_FRAMES, RESET_CYCLES = 16, (16, 64), 4096
"""Runs with two resets in mid-stream, and their length: frames of so many cycles, but of a few, which fill every stage."""
PACKAGED_VECTORS = 1000
LOCATED_SAMPLES = 4
CHUNK = 50_000
RTL_CYCLES = 2_000_000
"""Simulated back to back in a build; samples for which they are not enough go through the emulator instead, if that can take them."""
EDGE_CYCLES, EDGE_SAMPLES = 200_000, 64
"""The same, and at least so many samples, of corners and of input levels, of which those that go through the RTL are evenly chosen; and of
samples under each pattern of stalls."""


class VerificationError(RuntimeError):
    """The hardware or the import differs from the model."""


def samples_for(options: BuildOptions, accelerator: Accelerator) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Model inputs float32 [N, features], labels int64 [N] or None, and what they are."""
    found = labelled_samples(options, accelerator)
    return found.x, found.y, found.source


def labelled_samples(options: BuildOptions, accelerator: Accelerator) -> Samples:
    """What a build verifies on, with its labels where they can be those of the network's answers."""
    if options.data is None:
        x = carried(random_model_inputs(accelerator, options.samples, options.seed), options.input_fixed)
        return Samples(x, None, (), f"random inputs, seed {options.seed}")
    found = load_samples(options.data, options.label, options.drop, options.all_rows)
    if found.x.shape[1] != accelerator.features:
        raise ValueError(f"{options.data} has {found.x.shape[1]} features, {options.model} takes {accelerator.features}")
    return replace(found, x=carried(found.x, options.input_fixed), y=labels_for(found, accelerator))


def carried(x: np.ndarray, fixed: FixedInput | None) -> np.ndarray:
    """What wires of fixed-point words carry of inputs: the nearest words' values; without such words the inputs."""
    return x if fixed is None else fixed.apply(x)


def labels_for(found: Samples, accelerator: Accelerator) -> np.ndarray | None:
    """The labels, where they can be those of the network's answers: not of a number that is predicted. ValueError for another
    number of classes."""
    if found.y is None or found.y.ndim > 1:
        return None
    if accelerator.labels is not None:
        return found.y
    outputs = accelerator.MH
    if outputs == 1 and len(found.classes) != 2:
        return None
    if len(found.classes) != max(2, outputs):
        raise ValueError(f"{found.source}: {len(found.classes)} classes, the network answers for {outputs}: accuracy cannot be told; leave the "
                         "label's column out with --drop instead of --label")
    return found.y


def verify_build(folder: Path, options: BuildOptions) -> dict:
    """Verify the build in `folder` on the test split (or random inputs), corners and stalls; write what was seen.

    report/verification.json         counts, measured latency and II, accuracies
    verification_output/vectors.npz  x, integers, outputs: for the package
    VerificationError at the first integer that differs, naming sample, layer, neuron and both values.
    """
    accelerator = Accelerator.load(folder)
    reference = Reference(folder / "standard.onnx")
    samples = labelled_samples(options, accelerator)
    x, labels, source = samples.x, samples.y, samples.source
    simulation = simulation_for(folder, accelerator, len(x))

    q = accelerator.quantise(x)
    computed = accelerator.execute(q)
    borderline = require_equal_to_model(folder, x, computed)
    through_rtl = samples_in_rtl(accelerator, simulation.design, len(x))
    result = simulation.run(q[:through_rtl], seed=options.seed)
    require_equal_rtl(accelerator, q[:through_rtl], computed[:through_rtl], result.y, "back to back")
    require_equal_emulator(accelerator, q, computed, through_rtl)
    few, patterns = q[:stalled_samples(simulation.design)], STALL_PATTERNS[accelerator.interface]
    for gaps, stalls in patterns:
        y = simulation.run(few, input_gaps=gaps, output_stalls=stalls, seed=options.seed).y
        require_equal_rtl(accelerator, few, computed[: len(few)], y, f"{gaps:.0%} input gaps, {stalls:.0%} output stalls")
    corners = corner_inputs(accelerator)
    corners_in_rtl = require_equal_edges(accelerator, simulation, corners, accelerator.execute(corners), "corner inputs")
    require_levels(folder, accelerator, simulation)

    frames = reset_frames(simulation.design)
    resets = verify_resets(accelerator, simulation, q[:frames], computed[:frames], options.seed)

    answers = answers_of(folder, accelerator)
    outputs, model_outputs = accelerator.dequantise(computed), reference.outputs(x)
    decided = ends_in_label(Accelerator.load(folder / "import"))
    answered, model_labels = labels_of(outputs, decided), labels_of(model_outputs, decided)
    scores = None if decided else model_outputs
    if accelerator.labels is not None:
        answered, model_outputs = computed[:, 0], model_labels[:, None]
    differing = differing_samples(answers(reference.integers(x)), computed)
    report = {
        "reference": "onnxruntime",
        "data": source,
        "samples": len(x),
        "rtl_samples": through_rtl,
        "emulator_samples": len(x) - through_rtl,
        "mismatches": int((differing & ~borderline).sum()),
        "borderline": int(borderline.sum()),
        "borderline_differing": int((differing & borderline).sum()),
        "equal_float_outputs": int(np.all(outputs == model_outputs, axis=1).sum()),
        "stall_patterns": len(patterns),
        "stalled_samples": len(few),
        "corners": corners_in_rtl,
        "emulator_corners": len(corners) - corners_in_rtl,
        "resets": resets,
        "latency_cycles": result.latency_cycles,
        "ii_cycles": result.ii_cycles,
    }
    if labels is not None:
        right = {"onnxruntime": float(np.mean(model_labels == labels)), "hardware": float(np.mean(answered == labels))}
        report["accuracy"] = {**right, "samples": len(labels), "dataset": source}
        labels_alone = decided or accelerator.labels is not None
        write_performance(folder, samples, {"onnxruntime": (scores, model_labels), "hardware": (None if labels_alone else outputs, answered)})
    write_json(folder / "report" / "verification.json", report)
    (folder / "verification_output").mkdir(exist_ok=True)
    kept = slice(0, PACKAGED_VECTORS)
    np.savez_compressed(folder / "verification_output" / "vectors.npz", x=x[kept], integers=computed[kept], outputs=outputs[kept])
    return report


def simulation_for(folder: Path, accelerator: Accelerator, samples: int) -> Simulation:
    """Compiled for what verify_build sends through the RTL where it has so many samples."""
    design = Design.load(folder / "rtl")
    slower = sum(1 / (1 - gaps) / (1 - stalls) for gaps, stalls in STALL_PATTERNS[accelerator.interface])
    waiting = min(samples, stalled_samples(design)) * slower + 2 * RESETS * min(samples, reset_frames(design))
    edges = 2 * len(edges_in_rtl(accelerator, design, 2 + 2 * accelerator.MW))
    return Simulation.build(folder / "rtl", samples=int(samples_in_rtl(accelerator, design, samples) + waiting + edges))


def stalled_samples(design: Design) -> int:
    """Samples under each pattern of stalls, at the most."""
    return min(STALLED_SAMPLES, max(EDGE_SAMPLES, EDGE_CYCLES // design.ii))


def edges_in_rtl(accelerator: Accelerator, design: Design, count: int) -> np.ndarray:
    """int64: which of so many corners or levels go through the RTL."""
    most = max(EDGE_SAMPLES, EDGE_CYCLES // design.ii) if Emulator.can(accelerator) else count
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def reset_frames(design: Design) -> int:
    """Of a run with resets."""
    least, most = RESET_FRAMES
    return min(most, max(least, RESET_CYCLES // design.ii))


def samples_in_rtl(accelerator: Accelerator, design: Design, samples: int) -> int:
    """How many of the samples go through the RTL back to back."""
    return min(samples, max(STALLED_SAMPLES, RTL_CYCLES // design.ii)) if Emulator.can(accelerator) else samples


def verify_resets(accelerator: Accelerator, simulation: Simulation, q: np.ndarray, computed: np.ndarray, seed: int) -> int:
    """Reset the design at random moments, twice in a run, among gaps and stalls; what comes after the last reset must be right.
    The number of resets."""
    rng, length = np.random.default_rng(seed), simulation.trace(q, seed=seed).cycles
    for run in range(RESETS):
        first, later = sorted(rng.choice(np.arange(1, length + 1), 2, replace=False).tolist())
        stalls = 0.3 if accelerator.interface == "stream" else 0.0
        y = simulation.trace(q, input_gaps=0.2, output_stalls=stalls, seed=seed + run, resets=(first, later)).y
        require_equal_rtl(accelerator, q, computed, y, f"resets in cycles {first} and {later}")
    return 2 * RESETS


def require_equal_to_model(folder: Path, x: np.ndarray, computed: np.ndarray) -> np.ndarray:
    """Hold the integers to onnxruntime layer by layer; bool [N]: samples that the model's own float rounding may touch.

    computed  int64 [N, MH], what the accelerator that is built computes
    Samples on a threshold within rounding are not compared; sums of a last layer may be off by as much as rounding carries them.
    VerificationError at the first other sample that differs.
    """
    rounding = Rounding.load(folder)
    imported, answers = rounding.imported, answers_of(folder, Accelerator.load(folder))
    model, values = Reference(folder / "standard.onnx").layer_integers(x), imported.quantise(x)
    touched, in_sums = rounding.borderline.samples(imported, values), np.zeros(len(x), bool)
    if "input" in model:
        require_equal_integers("input", model["input"], values, np.zeros(len(x), bool))
    for layer in imported.layers:
        expected = model[layer.name]
        if layer is imported.layers[-1]:
            in_sums, expected = rounding.in_sums(values), rounding.settled(expected, values)
        values = layer.execute(values)
        require_equal_integers(layer.name, expected, values, touched)
    if mismatch := first_mismatch(answers(values), computed, imported.layers[-1].name):
        raise VerificationError(f"the simplified network differs from the imported one: {mismatch}")
    return touched | in_sums


def require_levels(folder: Path, accelerator: Accelerator, simulation: Simulation) -> None:
    """The inputs that the import was held to the user's own file on, through what is built of it; where there are many words of fixed point,
    the RTL takes those on both sides of every step."""
    with np.load(folder / LEVELS, allow_pickle=False) as kept:
        x, words = kept["x"], kept["words"] if "words" in kept.files else None
    if words is not None:
        require_equal_to_model(folder, words, accelerator.execute(accelerator.quantise(words)))
    q = accelerator.quantise(x)
    computed = accelerator.execute(q)
    require_equal_to_model(folder, x, computed)
    require_equal_edges(accelerator, simulation, q, computed, "input levels")


def require_equal_edges(accelerator: Accelerator, simulation: Simulation, q: np.ndarray, expected: np.ndarray, condition: str) -> int:
    """VerificationError where the RTL, or for those that it does not take the emulator, differs from the integers; how many the RTL took."""
    taken = edges_in_rtl(accelerator, simulation.design, len(q))
    require_equal_rtl(accelerator, q[taken], expected[taken], simulation.run(q[taken]).y, condition)
    if len(taken) < len(q):
        require_equal_emulator(accelerator, q, expected, 0)
    return len(taken)


def answers_of(folder: Path, accelerator: Accelerator) -> Callable[[np.ndarray], np.ndarray]:
    """From the last layer's integers of the model, int64 [N, MH], to what the accelerator answers: the same, words, or their labels."""
    imported = Accelerator.load(folder / "import")
    if accelerator.output_fixed is not None:
        return fixed_answers(imported).words
    return (lambda integers: integers) if accelerator.labels is None else labelling(imported).labels


def require_equal_integers(layer: str, expected: np.ndarray, got: np.ndarray, borderline: np.ndarray) -> None:
    if mismatch := first_mismatch(expected, np.where(borderline[:, None], expected, got), layer):
        raise VerificationError(f"the integers differ from onnxruntime: {mismatch}")


def require_equal_rtl(accelerator: Accelerator, q: np.ndarray, expected: np.ndarray, got: np.ndarray, condition: str) -> None:
    """VerificationError where the RTL differs from the integers, with the first layer that goes wrong."""
    mismatch = first_mismatch(expected, got, accelerator.layers[-1].name)
    if not mismatch:
        return
    failing = q[differing_samples(expected, got)][:LOCATED_SAMPLES]
    inner = locate_in_rtl(accelerator, failing, simulate_alone)
    where = f"first in {inner.layer}, neuron {inner.neuron}: expected {inner.expected}, got {inner.got}" if inner else \
        "every layer is right by itself, so the fault is in the streams between them"
    raise VerificationError(f"the RTL differs from the integers ({condition}): {mismatch}; {where}")


def require_equal_emulator(accelerator: Accelerator, q: np.ndarray, expected: np.ndarray, first: int) -> None:
    """VerificationError where the compiled integers differ from sample `first` on; nothing is compiled where there is none."""
    if first == len(q):
        return
    got = np.concatenate([expected[:first], Emulator(accelerator).execute(q[first:])])
    if mismatch := first_mismatch(expected, got, accelerator.layers[-1].name):
        raise VerificationError(f"the emulator differs from the integers: {mismatch}")


def simulate_alone(accelerator: Accelerator, q: np.ndarray) -> np.ndarray:
    """int64 [N, MW] -> int64 [N, MH] through freshly generated RTL."""
    with tempfile.TemporaryDirectory() as folder:
        generate(accelerator, Path(folder) / "rtl")
        return Simulation.build(Path(folder) / "rtl").run(q).y


def extend_verification(folder: Path, samples: int, rtl_samples: int, seed: int) -> dict[str, int]:
    """Random inputs through emulator and onnxruntime, `rtl_samples` of them through the RTL too, and as many as are affordable
    through the user's own file.

    VerificationError or DifferenceError at the first difference; the number compared is returned, and how many were borderline.
    """
    held = Held.load(folder)
    left = held.original.affordable(samples)
    accelerator = Accelerator.load(folder)
    emulator, reference = Emulator(accelerator), Reference(folder / "standard.onnx")
    simulation = Simulation.build(folder / "rtl", samples=rtl_samples)
    rounding = Rounding.load(folder)
    answers, counts = answers_of(folder, accelerator), {"samples": 0, "rtl_samples": 0, "borderline": 0, "original_samples": 0}
    for number, start in enumerate(range(0, samples, CHUNK)):
        x = carried(random_model_inputs(accelerator, min(CHUNK, samples - start), seed + number), accelerator.input_fixed)
        counts["original_samples"] += held.compare(x[: left - counts["original_samples"]]).samples
        q = accelerator.quantise(x)
        computed = emulator.execute(q).astype(np.int64)
        borderline = rounding.samples(rounding.imported.quantise(x))
        if np.any(differing_samples(answers(reference.integers(x)), computed)):
            require_equal_to_model(folder, x, computed)
        counts["borderline"] += int(borderline.sum())
        counts["samples"] += len(x)
        through_rtl = min(len(x), rtl_samples - counts["rtl_samples"])
        if through_rtl > 0:
            require_equal_rtl(accelerator, q[:through_rtl], computed[:through_rtl], simulation.run(q[:through_rtl]).y, "back to back")
            counts["rtl_samples"] += through_rtl
    return counts


def ends_in_label(imported: Accelerator) -> bool:
    """Whether the model's own outputs are labels."""
    return any(op.op == "argmax" for op in imported.host_output)


def labels_of(outputs: np.ndarray, decided: bool = False) -> np.ndarray:
    """int64 [N]: each sample's greatest output, the first of equals; of a single output whether it is positive; where the model
    has `decided`, what it says."""
    if decided:
        return outputs[:, 0].astype(np.int64)
    return outputs.argmax(1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).astype(np.int64)
