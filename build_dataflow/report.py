"""The summary as a person reads it."""

from __future__ import annotations

import difflib
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def find_build(name: str) -> Path:
    """The folder of a finished build: build/NAME, or NAME itself. FileNotFoundError where there is none."""
    for folder in (Path("build") / name, Path(name)):
        if (folder / "report" / "summary.json").is_file():
            return folder
    built = [path.parents[1].name for path in Path("build").glob("*/report/summary.json")]
    near = difflib.get_close_matches(name, built, n=1)
    way_out = f"did you mean {near[0]}?" if near else f"make one with `build {name}`"
    raise FileNotFoundError(f"build/{name}: no finished build here; {way_out}")


def find_package(name: str) -> Path:
    """The folder of a finished build, or of a build.py of one's own, with a package in its deploy/. FileNotFoundError where there is none."""
    return Path(name) if (Path(name) / "deploy" / "driver" / "package.json").is_file() else find_build(name)


def print_report(summary: dict, folder: Path, console: Console | None = None) -> None:
    """Print what matters of the summary: exactness first, then what it costs."""
    console = console or Console(highlight=False)
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in rows(summary):
        facts.add_row(name, value)
    console.print(f"\n[bold]{summary['name']}[/bold]")
    console.print(facts)
    console.print(layer_table(summary))
    for warning in summary.get("warnings", []):
        console.print(f"[yellow]warning[/yellow]: {escape(warning)}", soft_wrap=True)
    console.print(f"\n{folder}/report/summary.json", soft_wrap=True)


TYPES = ("idt", "wdt", "odt")
NUMBERS = ("MW", "MH", "nonzeros", "PE", "SIMD")
ESTIMATES = {"cycles": "cycles", "lut": "~LUT", "ff": "~FF"}
"""By the cost model: a layer's share of a design that is synthesised as one."""


def layer_table(summary: dict) -> Table:
    """A row for each layer: how it is built, and what that takes."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    estimated = {layer["name"]: layer for layer in summary.get("estimate", {}).get("layers", [])}
    for column in ("name", "style", *NUMBERS, *TYPES, *ESTIMATES.values()):
        table.add_column(column, justify="left" if column in ("name", "style", *TYPES) else "right")
    for layer in summary["hardware"]["layers"]:
        counts = estimated.get(layer["name"], {})
        table.add_row(*(str(layer[column]) for column in ("name", "style", *NUMBERS, *TYPES)),
                      *(f"{counts[key]:,}" if key in counts else "" for key in ESTIMATES))
    return table


def rows(summary: dict) -> list[tuple[str, str]]:
    """(name, value) pairs of the report."""
    model, hardware = summary["model"], summary["hardware"]
    nonzeros, weights = model["nonzero_weights"], model["weights"]
    lines = [("weights", f"{nonzeros:,} of {weights:,} nonzero ({1 - nonzeros / weights:.1%} zeros)")]
    if verification := summary.get("verification"):
        samples = verification["samples"]
        text = f"{samples - verification['mismatches']:,} of {samples:,} samples equal to {verification['reference']}"
        text += f" ({verification['data']})"
        if verification.get("emulator_samples"):
            text += f"; {verification['rtl_samples']:,} of them in the RTL, the others in the emulator"
        if verification["borderline"]:
            text += f"; {verification['borderline']:,} on a threshold, or between integers, within float rounding"
        lines.append(("verification", text))
        if original := verification.get("original"):
            lines.append(("your own file", describe_original(original)))
    if verification and "proved_layers" in verification:
        proved, open_ = verification["proved_layers"], verification["not_proved"]
        text = f"{len(proved)} of {len(proved) + len(open_)} layers, for every input"
        lines.append(("proof", text + "".join(f"; {name} not: {reason}" for name, reason in open_.items())))
    if verification and (file := verification.get("file_proof")):
        lines.append(("proof, from the file", describe_file_proof(file)))
    if accuracy := summary.get("accuracy"):
        lines.append(("accuracy", f"{accuracy['hardware']:.4f} hardware, {accuracy['onnxruntime']:.4f} onnxruntime"))
    for name, way in (("input_fixed", "in"), ("output_fixed", "out")):
        if words := hardware.get(name):
            lines.append((f"fixed point {way}", f"ap_fixed<W,I> words, W,I = {words}"))
    clock = hardware["clock_ns"]
    latency, ii = hardware["latency_cycles"], hardware["ii_cycles"]
    lines.append(("latency", f"{latency} cycles ({latency * clock:.0f} ns at {clock:g} ns)"))
    lines.append(("II", f"{ii:g} cycles ({1e3 / (ii * clock):.4g} million inferences/s at {clock:g} ns)"))
    lines += clock_row(hardware)
    if synthesis := summary.get("synthesis"):
        for result in (synthesis, *synthesis.get("other_families", {}).values()):
            lines.append((f"Yosys, {result['family']}", counted(result)))
    if memory := summary.get("memory_mb"):
        most = max(memory["steps"], key=memory["steps"].get)
        lines.append(("this build", f"{summary['time_s']['total']:,.0f} s, {memory['peak']:,} MB of memory at most ({most})"))
    return lines


def describe_file_proof(file: dict) -> str:
    proved, open_ = file["proved_layers"], file["not_proved"]
    text = f"integers of {len(proved)} of {len(proved) + len(open_)} layers, in exact arithmetic"
    if file["undecided"]:
        text += f", but for {file['undecided']:,} accumulators within float rounding of a step"
    return text + "".join(f"; {name} not: {reason}" for name, reason in open_.items())


def describe_original(original: dict) -> str:
    equal = original["samples"] - original["borderline"]
    text = f"{equal:,} of {original['samples']:,} samples equal to it, untouched, in {original['executor']}"
    if original["borderline"]:
        text += f"; {original['borderline']:,} on a threshold, or between integers, within float rounding"
    words = f", {original['words']:,} through the words of each input" if "words" in original else ""
    return f"{text}; {original['levels']:,} levels of each input and {original['corners']:,} corners among them{words}"


def counted(result: dict) -> str:
    """Cells of one family: Yosys' counts, or what stands for them where it was not done."""
    counts = ", ".join(f"{result[key]:,} {label}" for key, label in COUNTS if key in result)
    if not result.get("timed_out"):
        return f"{counts}, {result['logic_levels']} logic levels"
    error = result.get("by_layer", {}).get("error")
    source = f"its layers synthesised apart, to {error:.0%} of the LUTs" if error else "the cost model"
    return f"not done after {result['timeout_s']:g} s; an estimate by {source}: {counts}"


def clock_row(hardware: dict) -> list[tuple[str, str]]:
    """What another clock would give, where this one is far from the shortest that the estimate allows."""
    least, clock, adders = (hardware.get("clock") or {}).get("least_ns"), hardware["clock_ns"], (hardware.get("clock") or {}).get("registers_every")
    if least is None:
        return []
    held = f"{adders} adder{'s' if adders > 1 else ''} between registers need{'' if adders > 1 else 's'} {least:g} ns, by an estimate"
    if clock < least:
        return [("clock", f"{held}: {clock:g} ns is short")]
    if clock < SLACK * least:
        return []
    latency, ii = hardware["latency_cycles"], hardware["ii_cycles"]
    return [("clock", f"{held}: at {least:g} ns the latency would be {latency * least:.0f} ns, the II {ii * least:.4g} ns; --clock-ns "
                      f"{least:g}:{4 * least:g} with --max-latency-ns or --target-fps tries fewer registers too")]


SLACK = 1.2
"""A clock is slack from so many times the shortest period on."""
COUNTS = (("lut", "LUT"), ("ff", "FF"), ("carry", "CARRY4"), ("dsp", "DSP"), ("bram", "BRAM18"))
