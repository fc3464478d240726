"""The clock of a build: chosen where a range is given, and what another one would give where it is slack."""

from __future__ import annotations

from dataclasses import replace

from build_dataflow.configuration import BuildOptions, family_of
from finn_steps.accelerator import Accelerator
from finn_steps.folding.asked import Wanted
from finn_steps.folding.clock_search import best_clock
from finn_steps.folding.delay import least_period_ns, widest_sum
from finn_steps.folding.devices import within_device
from finn_steps.folding.tune import Limits
from finn_steps.importer.lower import import_model
from finn_steps.steps import answering, simplified_network


def with_clock(options: BuildOptions) -> BuildOptions:
    """The options with a clock, and adders between registers, from their range; as they are where they name one clock."""
    if options.clock_range is None or options.folding is not None:
        return options
    chosen = best_clock(network_of(options), family_of(options.part), wanted(options), area_limits(options))
    return replace(options, clock_ns=chosen.clock_ns, registers_every=chosen.registers_every)


def network_of(options: BuildOptions) -> Accelerator:
    """The network as a build folds it."""
    imported = import_model(options.model, options.name, options.input_quant)
    return answering(simplified_network(imported, options.input_fixed), options.last_layer, options.interface)


def wanted(options: BuildOptions) -> Wanted:
    return Wanted(options.clock_range or (0.0, float("inf")), options.max_latency_ns, options.target_fps, options.target_ii)


def area_limits(options: BuildOptions) -> Limits:
    return within_device(Limits(options.lut_budget, options.dsp_budget, options.bram_budget), options.part)


def clock_facts(accelerator: Accelerator, options: BuildOptions) -> dict:
    """For the summary: `least_ns`, the shortest period of what was built, an estimate, and its `registers_every`."""
    adders = max(layer.folding.registers_every for layer in accelerator.layers)
    return {"registers_every": adders, "least_ns": least_period_ns(family_of(options.part), adders, widest_sum(accelerator))}
