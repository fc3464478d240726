"""What alkaid_chain.py and alkaid_network.py share. Runs where they run, in an environment that has alkaid."""

import json
import time

from alkaid.codegen import RTLModel
from alkaid.trace.passes.surrogate import _ternary_add_suffix_width

SOLVERS = ({}, {"method0": "mc"}, {"hard_dc": 0})
TERNARY = 11
"""alkaid's opcode of a ternary adder."""


def write(logic, target, adders, ternary, **told):
    """Write the RTL and print, as a line of JSON: its own `cost`, `latency` in cycles, `ternary_bits`: the columns of its ternary adders by
    its own width formula (each one LUT on the device), and what else is `told`."""
    model = RTLModel(logic, target, "alkaid_net", latency_cutoff=adders, ternary_fuse=ternary, print_latency=False)
    model.write()
    ops = model._comb.ops
    columns = sum(max(0, _ternary_add_suffix_width(place, ops)) for place, op in enumerate(ops) if op.opcode == TERNARY)
    print(json.dumps({"cost": float(logic.cost), "latency": float(model.latency or 0), "ternary_bits": columns, **told}))


def cheapest(settings, made):
    """(logic, setting, seconds) of the setting of which made(setting) is cheapest by alkaid's own estimate."""
    best, started = None, time.time()
    for setting in settings:
        logic = made(setting)
        if best is None or logic.cost < best[0].cost:
            best = logic, setting
    return *best, round(time.time() - started, 1)
