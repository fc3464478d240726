"""FINN build steps: plain functions `(model, cfg) -> model`, for builds of ours and for a DataflowBuildConfig of the user's own.

    import finn_steps.steps
    finn_steps.steps.register()

and FINN finds all of them by their names (docs/finn.md). Without options of ours (cfg.build) they are told by FINN's own fields.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import RemoveUnusedTensors

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_input import with_fixed_input
from finn_steps.accelerator.fixed_output import with_fixed_output
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.accelerator.label import with_label
from finn_steps.accelerator.simplify import simplify
from finn_steps.finn.chains import chain_accelerator, is_whole, sparse_chains
from finn_steps.finn.plug_in import Asked, plugs_in, register_steps, require_untouched
from finn_steps.finn.transformation.integer_graph import integer_graph
from finn_steps.folding.choose import choose_foldings
from finn_steps.folding.configuration import foldings_as_json, read_foldings
from finn_steps.folding.cost import estimate
from finn_steps.folding.delay import registers_every, widest_sum
from finn_steps.folding.devices import family_of, within_device
from finn_steps.folding.streams import save_accelerator
from finn_steps.folding.tune import Limits
from finn_steps.importer.lower import Imported, import_model
from finn_steps.original.meeting import save_meetings
from finn_steps.rtl.generate import generate
from finn_steps.synthesis.yosys import synthesise
from finn_steps.tools.files import write_atomically
from finn_steps.verification.finn_graph import against_model, against_nodes
from finn_steps.verification.reference import write_standard_onnx
from finn_steps.verification.stimulus import ROUNDING


@plugs_in
def step_import_qonnx(model: ModelWrapper, cfg) -> ModelWrapper:
    """The model becomes an integer network without dead parts. Beside it are written, for verification and report:

    standard.onnx       the model in standard operators, for Reference
    import/             the network before simplification (accelerator.json, .npz), borderline.npz, and meetings.json: where the
                        user's file has the same integers
    report/import.json  the model's sizes, and what simplification removed
    The graph is that of the accelerator that takes and answers what the build asks for (words of fixed point, labels), at the interface that
    it asks for.
    """
    folder = Path(cfg.output_dir)
    build = getattr(cfg, "build", None)
    if build is None:
        require_untouched(model, cfg)
    imported = import_model(getattr(build, "model", model), name_of(cfg), getattr(build, "input_quant", None))
    fixed = getattr(build, "input_fixed", None)
    simplified = simplified_network(imported)
    write_standard_onnx(imported, folder / "standard.onnx")
    for name in ("import", "report"):
        (folder / name).mkdir(exist_ok=True)
    save_accelerator(imported.accelerator, folder / "import")
    imported.borderline.save(folder / "import" / "borderline.npz")
    save_meetings(imported.meetings, folder / "import" / "meetings.json")
    facts = model_facts(imported.accelerator, simplified)
    write_atomically(folder / "report" / "import.json", (json.dumps(facts, indent=2) + "\n").encode())
    built = simplified if fixed is None else simplified_network(imported, fixed)
    return integer_graph(answering(built, getattr(build, "last_layer", None), getattr(build, "interface", "stream")))


def simplified_network(imported: Imported, fixed: FixedInput | None = None) -> Accelerator:
    """What is built of an imported network, but for what it answers with. ValueError where words of fixed point cannot come in."""
    if fixed is None:
        return simplify(imported.accelerator).accelerator
    if not any(op.op in (*ROUNDING, "count") for op in imported.accelerator.host_input):
        raise ValueError(f"--input-fixed {fixed}: the model's inputs are whole numbers already, which the hardware takes as they are; leave it out")
    return simplify(with_fixed_input(imported.accelerator, fixed)).accelerator


def answering(accelerator: Accelerator, last_layer: str | None, interface: str = "stream") -> Accelerator:
    """What is built: the raw integers, fixed-point words where they are asked for, or labels, also where the model ends in ArgMax or TopK and
    its shape allows."""
    accelerator = replace(accelerator, interface=interface)
    ends_in_label = any(op.op == "argmax" for op in accelerator.host_output)
    if last_layer == "raw" or last_layer is None and not ends_in_label:
        return accelerator
    if last_layer == "fixed":
        return with_fixed_output(accelerator)
    try:
        return with_label(accelerator)
    except ValueError:
        if last_layer == "label":
            raise
        return accelerator


def model_facts(imported: Accelerator, simplified: Accelerator) -> dict:
    """Sizes of the model as it came, and of what cannot change any output."""
    layers = imported.layers
    return {
        "weights": sum(layer.weights.size for layer in layers),
        "nonzero_weights": sum(layer.nonzeros for layer in layers),
        "weight_bits": [DataType[layer.wdt].bitwidth() for layer in layers],
        "activation_bits": [DataType[layer.odt].bitwidth() for layer in layers if layer.thresholds is not None],
        "input_bits": DataType[imported.idt].bitwidth(),
        "removed": {
            "inputs": imported.MW - simplified.MW,
            "neurons": sum(a.MH - b.MH for a, b in zip(layers, simplified.layers)),
            "nonzero_weights": sum(a.nonzeros - b.nonzeros for a, b in zip(layers, simplified.layers)),
        },
    }


@plugs_in
def step_infer_sparse_mvau(model: ModelWrapper, cfg) -> ModelWrapper:
    """FINN's MVAU and Thresholding nodes become SparseMVAU nodes; its other nodes stay. ValueError where there is no MVAU."""
    from finn_steps.finn.transformation.infer_sparse_mvau import InferSparseMVAU

    if not model.get_nodes_by_op_type("MVAU"):
        raise ValueError("the graph has no MVAU node; step_convert_to_hw, in front of it, makes them")
    return model.transform(InferSparseMVAU()).transform(RemoveUnusedTensors())


@plugs_in
def step_choose_sparse_folding(model: ModelWrapper, cfg) -> ModelWrapper:
    """Style, PE, SIMD and pipelining of every SparseMVAU, by FINN's fields: the least area at target_fps and synth_clk_period_ns within the
    part, a frame a cycle without a rate, or what folding_config_file says. Writes sparse_folding_config.json."""
    asked, chains = Asked.of(cfg), sparse_chains(model)
    accelerators, chosen = [chain_accelerator(model, chain) for chain in chains], {}
    read = None if asked.folding is None else read_foldings(asked.folding, SimpleNamespace(layers=[a for b in accelerators for a in b.layers]))
    for chain, accelerator in zip(chains, accelerators):
        adders = registers_every(asked.clock_ns, family_of(asked.part), widest_sum(accelerator))
        names = [layer.name for layer in accelerator.layers]
        foldings = choose_foldings(accelerator, asked.target_ii or 1, within_device(Limits(), asked.part), adders) if read is None else \
            {name: read[name] for name in names}
        chosen |= foldings
        for node, name, share in zip(chain, names, estimate(accelerator.with_foldings(foldings)).layers):
            getCustomOp(node).set_folding(foldings[name], model, share)
    write_atomically(Path(cfg.output_dir) / "sparse_folding_config.json", (json.dumps(foldings_as_json(chosen), indent=2) + "\n").encode())
    return model


@plugs_in
def step_generate_sparse_rtl(model: ModelWrapper, cfg) -> ModelWrapper:
    """rtl/ and accelerator.json of a graph that step_import_qonnx made; beside FINN's own nodes sparse/<layer>/ with both for each run of
    SparseMVAU nodes."""
    for chain in sparse_chains(model):
        folder, accelerator = sparse_folder(model, cfg, chain), chain_accelerator(model, chain)
        folder.mkdir(parents=True, exist_ok=True)
        save_accelerator(accelerator, folder)
        generate(accelerator, folder / "rtl")
    return model


@plugs_in
def step_verify_sparse_rtl(model: ModelWrapper, cfg) -> ModelWrapper:
    """What step_generate_sparse_rtl wrote, in Verilator on random inputs, with gaps and stalls: against onnxruntime on the imported model, or,
    beside FINN's nodes, against the graph's own nodes in Python. Writes report/sparse_verification.json; RuntimeError at a difference."""
    report = {}
    for chain in sparse_chains(model):
        folder, accelerator = sparse_folder(model, cfg, chain), chain_accelerator(model, chain)
        whole = is_whole(model, chain)
        seen = against_model(folder, accelerator) if whole else against_nodes(folder, accelerator, model, chain)
        report[accelerator.name] = {"reference": "onnxruntime" if whole else "the graph's nodes in Python", **seen}
    write_atomically(cfg.get_report_directory() / "sparse_verification.json", (json.dumps(report, indent=2) + "\n").encode())
    return model


@plugs_in
def step_synthesise_sparse(model: ModelWrapper, cfg) -> ModelWrapper:
    """Yosys counts what step_generate_sparse_rtl wrote, for the part's family: report/sparse_synthesis.json."""
    family = family_of(Asked.of(cfg).part)
    found = {chain_accelerator(model, chain).name: asdict(synthesise(sparse_folder(model, cfg, chain) / "rtl", family))
             for chain in sparse_chains(model)}
    write_atomically(cfg.get_report_directory() / "sparse_synthesis.json", (json.dumps({"family": family, **found}, indent=2) + "\n").encode())
    return model


STEPS = [step_import_qonnx, step_infer_sparse_mvau, step_choose_sparse_folding, step_generate_sparse_rtl, step_verify_sparse_rtl,
         step_synthesise_sparse]


def register() -> None:
    """FINN starts here, with Vivado or without, and finds STEPS by their names in DataflowBuildConfig(steps=[...])."""
    register_steps(STEPS)


def sparse_folder(model: ModelWrapper, cfg, chain) -> Path:
    """Where the RTL of a chain goes."""
    folder = Path(cfg.output_dir)
    return folder if is_whole(model, chain) else folder / "sparse" / getCustomOp(chain[0]).get_nodeattr("layer")


def name_of(cfg) -> str:
    """The build's name, or the output folder's."""
    return getattr(getattr(cfg, "build", None), "name", None) or Path(cfg.output_dir).name
