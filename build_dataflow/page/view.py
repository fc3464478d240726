"""From the facts of a build to what the template shows: sections of charts, tables and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from build_dataflow.page import alternatives, masks, performance, schedule
from build_dataflow.page.charts import choice, design, physics
from build_dataflow.page.facts import Facts
from build_dataflow.report import describe_file_proof, describe_original
from finn_steps.folding.devices import DEVICES

PORTS = "ports and joins"
INTERFACES = {"stream": "AXI-Streams that may wait", "valid": "valid only: nothing waits"}


@dataclass(frozen=True)
class Measured:
    """What was found out for the page beside the build's own files: see schedule_of and alternatives_of."""

    schedule: dict[str, Any]
    alternatives: dict[str, Any]


def view(build: Facts, measured: Measured) -> dict[str, Any]:
    """All that the template needs of one build; charts by their name."""
    nets, names = performance.nets_of(build), [layer["name"] for layer in build.layers]
    works = [{**work, "title": work["name"] if work["layer"] else f"{work['name']} (join)"}
             for work in schedule.stages(measured.schedule, names)]
    shown = {"build": build, "nets": nets, "unknown": performance.unknown(build), "classes": performance.classes_of(build),
             "points": performance.working_points(build), "efficiencies": performance.EFFICIENCIES, "works": works,
             "schedule": measured.schedule, "alternatives": measured.alternatives, "chosen": alternatives.chosen(build),
             "masks": [mask_of(build, place) for place in range(len(names))], "weights": zeros_by_layer(build), "trust": trust(build),
             "capacity": capacity(build), "facts": facts(build), "charts": {}}
    add_charts(shown)
    return shown


def add_charts(shown: dict[str, Any]) -> None:
    build, made = shown["build"], shown["charts"]
    source = build.performance or build.training.get("performance") or {}
    curves = [{"series": net.title, "roc": net.performance["roc"]} for net in performance.with_roc(build)]
    if curves:
        made["roc"] = physics.roc(curves, source["signal_efficiency"], shown["classes"], "network", band=performance.ROLES["hardware"])
        shown["series"] = [curve["series"] for curve in curves]
    drawn = performance.with_confusion(build)
    if drawn and len(shown["classes"]) <= physics.MOST_CLASSES:
        tables = [{"title": net.title, "confusion": net.performance["confusion"]} for net in drawn]
        made["confusion"] = physics.confusion(tables, shown["classes"])
        shown["confused"] = drawn
    hardware = build.hardware
    if shown["works"]:
        shown["frames"] = schedule.shown_frames(hardware["latency_cycles"], hardware["ii_cycles"])
        works = with_ports(shown["works"], hardware["latency_cycles"])
        made["timeline"] = design.timeline(works, hardware["ii_cycles"], shown["frames"], hardware["clock_ns"])
    rows, measures = share_rows(build, shown["works"])
    shown["shared"] = [name for name in (*(layer["name"] for layer in build.layers), PORTS) if any(row["layer"] == name for row in rows)]
    made["shares"] = design.shares(rows, measures, shown["shared"])
    found = shown["alternatives"]
    if found.get("points") and shown["chosen"]["lut"]:
        told = [{**point, "layers": ", ".join(dict.fromkeys(point["layers"]))} for point in found["points"]]
        made["alternatives"] = choice.alternatives(told, shown["chosen"], alternatives.STYLES)
        shown["styles"] = list(dict.fromkeys(alternatives.STYLES[point["style"]] for point in told))
    if found.get("clocks") and shown["chosen"]["lut"]:
        made["clocks"] = choice.clocks(found["clocks"], shown["chosen"])
        shown["rates"] = list(dict.fromkeys(f"II {point['ii']}" for point in found["clocks"]))


def with_ports(works: list[dict], latency: int) -> list[dict]:
    """The works between the cycle in which a frame is taken and that in which its answer is given."""
    def port(title: str, cycle: int) -> dict:
        return {"title": title, "first": cycle, "last": cycle, "cycles": 1}

    return [port("frame in", 0), *works, port("answer out", latency)]


def share_rows(build: Facts, works: list[dict]) -> tuple[list[dict], list[str]]:
    """What each layer takes of latency (measured: cycles from the last work of what was before it to its own; what is left is for ports
    and joins), LUTs, flip-flops and weights."""
    rows = [{"measure": title, "layer": layer["name"], "value": layer[key], "unit": unit} for key, title, unit in
            (("lut", "LUT", "LUT"), ("ff", "flip-flops", "FF"), ("nonzeros", "weights", "nonzero")) for layer in build.layers if key in layer]
    before = -1
    for work in sorted((work for work in works if work["layer"]), key=lambda work: work["last"]):
        rows.append({"measure": "latency", "layer": work["name"], "value": work["last"] - before, "unit": "cycles"})
        before = work["last"]
    if works:
        rows.append({"measure": "latency", "layer": PORTS, "value": build.hardware["latency_cycles"] - before - 1, "unit": "cycles"})
    order = ["latency", "LUT", "flip-flops", "weights"]
    rows = [row for row in rows if row["value"] > 0]
    return rows, [measure for measure in order if any(row["measure"] == measure for row in rows)]


def mask_of(build: Facts, place: int) -> dict[str, Any]:
    layer = build.accelerator.layers[place]
    inputs = build.feature_names if place == 0 else None
    found = {"name": layer.name, "MW": layer.MW, "MH": layer.MH, "nonzeros": layer.nonzeros, **masks.in_words(layer)}
    if layer.nonzeros <= masks.MOST_MARKS:
        return {**found, "chart": design.mask(layer.name, masks.cells(layer, inputs), layer.MW, layer.MH)}
    return {**found, "picture": masks.picture(layer)}


def zeros_by_layer(build: Facts) -> list[dict[str, Any]]:
    return [{"name": layer["name"], "weights": layer["MW"] * layer["MH"], "nonzeros": layer["nonzeros"],
             "zeros": 1 - layer["nonzeros"] / (layer["MW"] * layer["MH"])} for layer in build.layers]


def capacity(build: Facts) -> dict[str, int]:
    """LUTs, DSPs and block RAMs of the device; empty where it is not known."""
    counts = next((held for name, held in DEVICES.items() if build.hardware["part"].startswith(name)), None)
    return {} if counts is None else dict(zip(("lut", "dsp", "bram"), counts))


def trust(build: Facts) -> list[dict[str, Any]]:
    """What was done to believe in the build, a row each: `what`, `found` in words, and `good`: True, False, or None for what was left open."""
    checks, rows = build.summary.get("verification"), []
    if not checks:
        return [{"what": "Verification", "found": "was not done", "good": None}]
    equal, samples = checks["samples"] - checks["mismatches"], checks["samples"]
    where = f"{checks.get('rtl_samples', samples):,} of them in the simulated RTL"
    if checks.get("emulator_samples"):
        where += f", {checks['emulator_samples']:,} in the compiled emulator"
    rows.append({"what": "Every integer equal to onnxruntime", "good": checks["mismatches"] == 0,
                 "found": f"{equal:,} of {samples:,} samples ({checks['data']}), {where}"})
    if original := checks.get("original"):
        rows.append({"what": "Equal to your own file, untouched", "found": describe_original(original), "good": original["mismatches"] == 0})
    stalled = f"{checks['stalled_samples']:,} samples under each of {checks['stall_patterns']} patterns of gaps and stalls"
    rows.append({"what": "Gaps and stalls", "found": f"{stalled}, all equal", "good": True})
    more = f"{checks['corners']:,} corner inputs" + (f"; {checks['resets']} resets in mid-stream" if "resets" in checks else "")
    rows.append({"what": "Corners and resets", "found": f"{more}, all answers right after them", "good": True})
    if "proved_layers" in checks:
        rows.append(proof_row("RTL proved for every input", checks))
    if file := checks.get("file_proof"):
        rows.append({"what": "Integers proved from the file", "found": describe_file_proof(file), "good": None if file["not_proved"] else True})
    if checks["borderline"]:
        near = f"{checks['borderline']:,} samples, of which {checks['borderline_differing']:,} differ; they are counted, not compared"
        rows.append({"what": "On a threshold within float rounding", "good": None, "found": near})
    return rows


def proof_row(what: str, proof: dict[str, Any]) -> dict[str, Any]:
    proved, left = proof["proved_layers"], proof["not_proved"]
    told = f"{len(proved)} of {len(proved) + len(left)} layers" + "".join(f"; {name} not: {reason}" for name, reason in left.items())
    return {"what": what, "found": told, "good": None if left else True}


def facts(build: Facts) -> list[tuple[str, str]]:
    """Of the build itself: what made it, and what that took."""
    summary, made = build.summary, build.summary["build_dataflow"]
    rows = [("Made by", f"qapflow {made['commit'] or 'outside a checkout'}"), ("Part", build.hardware["part"]),
            ("Interface", INTERFACES[build.hardware.get("interface", "stream")])]
    if record := build.training.get("record"):
        rows.append(("Trained by", f"{record.get('command', 'unknown')}, seed {record.get('seed', 'unknown')}"))
    if seconds := summary.get("time_s"):
        rows.append(("Time", f"{seconds['total']:,.0f} s, most of it {max(seconds['steps'], key=seconds['steps'].get)}"))
    if memory := summary.get("memory_mb"):
        rows.append(("Memory", f"{memory['peak']:,} MB at most"))
    return [*rows, ("Versions", ", ".join(f"{name} {version}" for name, version in made["versions"].items()))]
