"""Translation validation: the emitted Verilog computes what the Accelerator's integers say, for every input of the input
datatype."""

from __future__ import annotations

import json
from pathlib import Path

from finn_steps.accelerator import Accelerator
from finn_steps.proof.attempt import Proof, prove_layers
from finn_steps.proof.frames import Pattern, run_frames
from finn_steps.proof.graph import Graph
from finn_steps.proof.limits import Deadline, NotUnderstood
from finn_steps.proof.netlist import read_netlist
from finn_steps.proof.ports import assumed_bits, check_last, check_widths, input_boundary, outputs_of, streams_of

TOP = "finn_accel"
SECONDS, PATIENT_SECONDS = 20, 120
"""Of CPU time that a build spends on the proof, and one that requires it."""
BACK_TO_BACK = Pattern("back to back")


def prove(rtl_folder: Path | str, accelerator: Accelerator, seconds: float = SECONDS) -> Proof:
    """Read an RTL folder back and prove its layers, in at most about so many seconds of CPU time.

    What is proved: from any state before a reset, frames that come back to back and whose answers are taken at once are all
    answered as the layers say, whatever they hold, and TLAST with them, for ever: the state is run until it recurs. A layer is
    proved if every bit that the layers after it read of its outputs is what its weights, bias and thresholds say, for all values
    that its inputs can take: of the first layer, all in their ranges. Where nothing waits (interface valid) the frames come as often as
    design.json says, and all are answered after the same time.
    """
    deadline = Deadline(seconds)
    try:
        netlist, (into, out) = read_netlist(rtl_folder, TOP), streams_of(rtl_folder, accelerator)
        check_widths(netlist, into, out)
        graph = Graph()
        pattern = BACK_TO_BACK if accelerator.interface == "stream" else Pattern.every(cycles_of(rtl_folder))
        answers = run_frames(netlist, graph, pattern, into.beats, out.beats, deadline, assumed_bits(graph, accelerator, into))
        if accelerator.interface == "stream":
            check_last(graph, answers, into, out)
        return prove_layers(graph, outputs_of(answers, out), accelerator, input_boundary(graph, accelerator, into), deadline)
    except NotUnderstood as reason:
        return Proof((), {layer.name: str(reason) for layer in accelerator.layers})
    except Exception as error:  # a checker that fails has proved nothing; the build is told so, and goes on
        reason = f"the checker itself failed ({type(error).__name__}: {' '.join(str(error).split())})"
        return Proof((), {layer.name: reason for layer in accelerator.layers})


def cycles_of(rtl_folder: Path | str) -> int:
    """From frame to frame, as design.json says."""
    return json.loads((Path(rtl_folder) / "design.json").read_text())["ii"]
